"""One line of the ledger."""

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

ACCRUAL, CASH, BOTH = "accrual", "cash", "both"
ZERO = Decimal("0.00")


class Posting(NamedTuple):
    """One line of the ledger.

    Attributes:
        date: The day it counts from, as the organisation sees it.
        account_id: The account.
        amount: In base currency; debit positive, credit negative.
        source: Its entity (`Invoices`, `CreditNotes`, `Payments`, `BankTransactions`,
            `BankTransfers`, `ManualJournals`), `Allocations` for credit set against an invoice,
            `ConversionBalances` for opening balances, `Revaluations`.
        source_id: Id of that row; of an allocation its AllocationID.
        contact_id: The contact, if any.
        tracking: Category id and option id of each tracking category of the line.
        tax_type: Tax code of the line; on the tax account, the code that caused the posting.
        foreign: The amount in the document's currency when that is not the base currency.
        currency: The document's currency when that is not the base currency.
        basis: `accrual`, `cash` or `both`.
        document_id: The document that a payment or allocation settles; else the source itself.
        description: The description of the line, or contact and reference.
        tax: This is the tax on a line, not the line (a posting by hand to the tax account is not).
    """

    date: dt.date
    account_id: str
    amount: Decimal
    source: str
    source_id: str
    contact_id: str | None = None
    tracking: tuple[tuple[str, str], ...] = ()
    tax_type: str | None = None
    foreign: Decimal | None = None
    currency: str | None = None
    basis: str = BOTH
    document_id: str = ""
    description: str = ""
    tax: bool = False
