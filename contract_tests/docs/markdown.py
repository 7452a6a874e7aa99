"""Tables and code in Markdown, and JSON Schema types in words."""

from __future__ import annotations

from typing import Any


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: Any) -> str:
    """Return a text as Markdown code."""
    return f"`{text}`"


def codes(texts: Any) -> str:
    """Return several texts as Markdown code."""
    return ", ".join(map(code, texts))


def kind(schema: dict[str, Any]) -> str:
    """Return the type of a JSON Schema in words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(kind(choice) for choice in schema["anyOf"] if choice.get("type") != "null")
    if "enum" in schema or "const" in schema:
        return codes(schema.get("enum", [schema.get("const")]))
    found = schema.get("type", "any value")
    if found == "array":
        return f"array of {kind(schema['items'])}"
    if found == "object" and isinstance(schema.get("additionalProperties"), dict):
        inner = kind(schema["additionalProperties"])
        return "object" if inner == "any value" else f"object of {inner}"
    named = {"date-time": "date-time", "password": "secret", "date": "date"}.get(schema.get("format", ""))
    return f"string ({named})" if named else found
