"""A bank statement: its lines, given as objects or read from OFX; see also :mod:`statement_csv`."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import Field

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.actions.models import Money, Params
from bizosaas_xero.spec.errors import Invalid, Misconfigured

MAX_LINES = 5000
_MAX_PROBLEMS = 50
_MAX_DIGITS = 28


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
        number: Its number, from 1: the line of a CSV file, the transaction of an OFX file.
        date: The bank's day.
        amount: Money in is positive.
        payee: The payer or payee, as the bank shortens it.
        reference: The reference that the payer gave.
        description: All other text.
    """

    number: int
    date: date
    amount: Decimal
    payee: str = ""
    reference: str = ""
    description: str = ""


@dataclass(frozen=True)
class Statement:
    """The lines, and the closing balance if the file has one."""

    lines: list[BankLine]
    balance: Decimal | None = None
    balance_date: date | None = None
    currency: str | None = None


@dataclass
class Problems:
    """The problems of a statement, collected line by line so that all are reported at once."""

    name: str
    messages: list[str] = field(default_factory=list)

    def add(self, where: str, message: str) -> None:
        """Add the problem of a line."""
        self.messages.append(f"{where}: {message}")

    def raise_if_any(self) -> None:
        """Raise the problems that were added.

        Raises:
            Invalid: There is at least one problem.
        """
        if not self.messages:
            return
        problems = [{"field": f"params.{self.name}", "message": message} for message in self.messages[:_MAX_PROBLEMS]]
        more = len(self.messages) - 1
        rest = f" ({more} more)" if more else ""
        raise Invalid(f"params.{self.name} is not valid: {self.messages[0]}{rest}.", problems=problems)


def invalid_statement(name: str, message: str) -> Invalid:
    """Make the error for a statement that cannot be read."""
    return Invalid.field(f"params.{name}", message, summary="{path} is not valid: {message}.")


def from_lines(params: Sequence[LineParams]) -> Statement:
    """Return a statement whose lines are given as objects.

    Raises:
        Invalid: An amount is zero or not a number.
    """
    problems = Problems("lines")
    lines = []
    for number, line in enumerate(params, 1):
        if not line.amount or not is_valid_amount(line.amount):
            problems.add(f"line {number}", "the amount is zero or not a number")
        lines.append(BankLine(number, line.date, line.amount, line.payee, line.reference, line.description))
    problems.raise_if_any()
    return Statement(lines)


def from_ofx(text: str) -> Statement:
    """Read an OFX or QFX file of one account, SGML or XML.

    Raises:
        Invalid: The text is not OFX, or a transaction is wrong; each is named by its number.
        Misconfigured: The extra ``reconcile`` is not installed.
    """
    account = _ofx_account(text)
    transactions = account.find_all("stmttrn")
    if len(transactions) > MAX_LINES:
        raise invalid_statement("ofx", f"it holds more than {MAX_LINES} transactions")
    problems = Problems("ofx")
    lines = []
    for number, node in enumerate(transactions, 1):
        where = f"transaction {number}"
        day, amount = _ofx_day(_text_of(node, "dtposted")), _ofx_amount(_text_of(node, "trnamt"))
        if day is None:
            problems.add(where, f"the date {_text_of(node, 'dtposted')!r} cannot be read")
        if amount is None:
            problems.add(where, f"the amount {_text_of(node, 'trnamt')!r} cannot be read")
        if day and amount:  # some banks send notices with the amount zero
            payee, memo = _text_of(node, "name"), _text_of(node, "memo")
            lines.append(BankLine(number, day, amount, payee, _text_of(node, "checknum", "refnum"), memo))
    problems.raise_if_any()
    if not lines:
        raise invalid_statement("ofx", "it holds no transaction with an amount")
    ledger = account.find("ledgerbal")
    balance = _ofx_amount(_text_of(ledger, "balamt")) if ledger is not None else None
    as_of = _ofx_day(_text_of(ledger, "dtasof")) if ledger is not None else None
    return Statement(lines, balance, as_of, _text_of(account, "curdef") or None)


def _ofx_account(text: str) -> Any:
    """Return the one account of a file as a tree of tags."""
    try:
        from ofxparse.ofxparse import OfxPreprocessedFile, soup_maker
    except ImportError:
        raise missing_extra() from None
    start = re.search(r"<OFX\s*>", text, re.IGNORECASE)
    if start is None:
        raise invalid_statement("ofx", "it contains no <OFX> tag")
    # The text is decoded, so the encoding in its header is ignored. Only the tags of the library are used: its
    # transactions have their days moved to UTC, and lack the number of a transaction that is wrong.
    body = b"ENCODING:UTF-8\n\n" + text[start.start() :].encode("utf-8", "replace")
    try:
        accounts = soup_maker(OfxPreprocessedFile(io.BytesIO(body)).fh).find_all(["stmtrs", "ccstmtrs"])
    except (ValueError, AssertionError, IndexError):  # ofxparse raises these for a malformed tag
        raise invalid_statement("ofx", "it cannot be read as OFX") from None
    if len(accounts) != 1:
        raise invalid_statement("ofx", f"it holds {len(accounts)} accounts, but must hold one")
    return accounts[0]


def _text_of(node: Any, *names: str) -> str:
    tags = (node.find(name) for name in names)
    return next((tag.get_text().strip() for tag in tags if tag is not None), "")


def _ofx_day(text: str) -> date | None:
    # The first eight digits are the bank's day; the time zone after them must not move it.
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
    return amount if is_valid_amount(amount) else None


def is_valid_amount(amount: Decimal) -> bool:
    """Return whether an amount is finite, and short enough to be written out."""
    return amount.is_finite() and amount.adjusted() < _MAX_DIGITS and len(amount.as_tuple().digits) <= _MAX_DIGITS


def missing_extra() -> Misconfigured:
    """Make the error for an extra that is not installed."""
    return reasons.MISSING_RECONCILE()
