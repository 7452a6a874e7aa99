"""``contract.toml``: what a connector is shown, as data."""

from __future__ import annotations

import re
import tomllib
from datetime import datetime
from pathlib import Path
from string import Formatter
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bizosaas_xero.spec import ERRORS

SYNC_SCRIPTS = (
    "once",  # read from nothing to the end
    "twice",  # and once more with the cursor; with `change = true`, something changed in between
    "full",  # and once more with options.full
    "resume",  # and from the cursor of each batch
    "close",  # take one batch and close
    "one-by-one",  # in runs of one batch each
    "deadline",  # with a deadline that has passed
    "recheck",  # and once more with the keys that EntityInfo.recheck asks for
    "recover",  # to the error, then as its recovery says, to the end
    "damaged",  # and with cursors that were damaged
    "foreign",  # and with a cursor of another entity and of another organisation
)
ACTION_SCRIPTS = {
    "read": ("read",),
    "plan": ("no mode", "plan", "plan"),
    "commit": ("no mode", "no plan", "plan", "commit", "commit again"),
    "stale": ("no mode", "plan", "stale", "commit"),
    "repeat": ("no mode", "run", "run again"),
    "run": ("no mode", "run"),
}
"""What a host does in each, step by step; a scenario may give steps of its own.

``read`` and ``no mode`` give no control, ``no plan`` commits without a hash, ``commit`` does the last plan,
what is done ``again`` has the same business key, ``stale`` and ``wait N`` happen to the world.
"""

_SECONDS = re.compile(r"[0-9]{1,9}")
_SHOWN, _LONGEST = 10, 1_500

_REFUSED = {"no mode", "no plan"}
_EVENTS = {"stale", "wait"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Expect(_Strict):
    """How a scenario ends.

    Attributes:
        records: Records in each run, those that come twice counted twice.
        batches: Batches in each run.
        rejected: Rows rejected in the whole scenario.
        error: The code of the error in which it ends; absent: none.
        reason: Its reason, where the connector gives a finer one.
        status: What the step ``check`` says, or the action in its last step.
    """

    records: tuple[int, ...] | None = None
    batches: tuple[int, ...] | None = None
    rejected: int = Field(0, ge=0)
    error: Literal[*ERRORS] | None = None  # type: ignore[valid-type]
    reason: str | None = None
    status: str | None = None


class Exemption(_Strict):
    """A clause that a connector is known to break; the test must fail, or the exemption must go."""

    clause: str
    reason: str = Field(min_length=10)
    scenario: str | None = None


def _names_only_state(callback: str) -> bool:
    try:
        return all(part[1:] in {("state", "", None), (None, None, None)} for part in Formatter().parse(callback))
    except ValueError:
        return False


class Scenario(_Strict):
    """One thing that happens.

    Attributes:
        name: Says what happens; also the name of the cassette.
        script: For ``sync_entity`` and ``run_action``: what the host does.
        steps: The steps, in order; ``wait N`` lets N seconds pass. For ``run_action``: in place of the
            script's, with all of those that are not refused anyway.
        change: Something changes between two runs.
        repeats: Why records come twice in a run.
        http: Whether requests are made: then there is a cassette.
        frozen: The moment at which it happens.
        callback: The query with which the person comes back; ``{state}`` is the one that was sent.
    """

    name: str = Field(pattern=r"\A[a-z0-9-]+\z", max_length=80)
    hook: Literal["auth", "sync_entity", "run_action"]
    script: str = "once"
    steps: tuple[str, ...] = ()
    entity: str | None = None
    action: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    bad_params: dict[str, Any] | None = None
    app: str | None = None
    connection: str | None = None
    grant: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    scopes: str | None = None
    callback: str = "code=scrubbed-code&state={state}"
    change: bool = False
    spoiled: bool = False
    repeats: str | None = None
    http: bool = True
    frozen: AwareDatetime | None = None
    expect: Expect = Expect()

    @model_validator(mode="after")
    def _complete(self) -> Scenario:
        known = {"sync_entity": SYNC_SCRIPTS, "run_action": ACTION_SCRIPTS, "auth": ("once",)}[self.hook]
        if self.script not in known:
            raise ValueError(f"script is one of {', '.join(known)}")
        lacking = {"sync_entity": self.entity, "run_action": self.action, "auth": self.steps}[self.hook]
        if not lacking:
            raise ValueError("it names no entity, action or steps")
        if not _names_only_state(self.callback):
            raise ValueError("callback holds braces that are not those of {state}")
        waits = [step.partition(" ")[2] for step in self.steps if step.partition(" ")[0] == "wait"]
        if not all(_SECONDS.fullmatch(seconds) for seconds in waits):
            raise ValueError("its steps are wrong; after wait stands a whole number of seconds")
        if self.hook == "run_action" and self.steps:
            strange = {step.partition(" ")[0] if step.startswith("wait ") else step for step in self.steps}
            strange -= {step for steps in ACTION_SCRIPTS.values() for step in steps} | _EVENTS
            lost = set(ACTION_SCRIPTS[self.script]) - _REFUSED - set(self.steps)
            if strange or lost:
                wrong = f"unknown: {sorted(strange)}" if strange else f"{self.script} lacks {sorted(lost)}"
                raise ValueError(f"its steps are wrong; {wrong}")
        return self

    @property
    def plays(self) -> tuple[str, ...]:
        """What a host does with the action, step by step."""
        return self.steps or ACTION_SCRIPTS[self.script]


class Provenance(_Strict):
    """Where a cassette comes from."""

    kind: Literal["synthetic", "recorded"]
    source: str
    date: datetime | str


class Contract(_Strict):
    """The whole file.

    Attributes:
        transport: ``none`` for a connector without HTTP, whose ``fixtures`` module stands for its source.
        entities: For a connector without ``describe``: the entities it offers.
        headers: Request headers that carry meaning; a cassette is matched on them.
        frozen: The moment of scenarios that name none.
    """

    transport: Literal["http", "none"] = "http"
    fixtures: str | None = None
    cassettes: str = "."
    entities: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    import_ms: float = Field(1500, gt=0, allow_inf_nan=False)
    frozen: AwareDatetime | None = None
    apps: dict[str, dict[str, Any]] = Field(default_factory=dict)
    grants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    connections: dict[str, dict[str, Any]] = Field(default_factory=dict)
    scenarios: tuple[Scenario, ...] = ()
    exempt: tuple[Exemption, ...] = ()
    provenance: dict[str, Provenance] = Field(default_factory=dict)
    folder: Path = Path()

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        names = [scenario.name for scenario in self.scenarios]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ValueError(f"scenarios named twice: {', '.join(sorted(twice))}")
        if self.transport == "none" and not self.fixtures:
            raise ValueError('transport = "none" needs fixtures, the module that stands for the source')
        for scenario in self.scenarios:
            for one in ("app", "connection", "grant"):
                name, known = getattr(scenario, one), getattr(self, f"{one}s")
                if name and known and name not in known:  # a fixtures module gives what no table holds
                    raise ValueError(f"scenario {scenario.name} names {name!r}, which is not among {one}s")
        unmeant = {each.scenario for each in self.exempt if each.scenario} - set(names)
        if unmeant:
            raise ValueError(f"exempt names scenarios that are not there: {', '.join(sorted(unmeant))}")
        return self

    def cassette(self, scenario: Scenario) -> Path:
        """Return where a scenario's requests and answers are kept."""
        return self.folder / self.cassettes / f"{scenario.name}.yaml"

    def missing(self) -> list[str]:
        """Name the cassettes that are declared and do not exist, or whose origin is not told."""
        if self.transport == "none":
            return []
        wanted = [scenario for scenario in self.scenarios if scenario.http]
        return [
            scenario.name
            for scenario in wanted
            if not self.cassette(scenario).is_file() or scenario.name not in self.provenance
        ]

    def unused(self) -> list[str]:
        """Name the cassettes that no scenario declares."""
        names = {scenario.name for scenario in self.scenarios if scenario.http}
        found = {path.stem for path in (self.folder / self.cassettes).glob("*.yaml")}
        return sorted((found | set(self.provenance)) - names)


class ContractFileError(Exception):
    """A ``contract.toml`` that cannot be used; the message says why."""


def load(path: Path) -> Contract:
    """Read a ``contract.toml``.

    Raises:
        ContractFileError: It is not there, or wrong.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return Contract.model_validate(data | {"folder": path.resolve().parent})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unusable(path, str(error)) from None
    except RecursionError:
        raise _unusable(path, "it is nested too deep") from None
    except ValidationError as error:
        found = error.errors()
        complaints = [_complaint(".".join(map(str, e["loc"])), e["msg"]) for e in found[:_SHOWN]]
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise _unusable(path, "; ".join(complaints + more)) from None


def _unusable(path: Path, why: str) -> ContractFileError:
    return ContractFileError(f"{path}: {why[:_LONGEST]}. Correct it; docs/contract.md says what stands in it.")


def _complaint(where: str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
