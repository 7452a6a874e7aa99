"""What a write brings along: JSON, XML, or XML inside a form, turned into the same elements."""

import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import msgspec

from bizosaas_xero.sandbox.core.xero_json import Row

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
# lists inside an element, which XML cannot tell from a single element
_LISTS = {
    "Addresses", "Allocations", "ContactGroups", "ContactPersons", "FromTracking", "HistoryRecords",
    "JournalLines", "LineItems", "Options", "Payments", "Phones", "TaxComponents", "ToTracking", "Tracking",
}  # fmt: skip
_FLAGS = {"true": True, "false": False}


class BodyError(Exception):
    """A body that cannot be read."""


def elements(raw: bytes, kind: str, plural: str) -> list[Row]:
    """Return the elements of a body.

    A list under the plural, a bare list and a single element are all taken. An element that is not an object
    is dropped.

    Args:
        raw: The body.
        kind: Its Content-Type.
        plural: What the elements are called together, such as `Invoices`.

    Raises:
        BodyError: It is not in the form it says, or not in any that is known.
    """
    if "form-urlencoded" in kind:
        raw = dict(parse_qsl(raw.decode(errors="replace"))).get("xml", "").encode()
        kind = "xml"
    given = _xml(raw, plural) if "xml" in kind or raw.lstrip()[:1] == b"<" else _json(raw)
    if isinstance(given, dict):
        found = next((value for name, value in given.items() if name.lower() == plural.lower()), None)
        given = found if isinstance(found, list) else [given] if given else []
    if given is None:
        return []
    if not isinstance(given, list):
        raise BodyError("Invalid Json data")
    return [item for item in given if isinstance(item, dict)]


def _json(raw: bytes) -> Any:
    if not raw.strip():
        return []
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BodyError("Invalid Json data") from None


def _xml(raw: bytes, plural: str) -> Any:
    if not raw.strip():  # pyxero asks for an e-mail with no body at all
        return []
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:  # nobody needs them, and they can be bombs
        raise BodyError("The XML must not hold a document type.")
    try:
        root = ET.fromstring(raw)  # noqa: S314 - entities are refused above
    except ET.ParseError:
        raise BodyError("The XML could not be read.") from None
    if _tag(root).lower() == plural.lower():
        return [_element(item) for item in root]
    return _element(root)


def _tag(element: ET.Element) -> str:
    return re.sub(r"^\{.*\}", "", element.tag)


def _element(element: ET.Element) -> Any:
    if _tag(element) in _LISTS:
        return [_element(item) for item in element]
    if len(element):
        return {_tag(item): _element(item) for item in element}
    text = (element.text or "").strip()
    return _FLAGS.get(text.lower(), text)
