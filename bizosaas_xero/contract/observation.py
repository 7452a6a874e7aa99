"""What was seen of a connector: one scenario is played once, and every clause looks at the same record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bizosaas_xero.contract.scenarios import Scenario


@dataclass(frozen=True)
class Inputs:
    """What a host would have stored when a scenario begins; plain mappings."""

    app: Mapping[str, Any] | None = None
    grant: Mapping[str, Any] | None = None
    connection: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sent:
    """One request. ``known`` is False when the cassette holds no such request that was not yet played."""

    text: str
    known: bool = True


class World(Protocol):
    """What stands behind the connector: a cassette, fixtures, or a server that is being recorded."""

    @property
    def sent(self) -> list[Sent]:
        """Return every request so far."""

    def inputs(self) -> Inputs:
        """Return what the scenario begins with."""

    def consent(self, url: str, redirect_uri: str) -> str:
        """Do what a person does on the vendor's page, and return the address to which they are sent back."""

    def happens(self, event: str) -> None:
        """Let something happen: ``change KEY`` (of a record), ``stale``, or ``wait N`` seconds."""

    def writes(self) -> int:
        """Return how many writes the source has seen."""

    def wire(self) -> str | None:
        """Return all the text that the source sent or holds; ``None`` when that is not known."""

    def keys(self) -> set[str] | None:
        """Return the keys of all records of the scenario's entity; ``None`` when that is not known."""

    def unused(self) -> int:
        """Return how many recorded interactions were not asked for."""


@dataclass
class Call:
    """One call of a hook other than ``sync_entity``: what it gave, or the error, and the requests it made."""

    name: str
    result: Any = None
    error: BaseException | None = None
    sent: int = 0
    writes: int = 0
    before: Any = None


@dataclass
class Run:
    """One call of ``sync_entity``.

    Attributes:
        cursor: The cursor it was given.
        batches: What came, as the connector made it.
        sent_at_call: Requests made before the first batch was asked for.
        sent_after: Requests made up to each batch, from the start of this run.
        sent_after_close: Requests made once the iterator was closed.
        error: What it raised, and whether at the call.
        endless: It did not end.
    """

    purpose: str
    cursor: Mapping[str, Any] | None
    options: Mapping[str, Any]
    batches: list[Any] = field(default_factory=list)
    sent_at_call: int = 0
    sent_after: list[int] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
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
        """The cursor that a host would have stored."""
        for batch in reversed(self.batches):
            return getattr(batch, "cursor", None)
        return self.cursor


@dataclass
class Observation:
    """All that was seen while a scenario was played.

    Attributes:
        calls: Calls of ``auth``, ``list_actions`` and ``run_action``, in order.
        runs: Calls of ``sync_entity``, in order.
        unused: Recorded interactions that were not asked for.
        log: Everything that was logged, warned and printed.
        secrets: Every secret that took part, by what it is.
        wire: The text that the source sent.
        keys: Those of all records, where the source tells.
    """

    scenario: Scenario
    inputs: Inputs = field(default_factory=Inputs)
    calls: list[Call] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
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
        """The first error; a scenario ends by it, or recovers from it."""
        return next(iter(self.errors), None)
