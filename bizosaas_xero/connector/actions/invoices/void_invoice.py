"""``void_invoice``: an invoice or bill taken back, or the person told why a credit note is better."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row, is_guid
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.escaping import bullet_list, escape_markdown
from bizosaas_xero.connector.actions.invoices import line_copies
from bizosaas_xero.connector.actions.models import Money, Params, Result
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.typed_rows import unreadable_record
from bizosaas_xero.connector.actions.writes import document_lookup
from bizosaas_xero.connector.actions.writes.errors import wrong
from bizosaas_xero.connector.actions.writes.execute import CommitResult, add_history_note, run_steps
from bizosaas_xero.connector.actions.writes.plan import ZERO, Draft, Step, Write

_BECOMES = {"DRAFT": "DELETED", "SUBMITTED": "DELETED", "AUTHORISED": "VOIDED", "PAID": "VOIDED"}
_LIVE = {"AUTHORISED", "PAID"}
_CREDITS = (
    ("CreditNotes", "credit note", "CreditNoteNumber"),
    ("Prepayments", "prepayment", "PrepaymentID"),
    ("Overpayments", "overpayment", "OverpaymentID"),
)
_INSTEAD = "Use create_credit_note: it corrects it with a date of today"


class VoidInvoiceParams(Params):
    """Which invoice or bill."""

    invoice: str = Field(min_length=1, max_length=255, description="Its id, or its number.")
    kind: document_lookup.DocumentKind = Field(
        "invoice", description="`invoice`: to a customer; `bill`: of a supplier."
    )
    even_if_sent: bool = Field(
        False, description="Void it although the customer has it. A person should say so; else credit it."
    )


class VoidedInvoice(Result):
    """The invoice or bill as it is now."""

    invoice_id: str
    number: str | None
    kind: document_lookup.DocumentKind
    status: str
    contact: str
    invoice_date: date | None
    currency: str | None
    total: Money | None
    repeated: bool = Field(description="It was void or deleted already; nothing was done.")
    link: str | None


def plan(books: Books, params: VoidInvoiceParams, _write: Write) -> Draft:
    """Work out what voiding it would do now.

    Raises:
        Invalid: Something is paid or credited, the period is locked, or the customer has it.
        NotFound: There is none.
    """
    row = document_lookup.resolve_document(books, params.invoice, params.kind)
    if row.get("Status") in document_lookup.CANCELLED:
        return _nothing(books, row)
    _refuse_settled(row)
    live = row.get("Status") in _LIVE
    if live:
        _refuse_locked(books, row)
    _refuse_sent(row, params)
    status = _BECOMES.get(row["Status"])
    if status is None:
        raise unreadable_record("Status: none that is known")
    warnings = tuple(_warnings(books, row, live=live))
    effect = line_copies.document_postings(books, row, -1) if live else ()
    return Draft(
        steps=(_step(row, status),),
        effect=effect,
        warnings=warnings,
        undo="None: what is void or deleted stays so. It would have to be made again.",
        summary=_summary(books, row, status, warnings),
        acts=_acts(books, row, live=live),
        amount=_amount(books, row),
        expect={"Status": status},
        facts={
            "number": row.get("InvoiceNumber"),
            "contact": row["Contact"].get("Name"),
            "date": str(row.get("Date")),
            "total": row.get("Total"),
        },
    )


def _nothing(books: Books, row: Row) -> Draft:
    told = f"{_named(row)} is {str(row['Status']).lower()} already: there is nothing to do."
    home = escape_markdown(str(books.organisation.get("Name")))
    return Draft(
        steps=(),
        warnings=(told,),
        undo="Nothing to undo.",
        summary=f"**{home}**: {escape_markdown(told)}",
        amount=ZERO,
        facts={"invoice": row["InvoiceID"]},
    )


def _step(row: Row, status: str) -> Step:
    guid = str(row["InvoiceID"])

    def gone(books: Books, _names: Any) -> Row | None:
        now = books.get("Invoices", guid, "Invoice")
        return now if now.get("Status") == status else None

    return Step(
        "invoice",
        "POST",
        f"Invoices/{guid}",
        # no LineItems: Xero would read their absence inside as a change of lines
        {"Invoices": [{"InvoiceID": guid, "Status": status}]},
        collection="Invoices",
        id_field="InvoiceID",
        shape="Invoice",
        find=gone,
    )


# ---------------------------------------------------------------- what stands against it


def _refuse_settled(row: Row) -> None:
    paid = [each for each in row.get("Payments") or () if each.get("Status") != "DELETED"]
    told = [f"the payment of {each.get('Amount')} on {each.get('Date')} ({each.get('PaymentID')})" for each in paid]
    for name, word, number in _CREDITS:
        told += [
            f"{word} {each.get(number) or ''}, of which {each.get('AppliedAmount')} is applied"
            for each in row.get(name) or ()
        ]
    if not told and (row.get("Status") != "PAID" or not row.get("Total")):  # one over nothing is paid at once
        return
    what = f": {'; '.join(told)}" if told else ""
    raise wrong(
        "params.invoice",
        f"{_named(row)} is paid or credited{what}",
        "Delete the payments with delete_payment, and take back credits in Xero, first. Or leave it and use "
        "create_credit_note.",
        reason="invoice_settled",
    )


def _refuse_locked(books: Books, row: Row) -> None:
    locked = books.locked_until
    dated = row.get("Date")
    if locked and isinstance(dated, date) and dated <= locked:
        raise wrong(
            "params.invoice",
            f"{_named(row)} is dated {dated}, and the books are locked up to {locked}",
            f"{_INSTEAD}.",
            reason="locked_period",
        )


def _refuse_sent(row: Row, params: VoidInvoiceParams) -> None:
    if row.get("SentToContact") and not params.even_if_sent:
        raise wrong(
            "params.invoice",
            f"{_named(row)} was sent to {row['Contact'].get('Name')}",
            f"{_INSTEAD}, and the customer gets a document that says so. To void it all the same, pass "
            "even_if_sent = true.",
            reason="sent_already",
        )


def _warnings(books: Books, row: Row, *, live: bool) -> list[str]:
    warnings = []
    if row.get("SentToContact"):
        warnings.append(
            f"{row['Contact'].get('Name')} has it already and is not told. A credit note would be the honest "
            "correction (create_credit_note)."
        )
    dated = row.get("Date")
    if live and isinstance(dated, date) and dated < books.today.replace(day=1):
        why = ", and of its tax return, which may be filed," if row.get("TotalTax") else ""
        warnings.append(
            f"It is taken out of the figures{why} of {dated:%B %Y}. A credit note counts today instead "
            "(create_credit_note)."
        )
    return warnings


def _acts(books: Books, row: Row, *, live: bool) -> tuple[str, ...]:
    if not live:
        return ("delete",)
    dated = row.get("Date")
    return ("void", "backdate") if isinstance(dated, date) and dated < books.today else ("void",)


# ---------------------------------------------------------------- in words, and done


def _named(row: Row) -> str:
    return str(row.get("InvoiceNumber") or row["InvoiceID"])


def _amount(books: Books, row: Row) -> Decimal | None:
    total, rate = row.get("Total"), row.get("CurrencyRate")
    if total is None or row.get("CurrencyCode") == books.base_currency:
        return total
    return to_base_currency(total, rate) if rate else None


def _summary(books: Books, row: Row, status: str, warnings: tuple[str, ...]) -> str:
    home = escape_markdown(str(books.organisation.get("Name")))
    kind = "invoice" if row["Type"] == "ACCREC" else "bill"
    way = "to" if kind == "invoice" else "of"
    does = "void the approved" if status == "VOIDED" else f"delete the {str(row['Status']).lower()}"
    name = escape_markdown(str(row["Contact"].get("Name")))
    about = f"dated {row.get('Date')}, {row.get('CurrencyCode')} {row.get('Total')}"
    out = [
        f"**{home}**: {does} {kind} **{escape_markdown(_named(row))}** {way} **{name}**, {about}.",
        "",
        f"What it posted is taken back at {row.get('Date')}, its own date."
        if status == "VOIDED"
        else "It is not in the ledger.",
    ]
    return "\n".join([*out, *bullet_list(warnings)])


def find_existing(books: Books, params: VoidInvoiceParams, write: Write) -> Row | None:
    """Return the document if it is void or deleted already, whoever did it."""
    if not is_guid(params.invoice):
        # since this write deleted a draft, another may have been given its number
        for row in document_lookup.find_by_number(books, params.invoice, params.kind):
            if row.get("Status") in document_lookup.CANCELLED and _noted(books, row, write.mark):
                return row
    row = document_lookup.resolve_document(books, params.invoice, params.kind)
    return row if row.get("Status") in document_lookup.CANCELLED else None


def _noted(books: Books, row: Row, mark: str) -> bool:
    records, _ = books.read_history(f"Invoices/{row['InvoiceID']}")
    return any(f"[{mark}]" in str(record.get("Details") or "") for record in records)


def commit(books: Books, params: VoidInvoiceParams, write: Write, ready: Draft | Row) -> CommitResult:
    """Leave a note, then void or delete it.

    The note comes first, so that who finds it void later can tell by whom, and whether a note on what is
    void would be taken does not matter.
    """
    if not isinstance(ready, Draft):
        return CommitResult(ready, repeated=True)
    if not ready.steps:  # voided between looking and planning
        return CommitResult(document_lookup.resolve_document(books, params.invoice, params.kind), repeated=True)
    row = document_lookup.resolve_document(books, params.invoice, params.kind)
    before = CommitResult(row, repeated=True)  # a call that ended between the two may have left the note
    add_history_note(books, write, f"Invoices/{row['InvoiceID']}", f"To be voided by {write.action}", before)
    return run_steps(books, write, ready)


def to_result(books: Books, params: VoidInvoiceParams, done: CommitResult) -> VoidedInvoice:
    """Return the document as it is now."""
    row = done.row
    return VoidedInvoice(
        invoice_id=row["InvoiceID"],
        number=row.get("InvoiceNumber") or None,
        kind=params.kind,
        status=str(row["Status"]),
        contact=str(row["Contact"].get("Name") or ""),
        invoice_date=row.get("Date"),
        currency=row.get("CurrencyCode"),
        total=row.get("Total"),
        repeated=done.repeated,
        link=books.link(params.kind, row["InvoiceID"]),
    )


ACTION = WriteAction(
    "void_invoice",
    "Void Invoice",
    "Take back a sales invoice or bill that should never have been: a draft is deleted, an approved one "
    "voided at its own date. Use it for mistakes nobody has acted on. Not for one the customer has, or of a "
    "past or locked period (create_credit_note), nor for one that is paid (delete the payment first). Void "
    "already is a success that says so. Changes Xero and cannot be undone. 2 to 4 calls to plan, 6 to 8 to "
    "commit.",
    VoidInvoiceParams,
    VoidedInvoice,
    plan=plan,
    find_existing=find_existing,
    commit=commit,
    to_result=to_result,
    destructive=True,
)
