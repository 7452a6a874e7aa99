"""``contract.toml``: the scenarios of a connector, as data."""

from __future__ import annotations

import re
import tomllib
from datetime import datetime
from pathlib import Path
from string import Formatter
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bizosaas_xero.contract import cassettes
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
    "other": ("no mode", "plan", "commit other"),
}
"""The steps of each script; a scenario may define its own steps.

``read`` and ``no mode`` pass no control, ``no plan`` commits without a hash, ``commit`` commits the last plan,
a step with ``again`` repeats the business key, ``commit other`` commits with ``other_params``, ``stale`` and
``wait N`` are events of the world.
"""

_WHOLE_SECONDS = re.compile(r"[0-9]{1,9}")
_MAX_COMPLAINTS, _MAX_COMPLAINT = 10, 1_500

_REFUSED_STEPS = {"no mode", "no plan"}
_EVENTS = {"stale", "wait"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Expect(_Strict):
    """The expected end of a scenario.

    Attributes:
        records: Records in each run; repeated records count each time.
        batches: Batches in each run.
        rejected: Rejected rows in the whole scenario.
        error: The code of the error in which it ends; missing: it ends without error.
        reason: The error's reason, if the connector gives one.
        status: The status that the step ``check`` or the last step of the action returns.
    """

    records: tuple[int, ...] | None = None
    batches: tuple[int, ...] | None = None
    rejected: int = Field(0, ge=0)
    error: Literal[*ERRORS] | None = None  # type: ignore[valid-type]
    reason: str | None = None
    status: str | None = None


class Exemption(_Strict):
    """A clause that a connector is known to break; if its test passes, the exemption must be removed."""

    clause: str
    reason: str = Field(min_length=10)
    scenario: str | None = None


def _uses_only_state(callback: str) -> bool:
    try:
        return all(part[1:] in {("state", "", None), (None, None, None)} for part in Formatter().parse(callback))
    except ValueError:
        return False


class Scenario(_Strict):
    """One sequence of calls and events.

    Attributes:
        name: Describes what happens; also the name of the cassette.
        script: For ``sync_entity`` and ``run_action``: the calls of the host.
        steps: The steps, in order; ``wait N`` lets N seconds pass. For ``run_action``: they replace the script's
            steps, and include all of those that are not refused.
        other_params: For the script ``other``: valid parameters whose plan differs, such as another amount.
        change: Whether a record changes between two runs.
        repeats: Why records come twice in a run.
        http: Whether requests are made: then there is a cassette.
        frozen: The moment at which it happens.
        callback: The query of the callback address; ``{state}`` is the state that was sent.
    """

    name: str = Field(pattern=r"\A[a-z0-9-]+\z", max_length=80)
    hook: Literal["auth", "sync_entity", "run_action"]
    script: str = "once"
    steps: tuple[str, ...] = ()
    entity: str | None = None
    action: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    bad_params: dict[str, Any] | None = None
    other_params: dict[str, Any] | None = None
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
        if (self.script == "other") != (self.other_params is not None):
            raise ValueError("other_params and the script other belong together")
        if not _uses_only_state(self.callback):
            raise ValueError("callback may contain no braces except {state}")
        waits = [step.partition(" ")[2] for step in self.steps if step.partition(" ")[0] == "wait"]
        if not all(_WHOLE_SECONDS.fullmatch(seconds) for seconds in waits):
            raise ValueError("its steps are wrong; wait needs a whole number of seconds")
        if self.hook == "run_action" and self.steps:
            unknown = {step.partition(" ")[0] if step.startswith("wait ") else step for step in self.steps}
            unknown -= {step for steps in ACTION_SCRIPTS.values() for step in steps} | _EVENTS
            missing = set(ACTION_SCRIPTS[self.script]) - _REFUSED_STEPS - set(self.steps)
            if unknown or missing:
                wrong = f"unknown: {sorted(unknown)}" if unknown else f"{self.script} lacks {sorted(missing)}"
                raise ValueError(f"its steps are wrong; {wrong}")
        return self

    @property
    def plays(self) -> tuple[str, ...]:
        """The steps of the action."""
        return self.steps or ACTION_SCRIPTS[self.script]


class Provenance(_Strict):
    """The origin of a cassette."""

    kind: Literal["synthetic", "recorded"]
    source: str
    date: datetime | str


class Contract(_Strict):
    """The contents of ``contract.toml``.

    Attributes:
        transport: ``none`` for a connector without HTTP; its ``fixtures`` module imitates the source.
        entities: For a connector without ``describe``: the entities it offers.
        headers: More request headers on which a cassette is matched.
        notes: Regular expressions of paths to which a write may be sent without being in the plan, such as notes in
            a document's history.
        frozen: The moment of scenarios that define none.
    """

    transport: Literal["http", "none"] = "http"
    fixtures: str | None = None
    cassettes: str = "."
    entities: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
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
            raise ValueError('transport = "none" needs fixtures, the module that imitates the source')
        for scenario in self.scenarios:
            for one in ("app", "connection", "grant"):
                name, known = getattr(scenario, one), getattr(self, f"{one}s")
                if name and known and name not in known:  # a fixtures module may supply it
                    raise ValueError(f"scenario {scenario.name} names {name!r}, which is not among {one}s")
        unknown = {each.scenario for each in self.exempt if each.scenario} - set(names)
        if unknown:
            raise ValueError(f"exempt names unknown scenarios: {', '.join(sorted(unknown))}")
        return self

    @property
    def cassette_folder(self) -> Path:
        """The folder with the cassettes; a temporary one if an installed wheel holds them in an archive."""
        return cassettes.open_folder(self.folder / self.cassettes)

    def cassette(self, scenario: Scenario) -> Path:
        """Return the path of a scenario's cassette."""
        return self.cassette_folder / f"{scenario.name}.yaml"

    def missing(self) -> list[str]:
        """Return the declared cassettes that do not exist, or have no provenance."""
        if self.transport == "none":
            return []
        wanted = [scenario for scenario in self.scenarios if scenario.http]
        return [
            scenario.name
            for scenario in wanted
            if not self.cassette(scenario).is_file() or scenario.name not in self.provenance
        ]

    def unused(self) -> list[str]:
        """Return the cassettes that no scenario declares."""
        names = {scenario.name for scenario in self.scenarios if scenario.http}
        found = {path.stem for path in self.cassette_folder.glob("*.yaml")}
        return sorted((found | set(self.provenance)) - names)


class ContractFileError(Exception):
    """A ``contract.toml`` that cannot be used; the message says why."""


def load(path: Path) -> Contract:
    """Read a ``contract.toml``.

    Raises:
        ContractFileError: it cannot be read, or its contents are wrong.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return Contract.model_validate(data | {"folder": path.resolve().parent})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _file_error(path, str(error)) from None
    except RecursionError:
        raise _file_error(path, "it is nested too deep") from None
    except ValidationError as error:
        found = error.errors()
        complaints = [_format_complaint(".".join(map(str, e["loc"])), e["msg"]) for e in found[:_MAX_COMPLAINTS]]
        more = [f"and {len(found) - _MAX_COMPLAINTS} more"] if len(found) > _MAX_COMPLAINTS else []
        raise _file_error(path, "; ".join(complaints + more)) from None


def _file_error(path: Path, why: str) -> ContractFileError:
    return ContractFileError(f"{path}: {why[:_MAX_COMPLAINT]}. Correct it; docs/contract.md explains its keys.")


def _format_complaint(where: str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
