"""A host can find the connector, load it, and read what it offers, without side effects."""

from __future__ import annotations

import json

from bizosaas_xero.contract.clause_registry import Broken, clause, require
from bizosaas_xero.contract.clauses.reading import validator
from bizosaas_xero.contract.connector import Subject, loads_in_four_hook_host
from bizosaas_xero.contract.observation import World
from bizosaas_xero.spec import SPEC_VERSION, ConnectorInfo, Invalid, is_supported, parse

HOSTS = ("bizosaas_xero.host", "bizosaas_xero.cli", "bizosaas_xero.sandbox", "stevedore", "brain_gateway")


def _require_no_defect(subject: Subject, identity: str) -> None:
    found = subject.defects.get(identity)
    if found:
        raise Broken("; ".join(found))


def _get_probe(subject: Subject) -> dict:  # type: ignore[type-arg]
    found = subject.probe
    require("failed" not in found, f"importing it failed: {found.get('failed')}")
    return found


@clause(
    "discovery.loads", "Its entry point names a module that can be imported, and no other distribution uses its name."
)
def test_loads(subject: Subject) -> None:
    _require_no_defect(subject, "discovery.loads")
    require(subject.plugin is not None, "it was not loaded")


@clause("discovery.import-quiet", "Importing it touches no network, no file and no environment variable.")
def test_import_quiet(subject: Subject) -> None:
    touched = _get_probe(subject)["touched"]
    require(not touched, f"importing it touched: {', '.join(touched[:5])}")


@clause("discovery.no-host", "Importing it imports no host: any host can load it.")
def test_no_host(subject: Subject) -> None:
    loaded = [name for name in _get_probe(subject)["modules"] if name in HOSTS]
    require(not loaded, f"importing it imports {', '.join(loaded)}")


@clause(
    "discovery.import-time",
    "Importing it takes at most 1.5 s, unless its contract sets another limit.",
    severity="should",
)
def test_import_time(subject: Subject) -> None:
    spent, limit = _get_probe(subject)["ms"], subject.contract.import_ms
    require(spent <= limit, f"importing it took {spent} ms, more than {limit}")


@clause(
    "discovery.hooks-match",
    "It implements the four hooks, marked, synchronous, with the contract's parameters and no defaults.",
)
def test_hooks_match(subject: Subject) -> None:
    require(subject.plugin is not None, "it was not loaded")
    _require_no_defect(subject, "discovery.hooks-match")


@clause(
    "discovery.four-hook-host",
    "A host that knows only the four required hooks loads it: `describe` is marked optional.",
)
def test_four_hook_host(subject: Subject) -> None:
    require(subject.plugin is not None, "it was not loaded")
    reason = loads_in_four_hook_host(subject.plugin)
    require(not reason, reason)


@clause("discovery.has-description", "It implements the optional hook `describe`.", severity="should")
def test_has_description(subject: Subject) -> None:
    require(subject.has_describe, "it lacks `describe`: hosts know neither its entities nor their schemas")


@clause(
    "discovery.describes",
    "`describe` returns a valid `ConnectorInfo` of this major version, with distinct entities, without a request.",
)
def test_describes(subject: Subject, world: World) -> None:
    if not subject.has_describe:
        return
    try:
        given = subject.hook.describe()
    except Exception as error:  # noqa: BLE001 (reported as the connector's)
        raise Broken(f"it raised {error!r}") from None
    require(isinstance(given, ConnectorInfo | dict), f"it returned {type(given).__name__}")
    try:
        info = parse(ConnectorInfo, given, "describe")
    except Invalid as error:
        raise Broken(error.message) from None
    require(is_supported(info.spec), f"its version of the contract is {info.spec}, not {SPEC_VERSION}")
    names = [row.name for row in info.entities]
    require(len(set(names)) == len(names), f"entities are named twice: {names}")
    require(names or info.actions, "it offers neither entities nor actions")
    require(not world.sent, "describing itself made a request")
    json.dumps(info.model_dump(mode="json"))


@clause(
    "discovery.schemas-valid",
    "The schemas of its entities and settings are valid JSON Schema, and describe fields.",
)
def test_schemas_valid(subject: Subject) -> None:
    require(not subject.has_describe or subject.info, "it describes no entities")
    for row in subject.info.entities if subject.info else ():
        validator(row.json_schema, row.name)
        require(
            row.json_schema.get("properties"),
            f"{row.name}: its schema describes no fields, so it proves nothing",
        )
    if subject.info and subject.info.settings:
        validator(subject.info.settings, "settings")


@clause(
    "discovery.setup-refers",
    "What `setup` and `overview` name exists: settings, scope vocabularies, entities and their columns.",
)
def test_setup_refers(subject: Subject) -> None:
    info = subject.info
    if info is None:
        return
    settings, profiles = set(info.settings.get("properties", {})), set(info.auth.scope_profiles)
    columns = {entity.name: set(entity.columns) for entity in info.entities}
    for default in info.setup.defaults if info.setup else ():
        require(default.setting in settings, f"`setup` proposes a value for the setting {default.setting!r}")
        earlier = (default.follows or default.setting).partition(".")[0]
        require(earlier in settings, f"{default.setting} follows the setting {earlier!r}")
    for permission in info.setup.permissions if info.setup else ():
        require(set(permission.scopes) <= profiles, f"`setup` names scopes of {sorted(permission.scopes)}")
    for card in info.overview:
        require(card.entity in columns, f"the card {card.name} is over the entity {card.entity!r}")
        named = {name for name in (card.sum, card.currency, card.late, *card.where) if name}
        lacking = named - columns[card.entity]
        require(not lacking, f"the card {card.name} reads the columns {sorted(lacking)}")
