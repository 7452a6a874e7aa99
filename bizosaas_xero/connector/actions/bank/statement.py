"""A bank statement as the bank tells it: its lines, given as objects, as OFX, or as CSV."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import Field

from bizosaas_xero.connector.actions.models import Money, Params
from bizosaas_xero.spec.errors import Invalid, Misconfigured

MOST_LINES = 5000
_MOST_PROBLEMS = 50
_MOST_DIGITS = 28


class LineParams(Params):
    """One line of a statement."""

    date: date
    amount: Money = Field(description="Exact; money in is positive, money out negative.")
    payee: str = ""
    reference: str = ""
    description: str = ""


@dataclass(frozen=True)
class BankLine:
    """One line of a statement.

    Args:
        number: Its place on the statement, from 1: the row of a CSV file, the transaction of an OFX file.
        date: The bank's day.
        amount: Money in is positive.
        payee: Who, as the bank cuts it.
        reference: What the payer wrote.
        description: Everything else.
    """

    number: int
    date: date
    amount: Decimal
    payee: str = ""
    reference: str = ""
    description: str = ""


@dataclass(frozen=True)
class Statement:
    """The lines, and the closing balance if the file tells it."""

    lines: list[BankLine]
    balance: Decimal | None = None
    balance_date: date | None = None
    currency: str | None = None


@dataclass
class Complaints:
    """What is wrong with a statement, line by line, so that all of it is told at once."""

    name: str
    found: list[str] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        """Note that a line is wrong."""
        self.found.append(f"{where}: {what}")

    def refuse(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            Invalid: Something was.
        """
        if not self.found:
            return
        problems = [{"field": f"params.{self.name}", "message": message} for message in self.found[:_MOST_PROBLEMS]]
        more = len(self.found) - 1
        rest = f" ({more} more)" if more else ""
        raise Invalid(f"params.{self.name} is not valid: {self.found[0]}{rest}.", problems=problems)


def refuse(name: str, what: str) -> Invalid:
    """Make the error for a statement that cannot be read at all."""
    problem = {"field": f"params.{name}", "message": what}
    return Invalid(f"params.{name} is not valid: {what}.", problems=[problem])


def from_lines(given: Sequence[LineParams]) -> Statement:
    """Return lines that came as objects.

    Raises:
        Invalid: An amount is zero or no number.
    """
    complaints = Complaints("lines")
    lines = []
    for number, line in enumerate(given, 1):
        if not line.amount or not sensible(line.amount):
            complaints.add(f"line {number}", "the amount is zero or no number")
        lines.append(BankLine(number, line.date, line.amount, line.payee, line.reference, line.description))
    complaints.refuse()
    return Statement(lines)


def from_ofx(text: str) -> Statement:
    """Read an OFX or QFX file of one account, SGML or XML.

    Raises:
        Invalid: It is no such file, or a transaction is wrong; each is named by its number.
        Misconfigured: The extra ``reconcile`` is not installed.
    """
    account = _ofx_account(text)
    found = account.find_all("stmttrn")
    if len(found) > MOST_LINES:
        raise refuse("ofx", f"it holds more than {MOST_LINES} transactions")
    complaints = Complaints("ofx")
    lines = []
    for number, node in enumerate(found, 1):
        where = f"transaction {number}"
        day, amount = _ofx_day(_told(node, "dtposted")), _ofx_amount(_told(node, "trnamt"))
        if day is None:
            complaints.add(where, f"the date {_told(node, 'dtposted')!r} cannot be read")
        if amount is None:
            complaints.add(where, f"the amount {_told(node, 'trnamt')!r} cannot be read")
        if day and amount:  # zero is what some banks send for a notice; it moves nothing
            payee, memo = _told(node, "name"), _told(node, "memo")
            lines.append(BankLine(number, day, amount, payee, _told(node, "checknum", "refnum"), memo))
    complaints.refuse()
    if not lines:
        raise refuse("ofx", "it holds no transaction with an amount")
    ledger = account.find("ledgerbal")
    balance = _ofx_amount(_told(ledger, "balamt")) if ledger is not None else None
    as_of = _ofx_day(_told(ledger, "dtasof")) if ledger is not None else None
    return Statement(lines, balance, as_of, _told(account, "curdef") or None)


def _ofx_account(text: str) -> Any:
    """Return the one account of a file as a tree of tags."""
    try:
        from ofxparse.ofxparse import OfxPreprocessedFile, soup_maker
    except ImportError:
        raise missing_extra() from None
    start = re.search(r"<OFX\s*>", text, re.IGNORECASE)
    if start is None:
        raise refuse("ofx", "there is no <OFX> in it")
    # The text is decoded already: whatever encoding its header names no longer matters. Only the library's
    # tags are taken: its own transactions have their days moved to UTC, and no number when one is wrong.
    body = b"ENCODING:UTF-8\n\n" + text[start.start() :].encode("utf-8", "replace")
    try:
        accounts = soup_maker(OfxPreprocessedFile(io.BytesIO(body)).fh).find_all(["stmtrs", "ccstmtrs"])
    except (ValueError, AssertionError, IndexError):  # ofxparse stumbles over a tag that is none
        raise refuse("ofx", "it cannot be read as OFX") from None
    if len(accounts) != 1:
        raise refuse("ofx", f"it holds {len(accounts)} accounts, and one is wanted")
    return accounts[0]


def _told(node: Any, *names: str) -> str:
    tags = (node.find(name) for name in names)
    return next((tag.get_text().strip() for tag in tags if tag is not None), "")


def _ofx_day(text: str) -> date | None:
    # The first eight digits are the bank's own day; the zone after them must not move it.
    if not re.match(r"\d{8}(?!\d{1,5}(?!\d))", text):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def _ofx_amount(text: str) -> Decimal | None:
    # OFX allows a comma or a dot for the decimals; some banks add the other one for thousands.
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    elif "," in text and text.rfind(".") < text.rfind(","):
        text = text.replace(".", "").replace(",", ".")
    try:
        amount = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    return amount if sensible(amount) else None


def sensible(amount: Decimal) -> bool:
    """Tell whether an amount is one: finite, and not so long that writing it out would fill the memory."""
    return amount.is_finite() and amount.adjusted() < _MOST_DIGITS and len(amount.as_tuple().digits) <= _MOST_DIGITS


def missing_extra() -> Misconfigured:
    """Make the error for an extra that is not installed."""
    return Misconfigured(
        "Reading a bank statement needs an extra that is not installed.",
        remedy="Install bizosaas-xero[reconcile].",
        reason="missing_extra",
    )
