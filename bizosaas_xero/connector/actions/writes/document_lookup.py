"""Find an invoice or bill by id or by number. If several have the number, they are named, never guessed."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any, Literal

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.filters import parse_guid, quote
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.writes.text import single_spaces
from bizosaas_xero.connector.http.transport import is_guid
from bizosaas_xero.spec.errors import ConnectorError, Invalid, NotFound

DocumentKind = Literal["invoice", "bill"]

TYPES: dict[DocumentKind, str] = {"invoice": "ACCREC", "bill": "ACCPAY"}
CANCELLED = frozenset({"VOIDED", "DELETED"})
_MAX_SHOWN = 5


def find_candidates(
    books: Books, key: str, kind: DocumentKind | None = None, field: str = "params.invoice"
) -> list[Row]:
    """Return the documents of a kind, or of both, that have this id or number; cancelled ones only if no other has it.

    Raises:
        NotFound: No document has it.
        Invalid: The id is that of the other kind.
    """
    key = single_spaces(key)
    if is_guid(key):
        try:
            row = books.get("Invoices", parse_guid(key, field), "Invoice")
        except NotFound as error:
            raise _unknown_document(books, key, kind, field) from error
        if kind and row.get("Type") != TYPES[kind]:
            other = "bill" if kind == "invoice" else "invoice"
            raise Invalid.field(
                field,
                f"this id is not of the kind `{kind}` but `{other}`",
                f"Name the one that is meant; where the action takes a kind, pass kind = `{other}`.",
            )
        return [row]
    rows = find_by_number(books, key, kind, field)
    if not rows:
        raise _unknown_document(books, key, kind, field)
    return [row for row in rows if row.get("Status") not in CANCELLED] or rows


def find_by_number(
    books: Books, number: str, kind: DocumentKind | None = None, field: str = "params.invoice"
) -> list[Row]:
    """Return the documents of a kind, or of both, that have a number, cancelled ones too."""
    of_kind = f'Type=="{TYPES[kind]}" AND ' if kind else ""
    query = {"where": f"{of_kind}InvoiceNumber=={quote(single_spaces(number), field)}"}
    return books.list_cached("Invoices", "Invoice", query, limit=_MAX_SHOWN + 1)


def resolve_document(books: Books, key: str, kind: DocumentKind | None = None, field: str = "params.invoice") -> Row:
    """Return the one document of a kind, or of both, that has this id or number.

    Raises:
        NotFound: No document has it.
        Invalid: Several documents have this number; the error names them.
    """
    rows = find_candidates(books, key, kind, field)
    if len(rows) == 1:
        return rows[0]
    names = [
        f"{'' if kind else 'bill of ' if row.get('Type') == TYPES['bill'] else 'invoice to '}"
        f"{contact_name(row)}, {row.get('Date')}, {row.get('CurrencyCode')} "
        f"{row.get('Total')}, {str(row.get('Status')).lower()} ({row['InvoiceID']})"
        for row in rows[:_MAX_SHOWN]
    ]
    more = "; and more" if len(rows) > _MAX_SHOWN else ""
    raise reasons.SEVERAL_DOCUMENTS.field(field, kind=kind or "document", key=key, names="; ".join(names) + more)


def document_number(row: Row) -> str:
    """Return an invoice's or bill's number, or its id if it has none."""
    return str(row.get("InvoiceNumber") or row["InvoiceID"])


def contact_name(row: Row) -> str:
    """Return the name of a document's contact."""
    return str((row.get("Contact") or {}).get("Name") or "an unnamed contact")


def base_total(books: Books, row: Row) -> Decimal | None:
    """Return a document's total in base currency; ``None``: its rate is not known."""
    total, rate = row.get("Total"), row.get("CurrencyRate")
    if total is None or row.get("CurrencyCode") == books.base_currency:
        return total
    return to_base_currency(total, rate) if rate else None


def document_reference(books: Books, row: Row) -> dict[str, Any]:
    """Return the fields by which every result names an invoice or bill: id, number, status, link."""
    kind: DocumentKind = "bill" if row.get("Type") == "ACCPAY" else "invoice"
    return {
        "invoice_id": row["InvoiceID"],
        "number": row.get("InvoiceNumber") or None,
        "status": str(row["Status"]),
        "link": books.link(kind, row["InvoiceID"]),
    }


def _unknown_document(books: Books, key: str, kind: DocumentKind | None, field: str) -> NotFound:
    if not _is_credit_note(books, key):
        return reasons.UNKNOWN_DOCUMENT.field(field, kind=kind or "invoice or bill", key=key)
    return reasons.UNKNOWN_DOCUMENT.field(
        field,
        f"this is a credit note, not {'a bill' if kind == 'bill' else 'an invoice'}",
        message=f"{key!r} is a credit note.",
        remedy="Void or change credit notes in Xero.",
    )


def _is_credit_note(books: Books, key: str) -> bool:
    with suppress(ConnectorError):  # it only explains why the document was not found
        if is_guid(key):
            return bool(books.get("CreditNotes", key, "CreditNoteSummary"))
        query = {"where": f"CreditNoteNumber=={quote(key, 'number')}"}
        return bool(books.list_cached("CreditNotes", "CreditNoteSummary", query, limit=1))
    return False
