"""Which invoice or bill is meant: by id, or by number. Several with one number are offered, not guessed."""

from __future__ import annotations

from typing import Literal

from bizosaas_xero.connector.actions.books import Books, Row, is_guid, parse_guid, quote
from bizosaas_xero.connector.actions.writes.errors import wrong
from bizosaas_xero.spec.errors import NotFound

DocumentKind = Literal["invoice", "bill"]

TYPES: dict[DocumentKind, str] = {"invoice": "ACCREC", "bill": "ACCPAY"}
CANCELLED = frozenset({"VOIDED", "DELETED"})
_MAX_SHOWN = 5


def find_candidates(books: Books, named: str, kind: DocumentKind, field: str = "params.invoice") -> list[Row]:
    """Return the documents that have this id or number; dead ones only if no other has it.

    Raises:
        NotFound: None has it.
        Invalid: The id is that of the other kind.
    """
    if is_guid(named):
        try:
            row = books.get("Invoices", parse_guid(named, field), "Invoice")
        except NotFound as error:
            raise _unknown_document(named, kind, field) from error
        if row.get("Type") != TYPES[kind]:
            other = "bill" if kind == "invoice" else "invoice"
            raise wrong(
                field,
                f"this id is not of the kind `{kind}` but `{other}`",
                f"Name the one that is meant; where the action takes a kind, pass kind = `{other}`.",
            )
        return [row]
    rows = find_by_number(books, named, kind, field)
    if not rows:
        raise _unknown_document(named, kind, field)
    return [row for row in rows if row.get("Status") not in CANCELLED] or rows[:1]


def find_by_number(books: Books, number: str, kind: DocumentKind, field: str = "params.invoice") -> list[Row]:
    """Return the documents that have a number, dead ones too."""
    query = {"where": f'Type=="{TYPES[kind]}" AND InvoiceNumber=={quote(number, field)}'}
    return books.list_cached("Invoices", "Invoice", query, limit=_MAX_SHOWN + 1)


def resolve_document(books: Books, named: str, kind: DocumentKind, field: str = "params.invoice") -> Row:
    """Return the document that is meant.

    Raises:
        NotFound: There is none.
        Invalid: Several have this number: they are named.
    """
    rows = find_candidates(books, named, kind, field)
    if len(rows) == 1:
        return rows[0]
    told = [
        f"{contact_name(row)}, {row.get('Date')}, {row.get('CurrencyCode')} "
        f"{row.get('Total')}, {str(row.get('Status')).lower()} ({row['InvoiceID']})"
        for row in rows[:_MAX_SHOWN]
    ]
    more = "; and more" if len(rows) > _MAX_SHOWN else ""
    raise wrong(
        field,
        f"several {kind}s have the number {named}: {'; '.join(told)}{more}",
        "Ask which one is meant, and pass its id.",
        reason="several_documents",
    )


def document_number(row: Row) -> str:
    """Return what people call an invoice or bill."""
    return str(row.get("InvoiceNumber") or row["InvoiceID"])


def contact_name(row: Row) -> str:
    """Return whose it is."""
    return str((row.get("Contact") or {}).get("Name") or "nobody named")


def _unknown_document(named: str, kind: DocumentKind, field: str) -> NotFound:
    return NotFound(
        f"There is no {kind} with the id or number {named!r}.",
        remedy="Look with find_invoices.",
        reason="unknown_document",
        problems=[{"field": field, "message": f"no {kind} has this id or number"}],
    )
