"""The world of a cassette: recorded answers, no network, and a list of every request."""

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

from bizosaas_xero.contract.observation import Inputs, SentRequest
from bizosaas_xero.contract.scenarios import Contract, Scenario
from bizosaas_xero.contract.scrub import Scrubber

MATCH_ON = ("method", "scheme", "host", "port", "path", "query", "meaning", "written")
READ_METHODS = ("GET", "HEAD", "OPTIONS")
MATCHED_HEADERS = ("authorization", "if-modified-since", "if-none-match", "idempotency-key", "accept")


def vcr_config(scrubber: Scrubber) -> dict[str, Any]:
    """Return the configuration of VCR: how cassettes are written and matched."""
    return {
        "match_on": MATCH_ON,
        "before_record_request": scrubber.request,
        "before_record_response": scrubber.response,
        "decode_compressed_response": True,
        "allow_playback_repeats": False,
    }


def matched_headers(contract: Contract) -> tuple[str, ...]:
    """Return the request headers on which a cassette is matched."""
    return (*MATCHED_HEADERS, *(name.lower() for name in contract.headers))


def matchers(contract: Contract) -> dict[str, Callable[[Request, Request], None]]:
    """Return the matchers that VCR lacks."""
    names = matched_headers(contract)

    def meaning(one: Request, other: Request) -> None:
        for name in names:
            assert one.headers.get(name) == other.headers.get(name), name  # noqa: S101 (VCR's protocol)

    return {"meaning": meaning, "written": _match_body}


def _match_body(one: Request, other: Request) -> None:
    if one.method not in READ_METHODS:
        assert _canonical(one) == _canonical(other), "body"  # noqa: S101 (VCR's protocol)


def _canonical(request: Request) -> Any:
    text = (request.body_bytes or b"").decode(errors="replace")
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return sorted(parse_qsl(text, keep_blank_values=True)) or text


class Replay:
    """A scenario's cassette as the world of a connector.

    Args:
        contract: Holds the inputs.
        scenario: The scenario that is played.
        cassette: VCR's open cassette.
        traveller: Moves the clock.
    """

    def __init__(
        self,
        contract: Contract,
        scenario: Scenario,
        cassette: Cassette,
        traveller: time_machine.Traveller | None = None,
    ) -> None:
        self.sent: list[SentRequest] = []
        self._contract, self._scenario, self._cassette = contract, scenario, cassette
        self._traveller = traveller
        track_requests(cassette, self.sent)

    def inputs(self) -> Inputs:
        """Return the scenario's inputs from ``contract.toml``."""
        return inputs_for(self._contract, self._scenario)

    def consent(self, url: str, redirect_uri: str) -> str:
        """Return a callback address with the scenario's query."""
        state = parse_qs(urlsplit(url).query).get("state", [""])[0]
        return f"{redirect_uri}?{self._scenario.callback.format(state=state)}"

    def happens(self, event: str) -> None:
        """Let time pass; other events are in the cassette."""
        word, _, seconds = event.partition(" ")
        if word == "wait" and self._traveller:
            self._traveller.shift(float(seconds))

    def writes(self) -> int:
        """Count the requests that write."""
        return sum(1 for sent in self.sent if sent.text.partition(" ")[0] not in READ_METHODS)

    def written(self) -> list[Mapping[str, Any]]:
        """Return the requests that write."""
        return parse_writes(self.sent)

    def wire(self) -> str:
        """Return all text of the cassette's answers."""
        return "\n".join(_text(response) for response in self._cassette.responses)

    def keys(self) -> None:
        """Return ``None``: a cassette does not list keys; ``expect.records`` has their number."""

    def unused(self) -> int:
        """Count the recorded interactions that were not requested."""
        return int(len(self._cassette) - self._cassette.play_count)


def parse_writes(sent: list[SentRequest]) -> list[Mapping[str, Any]]:
    """Return the requests that write, as ``method``, ``path``, ``query`` and ``body``."""
    writes: list[Mapping[str, Any]] = []
    for request in sent:
        method, _, rest = request.text.partition(" ")
        if method in READ_METHODS:
            continue
        url, _, text = rest.partition(" ")
        parts = urlsplit(url)
        try:
            body = json.loads(text, parse_float=Decimal)
        except ValueError:
            body = text or None
        writes.append({"method": method, "path": parts.path, "query": dict(parse_qsl(parts.query)), "body": body})
    return writes


def inputs_for(contract: Contract, scenario: Scenario) -> Inputs:
    """Return a scenario's inputs, as its contract defines them."""
    connection = _choose(contract.connections, scenario.connection) or {}
    settings = {**connection.get("settings", {}), **scenario.settings}
    grant = _choose(contract.grants, scenario.grant)
    if grant:
        connection = {**connection, "access_token": grant["access_token"]}
    return Inputs(
        app=_choose(contract.apps, scenario.app),
        grant=grant,
        connection={**connection, "settings": settings} if connection else {},
        settings=settings,
    )


def _choose(list_clauses: Mapping[str, Any], name: str | None) -> Any:
    if not list_clauses or name == "":
        return None
    return list_clauses[name] if name else next(iter(list_clauses.values()))


def track_requests(cassette: Cassette, sent: list[SentRequest]) -> None:
    """Append every request that is looked up in a cassette to ``sent``."""
    look_up = cassette.can_play_response_for

    def look_up_and_track(request: Request) -> Any:
        known = look_up(request) and (request.method in READ_METHODS or _is_in_order(cassette, request))
        body = (request.body_bytes or b"").decode(errors="replace")
        sent.append(SentRequest(f"{request.method} {request.uri} {body}".strip(), bool(known)))
        return known

    cassette.can_play_response_for = look_up_and_track


def _is_in_order(cassette: Cassette, request: Request) -> bool:
    """Return whether everything recorded before a write was requested: a check must come before its write."""
    turns = (turn for turn, _ in cassette._responses(request) if not cassette.play_counts[turn])  # noqa: SLF001
    return all(cassette.play_counts[turn] for turn in range(next(turns, 0)))


def _text(response: Mapping[str, Any]) -> str:
    body = response["body"].get("string") or b""
    return body.decode(errors="replace") if isinstance(body, bytes) else str(body)


@contextlib.contextmanager
def freeze_time(moment: datetime | None, *, sleeping: bool = False) -> Iterator[time_machine.Traveller]:
    """Set the clock to a moment; it runs from there, and a sleep moves it instead of waiting.

    Args:
        moment: The moment; now, if it is ``None``.
        sleeping: Really sleep, as when recording.
    """
    with time_machine.travel(moment or datetime.now(UTC), tick=True) as traveller, _without_retry_waits():
        real_sleep = time.sleep
        if not sleeping:
            time.sleep = lambda seconds: traveller.shift(max(0.0, float(seconds)))
        try:
            yield traveller
        finally:
            time.sleep = real_sleep


@contextlib.contextmanager
def _without_retry_waits() -> Iterator[None]:
    try:
        import stamina
    except ImportError:  # the connector retries without stamina, through time.sleep
        yield
        return
    with stamina.set_testing(True, attempts=100, cap=True):
        yield
