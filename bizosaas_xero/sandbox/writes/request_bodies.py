"""Request bodies: JSON, XML, or XML inside a form, parsed to the same elements."""

import re
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import msgspec

from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.writes.field_names import with_xero_names

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
# lists inside an element, which XML cannot distinguish from a single element
_LIST_FIELDS = {
    "Addresses", "Allocations", "ContactGroups", "ContactPersons", "FromTracking", "HistoryRecords",
    "JournalLines", "LineItems", "Options", "Payments", "Phones", "TaxComponents", "ToTracking", "Tracking",
}  # fmt: skip
_FLAGS = {"true": True, "false": False}


class BodyError(Exception):
    """A body that cannot be parsed."""


def parse_elements(raw: bytes, kind: str, plural: str) -> list[Row]:
    """Return the elements of a body.

    A list under the plural, a bare list and a single element are all accepted. An element that is not an object
    is dropped.

    Args:
        raw: The body.
        kind: Its Content-Type.
        plural: The key of the list, such as `Invoices`.

    Raises:
        BodyError: It does not match its Content-Type, or the format is unknown.
    """
    if "form-urlencoded" in kind:
        raw = dict(parse_qsl(raw.decode(errors="replace"))).get("xml", "").encode()
        kind = "xml"
    body = _parse_xml(raw, plural) if "xml" in kind or raw.lstrip()[:1] == b"<" else _parse_json(raw)
    if isinstance(body, dict):
        listed = next((value for name, value in body.items() if name.lower() == plural.lower()), None)
        body = listed if isinstance(listed, list) else [body] if body else []
    if body is None:
        return []
    if not isinstance(body, list):
        raise BodyError("Invalid Json data")
    return [with_xero_names(item) for item in body if isinstance(item, dict)]


def _parse_json(raw: bytes) -> Any:
    if not raw.strip():
        return []
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BodyError("Invalid Json data") from None


def _parse_xml(raw: bytes, plural: str) -> Any:
    if not raw.strip():  # pyxero sends an e-mail request without a body
        return []
    if b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:  # never needed, and they can expand without limit
        raise BodyError("The XML must not hold a document type.")
    try:
        root = ET.fromstring(raw)  # noqa: S314 - entities are refused above
    except ET.ParseError:
        raise BodyError("The XML could not be read.") from None
    if _tag_name(root).lower() == plural.lower():
        return [_parse_element(item) for item in root]
    return _parse_element(root)


def _tag_name(element: ET.Element) -> str:
    return re.sub(r"^\{.*\}", "", element.tag)


def _parse_element(element: ET.Element) -> Any:
    if _tag_name(element) in _LIST_FIELDS:
        return [_parse_element(item) for item in element]
    if len(element):
        return {_tag_name(item): _parse_element(item) for item in element}
    text = (element.text or "").strip()
    return _FLAGS.get(text.lower(), text)
