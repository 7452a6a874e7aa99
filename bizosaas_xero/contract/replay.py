"""The world of a cassette: recorded answers, no network, and a note of every request."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import time_machine
from vcr.cassette import Cassette
from vcr.request import Request

from bizosaas_xero.contract.observation import Inputs, Sent
from bizosaas_xero.contract.scenarios import Contract, Scenario
from bizosaas_xero.contract.scrub import Scrubber

MATCH_ON = ("method", "scheme", "host", "port", "path", "query", "meaning", "written")
READING = ("GET", "HEAD", "OPTIONS")
MATCHED_HEADERS = ("authorization", "if-modified-since", "if-none-match", "idempotency-key", "accept")


def vcr_config(scrubber: Scrubber) -> dict[str, Any]:
    """Return how cassettes are written and matched."""
    return {
        "match_on": MATCH_ON,
        "before_record_request": scrubber.request,
        "before_record_response": scrubber.response,
        "decode_compressed_response": True,
        "allow_playback_repeats": False,
    }


def headers_of(contract: Contract) -> tuple[str, ...]:
    """Return the request headers that carry meaning."""
    return (*MATCHED_HEADERS, *(name.lower() for name in contract.headers))


def matchers(contract: Contract) -> dict[str, Callable[[Request, Request], None]]:
    """Return the matchers that VCR has not."""
    names = headers_of(contract)

    def meaning(one: Request, other: Request) -> None:
        for name in names:
            assert one.headers.get(name) == other.headers.get(name), name  # noqa: S101 (VCR's way)

    return {"meaning": meaning, "written": _written}


def _written(one: Request, other: Request) -> None:
    if one.method not in READING:
        assert _canonical(one) == _canonical(other), "body"  # noqa: S101 (VCR's way)


def _canonical(request: Request) -> Any:
    text = (request.body_bytes or b"").decode(errors="replace")
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return sorted(parse_qsl(text, keep_blank_values=True)) or text


class Replay:
    """A scenario's cassette as the world of a connector.

    Args:
        contract: Gives the inputs.
        scenario: What is played.
        cassette: VCR's cassette, open.
        traveller: Moves the time.
    """

    def __init__(
        self,
        contract: Contract,
        scenario: Scenario,
        cassette: Cassette,
        traveller: time_machine.Traveller | None = None,
    ) -> None:
        self.sent: list[Sent] = []
        self._contract, self._scenario, self._cassette = contract, scenario, cassette
        self._traveller = traveller
        watch(cassette, self.sent)

    def inputs(self) -> Inputs:
        """Return what ``contract.toml`` gives."""
        return inputs_of(self._contract, self._scenario)

    def consent(self, url: str, redirect_uri: str) -> str:
        """Come back with what the scenario says."""
        state = parse_qs(urlsplit(url).query).get("state", [""])[0]
        return f"{redirect_uri}?{self._scenario.callback.format(state=state)}"

    def happens(self, event: str) -> None:
        """Let time pass; everything else is in the cassette."""
        word, _, seconds = event.partition(" ")
        if word == "wait" and self._traveller:
            self._traveller.shift(float(seconds))

    def writes(self) -> int:
        """Count the requests that are no reading."""
        return sum(1 for sent in self.sent if sent.text.partition(" ")[0] not in READING)

    def wire(self) -> str:
        """Return all the text in the cassette's answers."""
        return "\n".join(_text(response) for response in self._cassette.responses)

    def keys(self) -> None:
        """Return nothing: ``expect.records`` tells how many there are."""

    def unused(self) -> int:
        """Count what was not asked for."""
        return int(len(self._cassette) - self._cassette.play_count)


def inputs_of(contract: Contract, scenario: Scenario) -> Inputs:
    """Return what a scenario begins with, as its contract tells."""
    connection = _named(contract.connections, scenario.connection) or {}
    settings = {**connection.get("settings", {}), **scenario.settings}
    grant = _named(contract.grants, scenario.grant)
    if grant:
        connection = {**connection, "access_token": grant["access_token"]}
    return Inputs(
        app=_named(contract.apps, scenario.app),
        grant=grant,
        connection={**connection, "settings": settings} if connection else {},
        settings=settings,
    )


def _named(table: Mapping[str, Any], name: str | None) -> Any:
    if not table or name == "":
        return None
    return table[name] if name else next(iter(table.values()))


def watch(cassette: Cassette, sent: list[Sent]) -> None:
    """Note every request that is looked up in a cassette."""
    ask = cassette.can_play_response_for

    def asked(request: Request) -> Any:
        known = ask(request) and (request.method in READING or _in_turn(cassette, request))
        body = (request.body_bytes or b"").decode(errors="replace")
        sent.append(Sent(f"{request.method} {request.uri} {body}".strip(), bool(known)))
        return known

    cassette.can_play_response_for = asked


def _in_turn(cassette: Cassette, request: Request) -> bool:
    """Tell whether all that was recorded before a write was asked for: who looks must look before."""
    turns = (turn for turn, _ in cassette._responses(request) if not cassette.play_counts[turn])  # noqa: SLF001
    return all(cassette.play_counts[turn] for turn in range(next(turns, 0)))


def _text(response: Mapping[str, Any]) -> str:
    body = response["body"].get("string") or b""
    return body.decode(errors="replace") if isinstance(body, bytes) else str(body)


@contextlib.contextmanager
def at(moment: datetime | None, *, sleeping: bool = False) -> Iterator[time_machine.Traveller]:
    """Let it be a moment; the clock goes on from there, and by itself when somebody sleeps.

    Args:
        moment: Now, if there is none.
        sleeping: Really sleep, as when recording.
    """
    with time_machine.travel(moment or datetime.now(UTC), tick=True) as traveller, _retries_at_once():
        slept = time.sleep
        if not sleeping:
            time.sleep = lambda seconds: traveller.shift(max(0.0, float(seconds)))
        try:
            yield traveller
        finally:
            time.sleep = slept


@contextlib.contextmanager
def _retries_at_once() -> Iterator[None]:
    try:
        import stamina
    except ImportError:  # the connector retries in another way, through time.sleep
        yield
        return
    with stamina.set_testing(True, attempts=100, cap=True):
        yield
