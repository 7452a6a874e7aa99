"""Answers of Xero that are JSON, and wrong: a field gone, null, of another type, absurd or unheard of."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
from hypothesis import strategies as st

GONE = "(gone)"
"""Marks a field that is removed."""

NESTED: Any = {"a": [{"b": [None, {"c": "d"}]}]}
for _ in range(40):
    NESTED = [NESTED]

JUNK: tuple[Any, ...] = (
    *(GONE, None, True, 0, -1, 7, 10**30, -0.005, 1e300, "", " ", "junk", "\0", "-5.00", "1e999999999"),
    *("9" * 5000, "XXX", "UNHEARD_OF", "/Date(99999999999999999)/", "0001-01-01T00:00:00+14:00", "../.."),
    *([], {}, [None], ["junk"], [{}], [[]], {"a": None}, NESTED),
)
"""The values that replace a value."""

Path = tuple[str | int, ...]


def paths(value: Any, here: Path = ()) -> Iterator[Path]:
    """Give the path of every value in a JSON tree."""
    yield here
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield from paths(each, (*here, name))


def places(value: Any) -> dict[Path, list[Path]]:
    """Return the paths by what they are of: those that differ in numbers alone are of one thing."""
    found: dict[Path, list[Path]] = {}
    for path in paths(value):
        found.setdefault(tuple("*" if isinstance(name, int) else name for name in path), []).append(path)
    return found


def changed(value: Any, path: Path, junk: Any) -> Any:
    """Return the tree with junk in one place."""
    if not path:
        return junk
    name, *rest = path
    tree = copy.copy(value)
    if not rest and junk is GONE:
        del tree[name]
    else:
        tree[name] = changed(value[name], tuple(rest), junk)
    return tree


@dataclass(frozen=True)
class Sent:
    """A request and what was answered, as they were recorded."""

    method: str
    target: str
    status: int
    body: bytes

    @property
    def answer(self) -> Any:
        """The JSON of a good answer, else ``None``."""
        return json.loads(self.body) if self.status == httpx.codes.OK and self.body else None


class Recording:
    """Records what a call asks for, and answers another call from that, with one answer changed.

    Use :attr:`recorder` for the first call, and the handler of :meth:`replay` for each other.
    """

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self._wire = httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))

    def recorder(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, and keep its answer."""
        answer = self._wire.handle_request(request)
        body = answer.read()
        answer.close()
        self.sent.append(Sent(request.method, _target(request), answer.status_code, body))
        return httpx.Response(answer.status_code, content=body)

    def replay(self, number: int, answer: Any) -> Callable[[httpx.Request], httpx.Response]:
        """Return a handler that gives this answer to the request of this number, and the recorded to others.

        What was not recorded is not found.
        """
        answers = {(sent.method, sent.target): (sent.status, sent.body) for sent in self.sent}
        chosen = self.sent[number]
        answers[chosen.method, chosen.target] = (200, json.dumps(answer).encode())

        def handler(request: httpx.Request) -> httpx.Response:
            status, body = answers.get((request.method, _target(request)), (404, b"{}"))
            return httpx.Response(status, content=body)

        return handler


def _target(request: httpx.Request) -> str:
    return request.url.raw_path.decode()


def mutations(recording: Recording) -> st.SearchStrategy[tuple[int, Any]]:
    """Draw the number of a request, and its answer with one to three values changed."""

    @st.composite
    def drawn(draw: st.DrawFn) -> tuple[int, Any]:
        number = draw(st.sampled_from([n for n, sent in enumerate(recording.sent) if sent.answer is not None]))
        answer = recording.sent[number].answer
        for _ in range(draw(st.integers(1, 3))):
            found = places(answer)
            path = draw(st.sampled_from(found[draw(st.sampled_from(sorted(found, key=str)))]))
            answer = changed(answer, path, draw(st.sampled_from(JUNK)))
        return number, answer

    return drawn()
