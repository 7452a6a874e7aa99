"""reconcile_bank_feeds: what no bank line has matched, and which line of a statement belongs to what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from pydantic import Field, ValidationInfo, field_validator, model_validator

from bizosaas_xero.connector.actions.bank import ledger_entries, matching, scoring, unmatched
from bizosaas_xero.connector.actions.bank.ledger_entries import Entry, day_filter
from bizosaas_xero.connector.actions.bank.reconciliation import (
    Reconciliation,
    StatementResult,
    reconciliation,
    statement_result,
)
from bizosaas_xero.connector.actions.bank.statement import (
    MOST_LINES,
    LineParams,
    Statement,
    from_lines,
    from_ofx,
)
from bizosaas_xero.connector.actions.bank.statement_csv import Columns, DateOrder, from_csv
from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.models import Money, Params, Result
from bizosaas_xero.spec.errors import Invalid

LONGEST_TEXT = 2_000_000

NOTE = (
    "Recorded in Xero but not matched to a bank line. Xero shows other programs neither bank lines nor a way "
    "to match them: the final click is made in Xero."
)


class ReconcileParams(Params):
    """Which accounts and days; with a statement, also which line belongs to what."""

    bank_account: str | None = Field(
        None,
        min_length=1,
        description="Id or code. Needed with a statement if the organisation has several bank accounts.",
    )
    from_date: date | None = Field(
        None, description="First day, as YYYY-MM-DD; with a statement, its first line's by default."
    )
    to_date: date | None = Field(
        None, description="Last day; today, or with a statement that of its balance or last line, by default."
    )
    lines: list[LineParams] | None = Field(
        None,
        min_length=1,
        max_length=MOST_LINES,
        description="The bank statement, line by line: at most one of `lines`, `csv` and `ofx`.",
    )
    csv: str | None = Field(None, min_length=1, max_length=LONGEST_TEXT, description="It as the text of a CSV file.")
    csv_columns: Columns | None = Field(
        None, description="Which column is what, by heading or number; found by the headings by default."
    )
    date_format: DateOrder | None = Field(
        None, description="How the CSV file writes days; needed only where they can be read in two ways."
    )
    ofx: str | None = Field(None, min_length=1, max_length=LONGEST_TEXT, description="It as the text of an OFX file.")
    statement_balance: Money | None = Field(
        None, description="Its closing balance; what is owed on a card is negative. An OFX file tells it."
    )
    date_drift_days: int = Field(7, ge=0, le=31, description="How many days the bank may be behind the books.")
    look_for_duplicates: bool = Field(True, description="Also look for what may be recorded twice; up to 3 calls.")
    limit: int = Field(50, ge=1, le=500, description="At most so many rows in each list; totals count all.")

    @field_validator("to_date")
    @classmethod
    def _in_order(cls, to_date: date | None, info: ValidationInfo) -> date | None:
        first = info.data.get("from_date")
        if to_date and first and to_date < first:
            raise ValueError("must not be before from_date")
        return to_date

    @model_validator(mode="after")
    def _one_statement(self) -> ReconcileParams:
        given = [name for name in ("lines", "csv", "ofx") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are given, and one statement is wanted")
        if not given and self.statement_balance is not None:
            raise ValueError("statement_balance is given without a statement")
        if self.csv is None and (self.csv_columns or self.date_format):
            raise ValueError("csv_columns and date_format are for csv")
        return self


class ReconcileResult(Result):
    """What no bank line has matched in Xero, and how a statement compares."""

    organisation: str
    today: date
    note: str = Field(description="What the figures are and are not. Tell it with them.")
    accounts: list[unmatched.AccountItem] = Field(description="Of type BANK; clearing accounts are left out.")
    entries: list[unmatched.EntryItem] = Field(description="The oldest entries first.")
    more_entries: int = Field(description="How many more there are than `limit`.")
    duplicates: list[unmatched.Duplicate] = Field(description="Suspected, the largest first; a person decides.")
    more_duplicates: int
    statement: StatementResult | None = None
    reconciliation: Reconciliation | None = None


def run(books: Books, params: ReconcileParams) -> ReconcileResult:
    """Read what waits for a bank line; with a statement, match its lines and compare the balances."""
    statement = _statement(params)
    account = _account(books, params.bank_account, needed=statement is not None)
    if statement is None:
        first, last = params.from_date, params.to_date or books.today
        entries = _waiting(books, account, first, last)
    else:
        first, last = _period(params, statement)
        entries = _around(books, str(account), first, last, params.date_drift_days)
    waiting = [e for e in entries if not e.reconciled and _between(e.date, params.from_date, last)]
    waiting.sort(key=lambda entry: (entry.date, entry.key))
    doubts = _duplicates(books, params, account, entries, last) if params.look_for_duplicates else []
    result = ReconcileResult(
        organisation=str(books.organisation.get("Name")),
        today=books.today,
        note=NOTE,
        accounts=unmatched.by_account(books, waiting, account),
        entries=[unmatched.item(entry) for entry in waiting[: params.limit]],
        more_entries=max(0, len(waiting) - params.limit),
        duplicates=doubts[: params.limit],
        more_duplicates=max(0, len(doubts) - params.limit),
    )
    if statement is not None and account is not None:
        row = books.accounts[account]
        currency = _currency(books, row, statement)
        documents = ledger_entries.open_documents(books, currency, last)
        made = matching.match(statement.lines, [*entries, *documents], params.date_drift_days)
        balance = params.statement_balance if params.statement_balance is not None else statement.balance
        result.statement = statement_result(row, currency, statement, made, params.limit)
        result.reconciliation = reconciliation(
            books, account, currency, (first or last, last), statement, balance, entries, made, params.limit
        )
    return result


# ---------------------------------------------------------------- what was asked


def _statement(params: ReconcileParams) -> Statement | None:
    """Read the statement, before any request is made."""
    if params.lines is not None:
        statement = from_lines(params.lines)
    elif params.csv is not None:
        statement = from_csv(params.csv, params.csv_columns, params.date_format)
    elif params.ofx is not None:
        statement = from_ofx(params.ofx)
    else:
        return None
    scoring.Texts([], [], 0)  # what is not installed is said now
    return statement


def _period(params: ReconcileParams, statement: Statement) -> tuple[date, date]:
    days = [line.date for line in statement.lines]
    # the bank's balance is of a day that may lie after the last line
    told = [statement.balance_date] if statement.balance_date and params.statement_balance is None else []
    first = params.from_date or min(days, default=params.to_date or date.max)
    last = params.to_date or max(days + told, default=first)
    outside = [line.number for line in statement.lines if not first <= line.date <= last]
    if outside or first == date.max:
        what = f"line {outside[0]} is not between {first} and {last}" if outside else "it has no lines"
        raise Invalid(f"The statement is not valid: {what}.", problems=[{"field": "params", "message": what}])
    return first, last


def _account(books: Books, asked: str | None, *, needed: bool) -> str | None:
    known = ledger_entries.banks(books)
    if asked is None:
        active = [key for key, row in known.items() if row.get("Status") == "ACTIVE"]
        if needed and len(active) == 1:
            return active[0]
        if not needed:
            return None
    wanted = (asked or "").lower()
    found = [key for key, row in known.items() if wanted and wanted in {key, str(row.get("Code") or "").lower()}]
    if len(found) == 1:
        return found[0]
    offered = ", ".join(sorted(f"{row.get('Code') or key} ({row.get('Name')})" for key, row in known.items()))
    complaint = f"must be the id or code of a bank account: {offered}"
    raise Invalid(
        f"params.bank_account {complaint}.", problems=[{"field": "params.bank_account", "message": complaint}]
    )


def _currency(books: Books, account: Row, statement: Statement) -> str:
    currency = str(account.get("CurrencyCode") or books.base_currency)
    if statement.currency and statement.currency.upper() != currency:
        complaint = f"is in {statement.currency}, and the bank account in {currency}"
        raise Invalid(f"params.ofx {complaint}.", problems=[{"field": "params.ofx", "message": complaint}])
    return currency


# ---------------------------------------------------------------- what is read


def _waiting(books: Books, account: str | None, first: date | None, last: date) -> list[Entry]:
    """Read what no bank line has matched, of any age."""
    days = f" AND Date<={day_filter(last)}" + (f" AND Date>={day_filter(first)}" if first else "")
    moved = ledger_entries.moved(books, f"IsReconciled==false{days}", account)
    return [e for e in _with_lists(books, moved, account) if not e.reconciled and _between(e.date, first, last)]


def _around(books: Books, account: str, first: date, last: date, drift: int) -> list[Entry]:
    """Read what may be on a statement: all of its days and a while before, and what has waited for longer."""
    since = day_filter(first - timedelta(scoring.FAR))
    until = f"Date<={day_filter(last + timedelta(max(drift, scoring.EARLY)))}"
    moved = ledger_entries.moved(books, f"Date>={since} AND {until}", account)
    moved += ledger_entries.moved(books, f"Date<{since} AND IsReconciled==false", account)
    return [
        entry
        for entry in _with_lists(books, moved, account)
        if entry.date <= last + timedelta(max(drift, scoring.EARLY))
        and (not entry.reconciled or entry.date >= first - timedelta(scoring.FAR))
    ]


def _with_lists(books: Books, moved: Sequence[Entry], account: str | None) -> list[Entry]:
    batches = [entry for entry in ledger_entries.batches(books) if account in {None, entry.account_id}]
    transfers = [entry for entry in ledger_entries.transfers(books) if account in {None, entry.account_id}]
    return ledger_entries.folded(list(moved), batches) + transfers


def _duplicates(
    books: Books, params: ReconcileParams, account: str | None, entries: Sequence[Entry], last: date
) -> list[unmatched.Duplicate]:
    since = last - timedelta(unmatched.DUPLICATE_DAYS)
    if params.from_date:
        since = max(since, params.from_date)
    everything = {entry.key: entry for entry in entries}
    if not any(entry.reconciled for entry in entries):
        # the twin of what waits is often matched already, and so not among what waits
        days = f"Date>={day_filter(since)} AND Date<={day_filter(last)}"
        matched = ledger_entries.moved(books, f"IsReconciled==true AND {days}", account)
        everything = {entry.key: entry for entry in matched} | everything
    found = unmatched.paid_and_received(list(everything.values()), params.date_drift_days)
    return found + unmatched.repeated_bills(books, since, last, params.date_drift_days)


def _between(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)


ACTION = ReadAction(
    name="reconcile_bank_feeds",
    title="Reconcile Bank Feeds",
    description=(
        "What is recorded in Xero but not matched to a bank line: by bank account and age, with suspected "
        "duplicates. Given a bank statement (`lines`, `csv` or `ofx`), it also says which line belongs to "
        "which entry or open invoice or bill, as certain, likely or left to a person, and compares the "
        "balances to the cent. Use it to prepare reconciling. It cannot see the bank lines that Xero holds "
        "and never reconciles: the final click is made in Xero. Reads only. Costs at most 9 calls, with a "
        "statement at most 12, and one more for each further 1,000 rows of a list. Do not present what is "
        "likely as certain."
    ),
    params=ReconcileParams,
    result=ReconcileResult,
    run=run,
)
