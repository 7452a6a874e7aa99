"""Play a scenario against a server, and write the requests and answers into its cassette."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import pytest
import time_machine
from vcr.cassette import Cassette

from bizosaas_xero.contract import replay
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.observation import Inputs, Observation, SentRequest
from bizosaas_xero.contract.player import play
from bizosaas_xero.contract.scenarios import Scenario
from bizosaas_xero.contract.scrub import Scrubber


class Stage(Protocol):
    """A server, set up for one scenario.

    Attributes:
        bases: Its addresses, with those to write into the cassette, by part of the path.
        salt: Salt of the pseudonyms; a secret if the data are real.
        frozen: Whether its clock stays at the scenario's moment; that of a real server does not.
    """

    bases: Mapping[str, Mapping[str, str]]
    salt: bytes
    frozen: bool

    def inputs(self) -> Inputs:
        """Return the scenario's inputs."""

    def consent(self, url: str) -> str:
        """Consent as a person, and return the callback address."""

    def happens(self, event: str) -> None:
        """Make something happen; see :meth:`bizosaas_xero.contract.observation.World.happens`."""


StageFactory = Callable[[Subject, Scenario], contextlib.AbstractContextManager[Stage]]


class _Recording:
    def __init__(self, stage: Stage, cassette: Cassette, traveller: time_machine.Traveller | None) -> None:
        self.sent: list[SentRequest] = []
        self._stage, self._cassette, self._traveller = stage, cassette, traveller
        replay.track_requests(cassette, self.sent)

    def inputs(self) -> Inputs:
        return self._stage.inputs()

    def consent(self, url: str, _redirect_uri: str) -> str:
        return self._stage.consent(url)

    def happens(self, event: str) -> None:
        word, _, seconds = event.partition(" ")
        if word == "wait" and self._traveller:
            self._traveller.shift(float(seconds))
        self._stage.happens(event)

    def writes(self) -> int:
        return sum(1 for sent in self.sent if sent.text.partition(" ")[0] not in replay.READ_METHODS)

    def written(self) -> list[Mapping[str, Any]]:
        return replay.parse_writes(self.sent)

    def wire(self) -> str | None:
        return None

    def keys(self) -> None:
        return None

    def unused(self) -> int:
        return 0


def record(subject: Subject, scenario: Scenario, make: StageFactory, folder: str, config: pytest.Config) -> Observation:
    """Record one scenario; its cassette is replaced."""
    from pytest_recording._vcr import use_cassette

    contract = subject.contract
    with contextlib.ExitStack() as exits:
        moment = scenario.frozen or contract.frozen
        traveller = None
        stage: Stage | None = None
        if getattr(make, "frozen", True):
            traveller = exits.enter_context(replay.freeze_time(moment))
        stage = exits.enter_context(make(subject, scenario))
        known: dict[str, str] = {}
        for value, name in _iter_pseudonyms(stage.inputs(), replay.inputs_for(contract, scenario)):
            known.setdefault(value, name)
        scrubber = Scrubber(known, stage.bases, replay.matched_headers(contract), stage.salt)
        cassette = exits.enter_context(
            use_cassette(scenario.name, folder, "rewrite", [], replay.vcr_config(scrubber), config)
        )
        seen = play(subject, scenario, _Recording(stage, cassette, traveller))
        for sent in seen.sent:  # the new cassette holds every request
            object.__setattr__(sent, "known", True)
        return seen


def _iter_pseudonyms(real: Inputs, named: Inputs) -> Iterator[tuple[str, str]]:
    for ours, theirs in (
        (real.app, named.app),
        (real.grant, named.grant),
        (real.connection, named.connection),
    ):
        for key, value in (ours or {}).items():
            other: Any = (theirs or {}).get(key)
            if isinstance(value, str) and isinstance(other, str) and value != other:
                yield value, other
