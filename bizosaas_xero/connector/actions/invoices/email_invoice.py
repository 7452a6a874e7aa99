"""``email_invoice``: an invoice that is there, e-mailed to its customer, at most once."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.escaping import bullet_list, escape_markdown
from bizosaas_xero.connector.actions.invoices import email
from bizosaas_xero.connector.actions.models import Params, Result
from bizosaas_xero.connector.actions.money import to_base_currency
from bizosaas_xero.connector.actions.writes import document_lookup
from bizosaas_xero.connector.actions.writes.errors import wrong
from bizosaas_xero.connector.actions.writes.execute import CommitResult
from bizosaas_xero.connector.actions.writes.plan import Draft, Write
from bizosaas_xero.spec.errors import Invalid

_CAN_BE_SENT = {"SUBMITTED", "AUTHORISED", "PAID"}
_REMEDY = {
    "DRAFT": "Submit or approve it in Xero first.",
    "VOIDED": "Make a new invoice with create_invoice.",
    "DELETED": "Make a new invoice with create_invoice.",
}


class EmailInvoiceParams(Params):
    """Which invoice."""

    invoice: str = Field(
        min_length=1, max_length=255, description="Its id, or its number. A sales invoice, not a draft."
    )


class EmailedInvoice(Result):
    """What became of the e-mail."""

    invoice_id: str
    number: str | None
    status: str
    contact: str
    emailed: email.Emailed = Field(
        description="`unknown`: Xero's answer was lost. It is not sent again; look at the History in Xero."
    )
    repeated: bool = Field(description="An earlier call with the same key had tried it.")
    link: str | None
    online_url: str | None = Field(description="Where the customer sees it.")


def plan(books: Books, params: EmailInvoiceParams, _write: Write) -> Draft:
    """Work out who would get it.

    Raises:
        Invalid: It cannot be sent as it is, or the customer has no e-mail address.
        NotFound: There is no such invoice.
    """
    row = document_lookup.resolve_document(books, params.invoice, "invoice")
    status, number = str(row.get("Status")), row.get("InvoiceNumber") or row["InvoiceID"]
    if status not in _CAN_BE_SENT:
        raise wrong(
            "params.invoice",
            f"{number} is {status.lower()}: Xero e-mails what is submitted, approved or paid",
            _REMEDY.get(status),
            reason="not_sendable",
        )
    contact = books.get("Contacts", row["Contact"]["ContactID"], "Contact")
    to = recipients(contact)
    if not contact.get("EmailAddress"):
        raise wrong(
            "params.invoice",
            f"{contact['Name']}, who gets {number}, has no e-mail address",
            "Add one to the contact in Xero.",
            reason="no_email_address",
        )
    warnings = tuple(_warnings(books, row, contact))
    return Draft(
        steps=(email.email_step(row["InvoiceID"]),),
        warnings=warnings,
        undo="None: what was e-mailed stays with the customer.",
        summary=_summary(books, row, contact, to, warnings),
        acts=("send",),
        amount=_amount(books, row),
        facts={
            "to": to,
            "contact": contact["Name"],
            "number": number,
            "total": row.get("Total"),
            "currency": row.get("CurrencyCode"),
        },
    )


def recipients(contact: Row) -> list[str]:
    """Return who Xero sends to: the contact's address, and those persons that are set to get e-mails."""
    persons = [each for each in contact.get("ContactPersons") or () if each.get("IncludeInEmails")]
    addresses = [each.get("EmailAddress") for each in (contact, *persons)]
    return list(dict.fromkeys(address for address in addresses if address))


def _warnings(books: Books, row: Row, contact: Row) -> list[str]:
    warnings = []
    if row.get("SentToContact"):
        warnings.append("It was sent before; this sends it once more.")
    if books.organisation.get("IsDemoCompany"):
        warnings.append("This is a Demo Company, for which Xero sends no e-mail: expect it to be refused.")
    if contact.get("ContactStatus") not in {None, "ACTIVE"}:
        warnings.append(f"{contact['Name']} is {str(contact['ContactStatus']).lower()} in Xero.")
    if row.get("Status") == "SUBMITTED":
        warnings.append("It is not approved yet.")
    if row.get("Status") == "PAID":
        warnings.append("It is paid already.")
    return warnings


def _amount(books: Books, row: Row) -> Any:
    if row.get("CurrencyCode") == books.base_currency:
        return row.get("Total")
    rate, total = row.get("CurrencyRate"), row.get("Total")
    return to_base_currency(total, rate) if rate and total is not None else None


def _summary(books: Books, row: Row, contact: Row, to: list[str], warnings: tuple[str, ...]) -> str:
    home, name = escape_markdown(str(books.organisation.get("Name"))), escape_markdown(contact["Name"])
    number = escape_markdown(str(row.get("InvoiceNumber") or row["InvoiceID"]))
    about = f"{row.get('CurrencyCode')} {row.get('Total')}, due {row.get('DueDate') or 'not set'}"
    out = [
        f"**{home}**: e-mail invoice **{number}** ({about}) to **{name}**.",
        "",
        f"It goes to: {escape_markdown(', '.join(to))}. The words are those of the template in Xero.",
    ]
    return "\n".join([*out, *bullet_list(warnings)])


def find_existing(books: Books, params: EmailInvoiceParams, write: Write) -> Row | None:
    """Look for this write's note in the invoice's History: it is there before the e-mail goes."""
    row = document_lookup.resolve_document(books, params.invoice, "invoice")
    before = email.email_history(books, row, write.mark)
    return row if before.tried is not None else None


def commit(books: Books, params: EmailInvoiceParams, write: Write, ready: Draft | Row) -> CommitResult:
    """Leave the note and send it, or say what became of it.

    Raises:
        Invalid: Xero refused. That is noted, so the same key may be used again.
        RateLimited: It was not sent.
        Unavailable: The note could not be left, so it was not sent.
    """
    repeated = not isinstance(ready, Draft)
    row = document_lookup.resolve_document(books, params.invoice, "invoice")
    done = CommitResult(row, repeated=repeated)
    before = email.email_history(books, row, write.mark) if repeated else email.EmailHistory()
    email.note_sending(books, write, row, f"To be e-mailed by {write.action}.", before)
    try:
        done.facts["emailed"] = email.send_email(books, write, row, before)
    except Invalid as error:
        raise Invalid(
            f"Xero did not send the e-mail: {'; '.join(email.error_messages(error))}.",
            remedy="A Demo Company sends none, a trial 20 a day, others 1,000, each with what people send "
            "in Xero. Put right what Xero names, then call again, with the same business key if you like.",
            reason="email_refused",
            correlation_id=error.correlation_id,
            problems=error.problems,
        ) from error
    if done.facts["emailed"] == "unknown":
        done.failed(email.UNKNOWN)
    return done


def to_result(books: Books, _params: EmailInvoiceParams, done: CommitResult) -> EmailedInvoice:
    """Return what became of the e-mail."""
    row = done.row
    online = None
    if row.get("Status") in {"AUTHORISED", "PAID"}:
        online = books.read_online_address(row["InvoiceID"])
    return EmailedInvoice(
        invoice_id=row["InvoiceID"],
        number=row.get("InvoiceNumber") or None,
        status=str(row["Status"]),
        contact=str(row["Contact"].get("Name") or ""),
        emailed=done.facts["emailed"],
        repeated=done.repeated,
        link=books.link("invoice", row["InvoiceID"]),
        online_url=online,
    )


ACTION = WriteAction(
    "email_invoice",
    "E-mail Invoice",
    "E-mail a sales invoice that is already in Xero to its customer. Use it when a person asks to send or "
    "resend one; create_invoice can send what it makes. Not for drafts, bills or credit notes. It cannot be "
    "undone. The plan says who gets it, and whether it was sent before. The same business key sends at most "
    "once; to send again, use a new one. 3 calls to plan, 7 to commit.",
    EmailInvoiceParams,
    EmailedInvoice,
    plan=plan,
    find_existing=find_existing,
    commit=commit,
    to_result=to_result,
)
