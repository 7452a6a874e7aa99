"""``email_invoice``: e-mail an existing invoice to its customer, at most once."""

from __future__ import annotations

from pydantic import Field

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.escaping import bullet_list, escape_markdown
from bizosaas_xero.connector.actions.invoices import email
from bizosaas_xero.connector.actions.models import Result, WrittenParams
from bizosaas_xero.connector.actions.writes.document_lookup import (
    base_total,
    document_number,
    document_reference,
    resolve_document,
)
from bizosaas_xero.connector.actions.writes.execute import CommitResult
from bizosaas_xero.connector.actions.writes.plan import Draft
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.spec.errors import Invalid

_SENDABLE = {"SUBMITTED", "AUTHORISED", "PAID"}
_REMEDY = {
    "DRAFT": "Submit or approve it in Xero first.",
    "VOIDED": "Make a new invoice with create_invoice.",
    "DELETED": "Make a new invoice with create_invoice.",
}


class EmailInvoiceParams(WrittenParams):
    """The invoice."""

    invoice: str = Field(
        min_length=1, max_length=255, description="Its id, or its number. A sales invoice, not a draft."
    )


class EmailedInvoice(Result):
    """The invoice, and whether the e-mail was sent."""

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


class EmailInvoice(WriteAction[EmailInvoiceParams]):
    """``email_invoice``."""

    name = "email_invoice"
    permissions = (scopes.INVOICES.for_writing(), scopes.CONTACTS, scopes.SETTINGS)
    title = "E-mail Invoice"
    description = (
        "E-mail a sales invoice that is already in Xero to its customer. Use it when a person asks to send or "
        "resend one; create_invoice can send what it makes. Not for drafts, bills or credit notes. It cannot be "
        "undone. The plan says who gets it, and whether it was sent before. The same business key sends at most "
        "once; to send again, use a new one. 3 calls to plan, 7 to commit."
    )
    position = 40
    params_model = EmailInvoiceParams
    result_model = EmailedInvoice

    def plan(self) -> Draft:
        """Work out who would get the e-mail."""
        row = resolve_document(self.books, self.params.invoice, "invoice")
        status, number = str(row.get("Status")), document_number(row)
        if status not in _SENDABLE:
            raise reasons.NOT_SENDABLE.field(
                "params.invoice", remedy=_REMEDY.get(status), number=number, status=status.lower()
            )
        contact = self.books.get("Contacts", row["Contact"]["ContactID"], "Contact")
        if not contact.get("EmailAddress"):
            raise reasons.NO_EMAIL_ADDRESS.field("params.invoice", name=contact["Name"], number=number)
        to = recipients(contact)
        warnings = tuple(_warnings(self.books, row, contact))
        return Draft(
            steps=(email.email_step(row["InvoiceID"]),),
            warnings=warnings,
            undo="None: what was e-mailed stays with the customer.",
            summary=_summary(self.books, row, contact, to, warnings),
            acts=("send",),
            amount=base_total(self.books, row),
            facts={
                "to": to,
                "contact": contact["Name"],
                "number": number,
                "total": row.get("Total"),
                "currency": row.get("CurrencyCode"),
            },
        )

    def find_existing(self) -> Row | None:
        """Look for this write's note in the invoice's History: it is added before the e-mail is sent."""
        row = resolve_document(self.books, self.params.invoice, "invoice")
        earlier = email.email_history(self.books, row, self.write.mark)
        return row if earlier.seconds_since_attempt is not None else None

    def commit(self, ready: Draft | Row) -> CommitResult:
        """Add the note and send the e-mail, or report the outcome of an earlier call.

        Raises:
            Invalid: Xero refused. That is noted, so the same key may be used again.
            RateLimited: It was not sent.
            Unavailable: The note could not be saved, so it was not sent.
        """
        repeated = not isinstance(ready, Draft)
        row = resolve_document(self.books, self.params.invoice, "invoice")
        done = CommitResult(row, repeated=repeated)
        earlier = email.email_history(self.books, row, self.write.mark) if repeated else email.EmailHistory()
        email.note_sending(self.books, self.write, row, f"To be e-mailed by {self.write.action}.", earlier)
        try:
            done.facts["emailed"] = email.send_email(self.books, self.write, row, earlier)
        except Invalid as error:
            raise reasons.EMAIL_REFUSED(
                correlation_id=error.correlation_id,
                problems=error.problems,
                messages="; ".join(email.error_messages(error)),
            ) from error
        if done.facts["emailed"] == "unknown":
            done.add_failure(email.UNKNOWN)
        return done

    def to_result(self, done: CommitResult) -> EmailedInvoice:
        """Return the invoice, and whether the e-mail was sent."""
        row = done.row
        return EmailedInvoice(
            **document_reference(self.books, row),
            contact=str(row["Contact"].get("Name") or ""),
            emailed=done.facts["emailed"],
            repeated=done.repeated,
            online_url=email.online_address(self.books, row),
        )


def recipients(contact: Row) -> list[str]:
    """Return the addresses that Xero sends to: the contact's, and those of persons who are set to get e-mails."""
    persons = [person for person in contact.get("ContactPersons") or () if person.get("IncludeInEmails")]
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
    if row.get("Status") == "PAID" and row.get("Total"):
        warnings.append("It is paid already.")
    return warnings


def _summary(books: Books, row: Row, contact: Row, to: list[str], warnings: tuple[str, ...]) -> str:
    organisation, name = (escape_markdown(str(each.get("Name"))) for each in (books.organisation, contact))
    number = escape_markdown(document_number(row))
    about = f"{row.get('CurrencyCode')} {row.get('Total')}, due {row.get('DueDate') or 'not set'}"
    out = [
        f"**{organisation}**: e-mail invoice **{number}** ({about}) to **{name}**.",
        "",
        f"It goes to: {escape_markdown(', '.join(to))}. The text is that of the template in Xero.",
    ]
    return "\n".join([*out, *bullet_list(warnings)])
