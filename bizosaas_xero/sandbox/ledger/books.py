"""The part of an organisation's books that the ledger reads."""

import datetime as dt
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol

from bizosaas_xero.sandbox.core.table import Table
from bizosaas_xero.sandbox.core.xero_json import Row


class LedgerBooks(Protocol):
    """The books as the ledger needs them; `Company` implements it.

    Attributes:
        lock: Held while anything is written.
        currency: The base currency.
        conversion_date: The day of the opening balances.
        opening_balances: Account code and amount of each opening balance.
    """

    lock: threading.RLock
    currency: str
    conversion_date: dt.date
    opening_balances: tuple[tuple[str, Decimal], ...]

    @property
    def organisation(self) -> Row:
        """The organisation's own row."""

    def table(self, entity: str) -> Table:
        """Return the rows of an entity."""

    def rows(self, entity: str) -> Iterator[Row]:
        """Iterate over copies of the rows of an entity."""

    def peek(self, entity: str, guid: str) -> Row:
        """Return a row for reading only."""

    def rate(self, currency: str, day: dt.date) -> Decimal:
        """Return foreign units per base unit on a day."""

    def account_id(self, code: str) -> str:
        """Return the id of an account by its code."""

    def account_of_line(self, line: Row) -> str:
        """Return the account of a line that has no AccountID."""

    def account_currency(self, guid: str) -> str:
        """Return the currency of an account."""

    def system_account(self, name: str) -> str:
        """Return the id of one of Xero's own accounts."""
