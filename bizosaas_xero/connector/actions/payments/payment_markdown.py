"""A planned payment for a person, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from bizosaas_xero.connector.actions.books import Books, Row, account_name
from bizosaas_xero.connector.actions.escaping import bullet_list, escape_markdown
from bizosaas_xero.connector.actions.payments.fee_and_overpayment import FeeAndOverpayment
from bizosaas_xero.connector.actions.writes.document_lookup import contact_name, document_number


def payment_summary(
    books: Books,
    invoice: Row,
    amount: Decimal,
    on: date,
    extras: FeeAndOverpayment,
    reference: str | None,
    warnings: Iterable[str],
) -> str:
    """Return what would be recorded: document, amount, account, surplus, fee, warnings.

    Args:
        books: The organisation's books.
        invoice: The document that is paid.
        amount: The payment's, in the document's currency.
        on: The payment's day.
        extras: What is recorded together with the payment.
        reference: The person's text, if there is one.
        warnings: What a person should know before approving.
    """
    organisation = escape_markdown(str(books.organisation.get("Name")))
    by, into = ("by", "into") if extras.kind == "invoice" else ("to", "from")
    number, contact = escape_markdown(document_number(invoice)), escape_markdown(contact_name(invoice))
    currency, left = str(invoice["CurrencyCode"]), (invoice.get("AmountDue") or Decimal(0)) - amount
    remaining = f"{currency} {left} stays" if left else "Nothing stays"
    account = escape_markdown(account_name(extras.account))
    out = [
        f"**{organisation}**: record that {extras.kind} **{number}** was paid {by} **{contact}**.",
        "",
        f"**{currency} {amount}** on {on}, {into} {account}. {remaining} due.",
    ]
    if extras.surplus:
        out.append(f"{currency} {extras.surplus} more was paid; it is kept as an overpayment.")
    if extras.fee:
        fee_currency = str(extras.account.get("CurrencyCode") or books.base_currency)
        out.append(
            f"{escape_markdown(extras.processor.name)} kept {fee_currency} {extras.fee.amount}, "
            f"of which tax {extras.fee_tax}: {escape_markdown(account_name(extras.fee_account))}."
        )
    if reference:
        out.append(f"Reference: {escape_markdown(reference)}.")
    return "\n".join([*out, *bullet_list(warnings)])
