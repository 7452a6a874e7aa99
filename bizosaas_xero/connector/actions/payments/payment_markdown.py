"""A planned payment for a person, as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizosaas_xero.connector.actions.books import account_name
from bizosaas_xero.connector.actions.escaping import escape_markdown
from bizosaas_xero.connector.actions.writes.document_lookup import contact_name, document_number

if TYPE_CHECKING:
    from bizosaas_xero.connector.actions.payments.payment_draft import PaymentDraft


def summary(payment: PaymentDraft, warnings: tuple[str, ...]) -> str:
    """Return what would be recorded: of what, how much, where, surplus, fee, warnings."""
    params, currency, rest = payment.params, payment.currency, payment.extras
    whose = escape_markdown(str(payment.books.organisation.get("Name")))
    by, into = ("by", "into") if params.kind == "invoice" else ("to", "from")
    left = payment.due - payment.amount
    number, contact = escape_markdown(document_number(payment.invoice)), escape_markdown(contact_name(payment.invoice))
    account = escape_markdown(account_name(payment.account))
    stays = f"{currency} {left} stays" if left else "Nothing stays"
    out = [
        f"**{whose}**: record that {params.kind} **{number}** was paid {by} **{contact}**.",
        "",
        f"**{currency} {payment.amount}** on {payment.date}, {into} {account}. {stays} due.",
    ]
    if rest.surplus:
        out.append(f"{currency} {rest.surplus} more was paid; it is kept as an overpayment.")
    if params.fee:
        out.append(
            f"{escape_markdown(rest.processor.name)} kept {payment.account_currency} {params.fee.amount}, "
            f"of which tax {rest.fee_tax}: {escape_markdown(account_name(rest.fee_account))}."
        )
    if params.reference:
        out.append(f"Reference: {escape_markdown(params.reference)}.")
    out += [f"- {escape_markdown(warning)}" for warning in ("", *warnings) if warning]
    return "\n".join(out)
