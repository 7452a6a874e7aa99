"""The parameters of actions as rows of a table, with words for those that their models leave bare."""

from __future__ import annotations

import json
import re
from typing import Any

from contract_tests.docs.markdown import code, kind

PARAMETERS = {
    "account_number": "The organisation's own number for the contact, exactly.",
    "address": "The postal address.",
    "category_id": "The tracking category's id.",
    "city": "The city.",
    "contact": "The customer: by the first of `id`, `account_number`, `email` and `name` that is given.",
    "contact_id": "Only of this contact.",
    "csv_columns.date": "The day.",
    "csv_columns.description": "Any further text.",
    "csv_columns.payee": "Who paid or was paid.",
    "csv_columns.reference": "The reference.",
    "deal.title": "What was sold; the line's text where no lines are given.",
    "deal.value": "What it is worth, in its currency.",
    "discount_percent": "What is taken off the line's price, in percent.",
    "email": "The e-mail address, exactly.",
    "from_date": "Dated on this day or later.",
    "include_archived": "Also those that are archived.",
    "kind": "Sales invoices or bills.",
    "lines[].date": "The day on the statement.",
    "lines[].payee": "Who paid or was paid.",
    "lines[].reference": "The reference on the statement.",
    "money_out": "The column of what went out.",
    "number": "The whole number.",
    "option_id": "The option's id.",
    "phone": "The telephone number.",
    "postal_code": "The postal code.",
    "quantity": "How many.",
    "reconcile_bank_feeds.lines[].description": "Any further text on the statement.",
    "reference": "The whole reference.",
    "status": "Only in this state.",
    "to_date": "Dated on this day or earlier.",
}
"""Words for parameters that their models leave to their names: by name, or by more of the path."""


def bare_words(action: str, path: str) -> str:
    """Return under which name the words for a parameter are kept whose model has none."""
    parts = f"{action}.{path}".split(".")
    return next(name for n in range(len(parts)) if (name := ".".join(parts[n:])) in PARAMETERS)


def rows(action: str, schema: dict[str, Any], model: dict[str, Any], before: str = "") -> list[list[str]]:
    """Return a row for each parameter, and for each key of those that are objects."""
    found = []
    for name, about in model.get("properties", {}).items():
        default = "**needed**" if name in model.get("required", ()) else code(json.dumps(about.get("default", [])))
        inner = re.search(r"#/\$defs/(\w+)", json.dumps(about))
        several = "array" in {about.get("type"), *(each.get("type") for each in about.get("anyOf", ()))}
        told = ("array of objects" if several else "object") if inner else kind(about)
        meaning = about.get("description") or PARAMETERS[bare_words(action, before + name)]
        found.append([code(before + name), told, default, meaning])
        if inner:
            found += rows(action, schema, schema["$defs"][inner[1]], f"{before}{name}{'[]' if several else ''}.")
    return found
