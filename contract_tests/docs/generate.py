"""Rewrite what is made of the code: ``python -m contract_tests.docs.generate``.

That is ``published.json`` of the package, and the generated parts of docs/.

A part lies between ``<!-- generated: NAME -->`` and ``<!-- end of NAME -->``. A test compares every part with
what the code says now.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import sys
from collections.abc import Sequence
from typing import Any, get_args

from bizosaas_xero.connector.actions.registry import ACTIONS, ActionClass
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.connector.describe import build_needs
from bizosaas_xero.connector.settings import Settings
from bizosaas_xero.sandbox.register import register
from bizosaas_xero.spec import ERRORS, models
from contract_tests.docs import fields, parameters, reasons
from contract_tests.docs.fields import build_info
from contract_tests.docs.markdown import code, codes, kind, table
from contract_tests.docs.meanings import MEANINGS
from contract_tests.helpers.paths import ROOT

DOCS = ROOT / "docs"
PUBLISHED = DOCS.parent / "bizosaas_xero" / "connector" / "published.json"

INPUTS = ("AuthRequest", "App", "Grant", "Connection", "SyncOptions", "Control")
OUTPUTS = (
    "AuthResult",
    "Organisation",
    "Batch",
    "Record",
    "Rejected",
    "Stats",
    "Action",
    "ActionResult",
    "Plan",
    "ConnectorInfo",
    "Setup",
    "SetupStep",
    "Link",
    "Permission",
    "SetupDefault",
    "Trouble",
    "Card",
    "AuthInfo",
    "EventRule",
    "EntityInfo",
    "Recheck",
    "Reference",
)


@functools.cache
def parts() -> dict[str, str]:
    """Return every generated part by its name."""
    return {
        "inputs": "\n".join(map(_model, INPUTS)),
        "outputs": "\n".join(map(_model, OUTPUTS)),
        "codes": _codes(),
        "settings": _settings(),
        "entities": _entities(),
        "intervals": _intervals(),
        "columns": _columns(),
        "fields": "\n".join(
            f"## {name}\n\n{about}\n\n{table(['Field', 'Type', 'Meaning'], rows)}\n"
            for name, about, rows in fields.sections()
        ),
        "reasons": reasons.connector_errors(),
        "host_errors": reasons.errors_around(),
        "field_holders": table(["Entity", "Its records", "Key"], fields.holders()),
        "scopes": _scopes(),
        "register": table(["Behaviour", "Source", "Default", "Otherwise", "Shown by"], register()),
        "profiles": _profiles(),
        **{f"action_{name}": _action(row) for name, row in ACTIONS.items()},
    }


def rewritten(page: str, found: dict[str, str]) -> str:
    """Return a page with its generated parts as they should be."""

    def part(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- generated: {name} -->\n\n{found[name].strip()}\n\n<!-- end of {name} -->"

    return re.sub(r"<!-- generated: (\w+) -->.*?<!-- end of \1 -->", part, page, flags=re.DOTALL)


# ---------------------------------------------------------------- tables


def _model(name: str) -> str:
    model = getattr(models, name)
    properties = model.model_json_schema()["properties"]
    rows = []
    for field_name, field in model.model_fields.items():
        schema = properties[field_name]
        if field.is_required():
            default = "**needed**"
        elif field.default_factory is not None:
            default = code("[]" if schema.get("type") == "array" else "{}")
        else:
            default = code(field.default if isinstance(field.default, str) else json.dumps(field.default))
        meaning = field.description or MEANINGS[f"{name}.{field_name}"]
        rows.append([code(field_name), kind(schema), default, meaning])
    text = " ".join(inspect.cleandoc(model.__doc__).split()).replace("``", "`")
    return f"### {name}\n\n{text}\n\n{table(['Key', 'Type', 'Default', 'Meaning'], rows)}\n"


def _action(row: ActionClass) -> str:
    schema = row.params_model.model_json_schema()
    rows = parameters.rows(row.name, schema, schema)
    params = table(["Parameter", "Type", "Default", "Meaning"], rows) if rows else "It takes no parameters."
    found = scopes.required_scopes(row.name)
    allowed = f"Needs {codes(found['granular'])}, or of the legacy scopes {codes(found['legacy'])}."
    return f"{row.description}\n\n{allowed}\n\n{params}"


def _codes() -> str:
    rows = [
        [
            code(name),
            code(error.recovery),
            code(error.__name__),
            " ".join(inspect.cleandoc(error.__doc__ or "").split()).replace("``", "`"),
        ]
        for name, error in ERRORS.items()
    ]
    return table(["Code", "Recovery", "Class", "Meaning"], rows)


def _settings() -> str:
    rows = []
    for name, schema in Settings.model_json_schema()["properties"].items():
        shown = next((c for c in schema.get("anyOf", []) if c.get("type") != "null"), schema)
        low, high = shown.get("minimum", shown.get("exclusiveMinimum")), shown.get("maximum")
        over = "more than " if "exclusiveMinimum" in shown else ""
        bounds = f"{over}{low} to {high}" if high is not None else f"{over}{low} or more"
        default = schema.get("default")
        rows.append(
            [
                code(name),
                code(f"XERO_{name.upper()}"),
                "unset" if default is None else code(default),
                shown["type"] if low is None else bounds,
                schema["description"],
            ]
        )
    return table(["Setting", "Environment variable", "Default", "Values", "Meaning"], rows)


# ---------------------------------------------------------------- what describe() publishes


def _period(seconds: int) -> str:
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            number = seconds // size
            return f"{number} {unit}{'s' if number > 1 else ''} ({seconds} s)"
    return f"{seconds} s"


def _watched(recheck: models.Recheck | None) -> str:
    return f"`{recheck.field}` is `{str(recheck.equals).lower()}`" if recheck else "none"


def _entities() -> str:
    rows = [
        [
            code(entity.name),
            entity.title,
            _period(entity.interval),
            code(entity.key),
            code(entity.stamp),
            _watched(entity.recheck),
        ]
        for entity in build_info().entities
    ]
    return table(["Entity", "What", "Default interval", "Key", "Stamp", "Rechecked while"], rows)


def _intervals() -> str:
    rows = [
        [entity.title, f"every {_period(entity.interval).split(' (')[0].removeprefix('1 ')}"]
        for entity in build_info().entities
    ]
    return table(["What", "How often"], rows)


def at(schema: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the schema of a dotted path."""
    found = schema
    for name in path.split("."):
        found = found["properties"][name]
        for choice in found.get("anyOf", [found]):
            if "$ref" in choice:
                found = schema["$defs"][choice["$ref"].rsplit("/", 1)[1]]
    return found


def _column_kind(schema: dict[str, Any]) -> str:
    if schema.get("x-type") == "decimal":
        return "decimal, as a string"
    return {"date": "date", "date-time": "stamp"}.get(schema.get("format", ""), schema["type"][0])


def _columns() -> str:
    sections = []
    for entity in build_info().entities:
        rows = [
            [code(column), code(path), _column_kind(at(entity.json_schema, path))]
            for column, path in entity.columns.items()
        ]
        sections.append(f"### {entity.name}\n\n{table(['Column', 'Path in `data`', 'Type'], rows)}\n")
    return "\n".join(sections)


# ---------------------------------------------------------------- scopes


def _wanted(needs: Sequence[scopes.Permission], words: str) -> str:
    # Where a feature both reads and writes under one name, the right to write covers both.
    writes: dict[str, bool] = {}
    for need in needs:
        name = getattr(need, words)
        writes[name] = writes.get(name, False) or need.write
    return ", ".join(code(name) + (" (write)" if write else "") for name, write in writes.items())


def _scopes() -> str:
    entities = {entity.name for entity in build_info().entities}
    rows = [
        [
            code(feature),
            "entity" if feature in entities else "action",
            *(_wanted(needs, words) for words in get_args(scopes.Vocabulary)),
        ]
        for feature, needs in build_needs().items()
    ]
    return table(["Feature", "Kind", "Granular scopes", "Legacy scopes"], rows)


def _profiles() -> str:
    return table(
        ["Profile", "Scopes asked for"],
        [[code(name), " ".join(map(code, wanted))] for name, wanted in build_info().auth.scope_profiles.items()],
    )


def published() -> str:
    """Return what ``published.json`` should hold; all but the version, which is kept in the code alone.

    Each entity, action and setting has a line of its own, so that a new one changes few lines.
    """
    content = build_info().model_dump(mode="json", exclude={"version"})
    content["permissions"] = scopes.dump_needs(build_needs())
    return f"{_one_line_each(content, 3)}\n"


def _one_line_each(value: Any, depth: int) -> str:
    """Return JSON whose values down to a depth have lines of their own."""
    if depth and isinstance(value, dict) and value:
        items = [f"{json.dumps(name)}: {_one_line_each(inner, depth - 1)}" for name, inner in value.items()]
        return "{\n" + ",\n".join(items) + "\n}"
    if depth > 1 and isinstance(value, list) and value:
        return "[\n" + ",\n".join(_one_line_each(inner, 0) for inner in value) + "\n]"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    """Rewrite the list of what the connector offers, and every page that holds a generated part."""
    PUBLISHED.write_text(published(), encoding="utf-8")
    found = parts()
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        new = rewritten(text, found)
        if new != text:
            page.write_text(new, encoding="utf-8")
            sys.stdout.write(f"rewrote {page.relative_to(DOCS.parent)}\n")


if __name__ == "__main__":
    main()
