"""The observation of a scenario: it is played once, and every clause examines the same observation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bizosaas_xero.contract.scenarios import Scenario


@dataclass(frozen=True)
class Inputs:
    """What a host has stored when a scenario begins; plain mappings."""

    app: Mapping[str, Any] | None = None
    grant: Mapping[str, Any] | None = None
    connection: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SentRequest:
    """One request. ``known`` is False when the cassette holds no such request that was not yet played."""

    text: str
    known: bool = True


class World(Protocol):
    """The source that the connector talks to: a cassette, fixtures, or a server that is being recorded."""

    @property
    def sent(self) -> list[SentRequest]:
        """Return every request so far."""

    def inputs(self) -> Inputs:
        """Return the scenario's inputs."""

    def consent(self, url: str, redirect_uri: str) -> str:
        """Consent as a person on the provider's page, and return the callback address."""

    def happens(self, event: str) -> None:
        """Make something happen: ``change KEY`` (of a record), ``stale``, or ``wait N`` seconds."""

    def writes(self) -> int:
        """Return how many writes the source has received."""

    def written(self) -> list[Mapping[str, Any]] | None:
        """Return the writes that the source has received, in the form of a plan's ``requests``; ``None``: unknown."""

    def wire(self) -> str | None:
        """Return all text that the source sent or holds; ``None`` if it is not known."""

    def keys(self) -> set[str] | None:
        """Return the keys of all records of the scenario's entity; ``None`` if they are not known."""

    def unused(self) -> int:
        """Return how many recorded interactions were not requested."""


@dataclass
class Call:
    """One call of a hook other than ``sync_entity``: its result or error, and the number of its requests."""

    name: str
    result: Any = None
    error: BaseException | None = None
    sent: int = 0
    writes: int = 0
    written: list[Mapping[str, Any]] | None = None
    before: Any = None


@dataclass
class Run:
    """One call of ``sync_entity``.

    Attributes:
        cursor: The cursor that was passed.
        batches: The batches, as the connector made them.
        sent_at_call: Requests sent before the first batch was taken.
        sent_after: Requests sent up to each batch, from the start of this run.
        sent_after_close: Requests sent after the iterator was closed.
        error: What it raised.
        at_call: Whether the call itself raised it.
        endless: Whether it reached the limit of batches.
        not_iterator: The type of what it returned, if that is not an iterator.
    """

    purpose: str
    cursor: Mapping[str, Any] | None
    options: Mapping[str, Any]
    batches: list[Any] = field(default_factory=list)
    sent_at_call: int = 0
    sent_after: list[int] = field(default_factory=list)
    sent: list[SentRequest] = field(default_factory=list)
    sent_after_close: int = 0
    error: BaseException | None = None
    at_call: bool = False
    endless: bool = False
    not_iterator: str = ""

    @property
    def records(self) -> list[Any]:
        """All records, in order."""
        return [record for batch in self.batches for record in getattr(batch, "records", None) or ()]

    @property
    def last_cursor(self) -> Mapping[str, Any] | None:
        """The cursor that a host has stored after this run."""
        for batch in reversed(self.batches):
            return getattr(batch, "cursor", None)
        return self.cursor


@dataclass
class Observation:
    """Everything that was observed while a scenario was played.

    Attributes:
        calls: Calls of ``auth``, ``list_actions`` and ``run_action``, in order.
        runs: Calls of ``sync_entity``, in order.
        unused: Recorded interactions that were not requested.
        log: Everything that was logged, warned and printed.
        secrets: Every secret that was used, by its name.
        wire: The text that the source sent.
        keys: The keys of all records, if the source knows them.
    """

    scenario: Scenario
    inputs: Inputs = field(default_factory=Inputs)
    calls: list[Call] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    sent: list[SentRequest] = field(default_factory=list)
    unused: int = 0
    log: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    wire: str | None = None
    keys: set[str] | None = None

    def run(self, purpose: str) -> list[Run]:
        """Return the runs with a purpose."""
        return [run for run in self.runs if run.purpose == purpose]

    def call(self, name: str) -> list[Call]:
        """Return the calls with a name."""
        return [call for call in self.calls if call.name == name]

    @property
    def errors(self) -> list[BaseException]:
        """Every error that crossed a hook."""
        both: tuple[Call | Run, ...] = (*self.calls, *self.runs)
        return [seen.error for seen in both if seen.error is not None]

    @property
    def ending(self) -> BaseException | None:
        """The first error; a scenario ends with it, or recovers from it."""
        return next(iter(self.errors), None)
