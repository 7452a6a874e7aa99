"""The defaults that a page proposes when an organisation is connected, chosen from its own records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bizosaas_xero.host.connections.configure import fits_choice
from bizosaas_xero.host.storage.models import StoredConnection
from bizosaas_xero.host.sync.entity_tables import get_path
from bizosaas_xero.host.sync.sink import Sink
from bizosaas_xero.spec import ConnectorInfo, SetupDefault


@dataclass(frozen=True)
class Choice:
    """A value that a setting may have, and its name in a list."""

    value: str
    label: str


@dataclass(frozen=True)
class Proposal:
    """A setting with its choices (none: it is a number), and the value that is proposed."""

    default: SetupDefault
    choices: list[Choice] | None
    value: str
    minimum: int = 0
    maximum: int | None = None


def referenced_entities(info: ConnectorInfo | None) -> list[str]:
    """Return the entities that must be synced before defaults can be proposed."""
    if info is None or info.setup is None:
        return []
    references = (_reference(info, default.setting) for default in info.setup.defaults)
    return list(dict.fromkeys(str(each["entity"]) for each in references if each))


def propose_defaults(info: ConnectorInfo, sink: Sink, connection: StoredConnection) -> list[Proposal]:
    """Return the proposals for a connection; what was configured before is proposed first."""
    records = {
        entity: list(sink.iter_records(connection.organisation_id, entity)) for entity in referenced_entities(info)
    }
    chosen: dict[str, Any] = {}
    proposals = []
    for default in info.setup.defaults if info.setup else ():
        reference = _reference(info, default.setting)
        configured = connection.settings.get(default.setting)
        if reference is None:
            value = default.value if configured is None else configured
            minimum, maximum = _bounds(info, default.setting)
            proposals.append(Proposal(default, None, "" if value is None else str(value), minimum, maximum))
            continue
        suitable: dict[str, Any] = {}
        for record in records[reference["entity"]]:
            value = next((str(found) for path in reference["by"] if (found := get_path(record, path))), "")
            if value and any(fits_choice(record, choice) for choice in reference["any"]):
                suitable.setdefault(value, record)
        suitable = dict(sorted(suitable.items(), key=lambda each: (_label(default, each[1]), each[0])))
        value = str(configured or _preferred(default, suitable, chosen, connection.currency))
        chosen[default.setting] = suitable.get(value)
        choices = [Choice(value, _label(default, record) or value) for value, record in suitable.items()]
        proposals.append(Proposal(default, choices, value))
    return proposals


def _preferred(
    default: SetupDefault, suitable: Mapping[str, Any], chosen: Mapping[str, Any], currency: str | None
) -> str:
    """Return the value that is proposed; empty where nothing is suitable."""
    if default.follows:
        setting, _, path = default.follows.partition(".")
        value = get_path(chosen.get(setting) or {}, path)
        return value if value in suitable else ""
    for preferred in default.prefer:
        condition = {
            path: [currency if each == "{currency}" else each for each in values] for path, values in preferred.items()
        }
        for value, record in suitable.items():
            if fits_choice(record, condition):
                return value
    return next(iter(suitable), "")


def _label(default: SetupDefault, record: Any) -> str:
    return " ".join(str(found) for path in default.label if (found := get_path(record, path)))


def _reference(info: ConnectorInfo, setting: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = info.settings.get("properties", {}).get(setting, {}).get("references")
    return found


def _bounds(info: ConnectorInfo, setting: str) -> tuple[int, int | None]:
    schema = info.settings.get("properties", {}).get(setting, {})
    kinds: list[Mapping[str, Any]] = [schema, *schema.get("anyOf", ())]
    found: Mapping[str, Any] = next((each for each in kinds if each.get("type") == "integer"), {})
    return found.get("minimum", 0), found.get("maximum")
