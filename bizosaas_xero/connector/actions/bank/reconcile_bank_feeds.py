"""reconcile_bank_feeds: entries without a matched bank line, and the matches of a bank statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from pydantic import Field, field_validator, model_validator

from bizosaas_xero.connector.actions.bank import ledger_entries, matching, scoring, unmatched
from bizosaas_xero.connector.actions.bank.batches import merge_batches
from bizosaas_xero.connector.actions.bank.ledger_entries import Entry
from bizosaas_xero.connector.actions.bank.reconciliation import Reconciliation, compare_balances
from bizosaas_xero.connector.actions.bank.statement import (
    MAX_LINES,
    LineParams,
    Statement,
    from_lines,
    from_ofx,
)
from bizosaas_xero.connector.actions.bank.statement_csv import Columns, DateOrder, from_csv
from bizosaas_xero.connector.actions.bank.statement_result import StatementResult, statement_result
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.filters import date_filter
from bizosaas_xero.connector.actions.models import Money, Params, Result, not_before_from_date
from bizosaas_xero.connector.actions.reports.days import ReportDay
from bizosaas_xero.connector.actions.unreadable import Unreadable, describe_unreadable, list_unreadable
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.spec.errors import SUBJECT, Invalid

MAX_TEXT_LENGTH = 2_000_000

NOTE = (
    "Recorded in Xero but not matched to a bank line. Xero's API gives no access to bank lines and cannot match "
    "them: a person does that in Xero."
)


class ReconcileParams(Params):
    """Which accounts and days, and optionally a bank statement to match."""

    bank_account: str | None = Field(
        None,
        min_length=1,
        description="Id or code. Needed with a statement if the organisation has several bank accounts.",
    )
    from_date: ReportDay | None = Field(
        None, description="First day, as YYYY-MM-DD; with a statement, its first line's by default."
    )
    to_date: ReportDay | None = Field(
        None, description="Last day; today, or with a statement that of its balance or last line, by default."
    )
    lines: list[LineParams] | None = Field(
        None,
        min_length=1,
        max_length=MAX_LINES,
        description="The bank statement, line by line: at most one of `lines`, `csv` and `ofx`.",
    )
    csv: str | None = Field(
        None, min_length=1, max_length=MAX_TEXT_LENGTH, description="The bank statement as the text of a CSV file."
    )
    csv_columns: Columns | None = Field(
        None, description="The columns by heading or number; detected by their headings by default."
    )
    date_format: DateOrder | None = Field(
        None, description="The order of dates in the CSV file; needed only if they can be read in two ways."
    )
    ofx: str | None = Field(
        None, min_length=1, max_length=MAX_TEXT_LENGTH, description="The bank statement as the text of an OFX file."
    )
    statement_balance: Money | None = Field(
        None, description="The closing balance of the statement; a debt on a card is negative. An OFX file contains it."
    )
    date_drift_days: int = Field(7, ge=0, le=31, description="How many days the bank may be behind the books.")
    look_for_duplicates: bool = Field(
        True, description="Also look for entries that may be recorded twice; up to 3 calls."
    )
    limit: int = Field(50, ge=1, le=500, description="The maximum number of rows in each list; totals count all.")

    _in_order = field_validator("to_date")(not_before_from_date)

    @model_validator(mode="after")
    def _one_statement(self) -> ReconcileParams:
        statements = [name for name in ("lines", "csv", "ofx") if getattr(self, name) is not None]
        if len(statements) > 1:
            raise ValueError(f"{' and '.join(statements)} are given, but only one statement is allowed")
        if not statements and self.statement_balance is not None:
            raise ValueError("statement_balance is given without a statement")
        if self.csv is None and (self.csv_columns or self.date_format):
            raise ValueError("csv_columns and date_format need csv")
        return self


class ReconcileResult(Result):
    """Entries without a matched bank line in Xero, and the comparison with a statement."""

    organisation: str
    today: date
    note: str = Field(description="What the figures mean; pass it on with them.")
    accounts: list[unmatched.AccountItem] = Field(
        description="The accounts of type BANK; clearing accounts are left out."
    )
    entries: list[unmatched.EntryItem] = Field(description="The oldest entries first.")
    more_entries: int = Field(description="The number of entries beyond `limit`.")
    duplicates: list[unmatched.Duplicate] = Field(
        description="Suspected duplicates, the largest first; a person decides."
    )
    more_duplicates: int
    unreadable: Unreadable = Field(description="Records that are in no list and no total, because they cannot be read.")
    statement: StatementResult | None = None
    reconciliation: Reconciliation | None = None


def run(books: Books, params: ReconcileParams) -> ReconcileResult:
    """Read entries without a bank line; with a statement, match its lines and compare the balances."""
    statement = _parse_statement(params)
    account = _find_account(books, params.bank_account, needed=statement is not None)
    if statement is None:
        first, last = params.from_date, params.to_date or books.today
        entries = _read_unmatched(books, account, first, last)
    else:
        first, last = _period(params, statement)
        entries = _read_around(books, str(account), first, last, params.date_drift_days)
    unmatched_entries = [e for e in entries if not e.reconciled and _is_between(e.date, params.from_date, last)]
    unmatched_entries.sort(key=lambda entry: (entry.date, entry.key))
    duplicates = _find_duplicates(books, params, account, entries, last) if params.look_for_duplicates else []
    result = ReconcileResult(
        organisation=str(books.organisation.get("Name")),
        today=books.today,
        note=NOTE,
        accounts=unmatched.total_by_account(books, unmatched_entries, account),
        entries=[unmatched.entry_item(entry) for entry in unmatched_entries[: params.limit]],
        more_entries=max(0, len(unmatched_entries) - params.limit),
        duplicates=duplicates[: params.limit],
        more_duplicates=max(0, len(duplicates) - params.limit),
        unreadable=list_unreadable(books),
    )
    if statement is not None and account is not None:
        row = books.accounts[account]
        currency = _currency(books, row, statement)
        documents = ledger_entries.read_open_documents(books, currency, last)
        matches = matching.match(statement.lines, [*entries, *documents], params.date_drift_days)
        balance = params.statement_balance if params.statement_balance is not None else statement.balance
        result.statement = statement_result(row, currency, statement, matches, params.limit)
        result.reconciliation = compare_balances(
            books, account, currency, (first or last, last), statement, balance, entries, matches, params.limit
        )
    result.note = " ".join(filter(None, (NOTE, describe_unreadable(books))))
    result.unreadable = list_unreadable(books)
    return result


# ---------------------------------------------------------------- parameters


def _parse_statement(params: ReconcileParams) -> Statement | None:
    """Read the statement, before any request is made."""
    if params.lines is not None:
        statement = from_lines(params.lines)
    elif params.csv is not None:
        statement = from_csv(params.csv, params.csv_columns, params.date_format)
    elif params.ofx is not None:
        statement = from_ofx(params.ofx)
    else:
        return None
    scoring.Texts([], [], 0)  # raises now if the extra is not installed
    return statement


def _period(params: ReconcileParams, statement: Statement) -> tuple[date, date]:
    days = [line.date for line in statement.lines]
    # the day of the bank's balance may be after the last line
    balance_days = [statement.balance_date] if statement.balance_date and params.statement_balance is None else []
    first = params.from_date or min(days, default=params.to_date or date.max)
    last = params.to_date or max(days + balance_days, default=first)
    outside = [line.number for line in statement.lines if not first <= line.date <= last]
    if outside or first == date.max:
        message = f"line {outside[0]} is not between {first} and {last}" if outside else "it has no lines"
        raise Invalid.field("params", message, summary="The statement is not valid: {message}.")
    return first, last


def _find_account(books: Books, code_or_id: str | None, *, needed: bool) -> str | None:
    accounts = ledger_entries.bank_accounts(books)
    if code_or_id is None:
        active = [key for key, row in accounts.items() if row.get("Status") == "ACTIVE"]
        if needed and len(active) == 1:
            return active[0]
        if not needed:
            return None
    wanted = (code_or_id or "").lower()
    matches = [key for key, row in accounts.items() if wanted and wanted in {key, str(row.get("Code") or "").lower()}]
    if len(matches) == 1:
        return matches[0]
    offered = ", ".join(sorted(f"{row.get('Code') or key} ({row.get('Name')})" for key, row in accounts.items()))
    complaint = f"must be the id or code of a bank account: {offered}"
    raise Invalid.field("params.bank_account", complaint, summary=SUBJECT)


def _currency(books: Books, account: Row, statement: Statement) -> str:
    currency = str(account.get("CurrencyCode") or books.base_currency)
    if statement.currency and statement.currency.upper() != currency:
        complaint = f"is in {statement.currency}, and the bank account in {currency}"
        raise Invalid.field("params.ofx", complaint, summary=SUBJECT)
    return currency


# ---------------------------------------------------------------- reads


def _read_unmatched(books: Books, account: str | None, first: date | None, last: date) -> list[Entry]:
    """Read the entries without a matched bank line, of any age."""
    days = [f"Date<={date_filter(last)}", *([f"Date>={date_filter(first)}"] if first else [])]
    entries = ledger_entries.read_bank_entries(books, days, account, reconciled=False)
    return [
        e
        for e in _add_batches_and_transfers(books, entries, account)
        if not e.reconciled and _is_between(e.date, first, last)
    ]


def _read_around(books: Books, account: str, first: date, last: date, drift: int) -> list[Entry]:
    """Read the entries that may be on a statement: those of its days, shortly before, and older unmatched ones."""
    since = date_filter(first - timedelta(scoring.MAX_DAYS_LATE))
    until = f"Date<={date_filter(last + timedelta(max(drift, scoring.MAX_DAYS_EARLY)))}"
    entries = ledger_entries.read_bank_entries(books, [f"Date>={since}", until], account)
    entries += ledger_entries.read_bank_entries(books, [f"Date<{since}"], account, reconciled=False)
    return [
        entry
        for entry in _add_batches_and_transfers(books, entries, account)
        if entry.date <= last + timedelta(max(drift, scoring.MAX_DAYS_EARLY))
        and (not entry.reconciled or entry.date >= first - timedelta(scoring.MAX_DAYS_LATE))
    ]


def _add_batches_and_transfers(books: Books, entries: Sequence[Entry], account: str | None) -> list[Entry]:
    batches = [entry for entry in ledger_entries.read_batch_payments(books) if account in {None, entry.account_id}]
    transfers = [entry for entry in ledger_entries.read_transfers(books) if account in {None, entry.account_id}]
    return merge_batches(list(entries), batches) + transfers


def _find_duplicates(
    books: Books, params: ReconcileParams, account: str | None, entries: Sequence[Entry], last: date
) -> list[unmatched.Duplicate]:
    since = last - timedelta(unmatched.DUPLICATE_DAYS)
    if params.from_date:
        since = max(since, params.from_date)
    by_key = {entry.key: entry for entry in entries}
    if not any(entry.reconciled for entry in entries):
        # the second record of an unmatched entry is often matched already
        days = [f"Date>={date_filter(since)}", f"Date<={date_filter(last)}"]
        matched = ledger_entries.read_bank_entries(books, days, account, reconciled=True)
        by_key = {entry.key: entry for entry in matched} | by_key
    double_entries = unmatched.find_double_entries(list(by_key.values()), params.date_drift_days)
    return double_entries + unmatched.find_repeated_bills(books, since, last, params.date_drift_days)


def _is_between(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)


class ReconcileBankFeeds(ReadAction[ReconcileParams]):
    """``reconcile_bank_feeds``."""

    name = "reconcile_bank_feeds"
    permissions = (scopes.BANK, scopes.PAYMENTS, scopes.INVOICES, scopes.SETTINGS)
    title = "Reconcile Bank Feeds"
    description = (
        "Entries in Xero without a matched bank line: by bank account and age, with suspected "
        "duplicates. Given a bank statement (`lines`, `csv` or `ofx`), it also matches its lines to "
        "entries or open invoices and bills, as certain, likely or left to a person, and compares the "
        "balances to the cent. Use it to prepare reconciling. It cannot see the bank lines in Xero "
        "and never reconciles: a person does that in Xero. Reads only. Costs at most 9 calls, with a "
        "statement at most 14, and one more for each further 1,000 rows of a list. Do not present a likely "
        "match as certain."
    )
    position = 120
    params_model = ReconcileParams
    result_model = ReconcileResult

    def run(self) -> ReconcileResult:
        """Read, and return the result."""
        return run(self.books, self.params)
