"""Switches: behaviours of Xero that are unknown, or that sources report differently; and their register.

Each behaviour names its source: `recorded` (seen in recordings of Xero), `documented` (on Xero's pages or in its
OpenAPI files), `reported` (by users of the API), or `ours` (the sandbox's own choice). What is only reported or ours,
and matters to a connector, is a switch, so that a connector can be tested under every setting.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

RECORDED, DOCUMENTED, REPORTED, OURS = "recorded", "documented", "reported", "ours"


def _switch(source: str, choices: dict[Any, str]) -> Any:
    """Return a field whose first choice is the default; each choice has a description."""
    return field(default=next(iter(choices)), metadata={"source": source, "choices": choices})


@dataclass
class Switches:
    """The settings of every switch; `docs/sandbox.md` describes each choice."""

    ims_inclusive: bool = _switch(
        OURS,
        {True: "If-Modified-Since returns rows with exactly that timestamp", False: "it returns later rows only"},
    )
    not_modified_304: bool = _switch(
        REPORTED, {False: "an incremental read without changes is a 200 with an empty list", True: "it is a 304"}
    )
    invalid_client_status: int = _switch(DOCUMENTED, {400: "`invalid_client` is a 400", 401: "it is a 401"})
    refused_scope_as: str = _switch(
        REPORTED,
        {
            "page": "a refused scope ends on an error page",
            "redirect": "the app gets `error=invalid_scope` or `access_denied`",
        },
    )
    web_pkce: str = _switch(
        REPORTED, {"accepted": "Web apps may add PKCE to their secret", "refused": "they must not use PKCE"}
    )
    missing_scope_status: int = _switch(REPORTED, {401: "a call without its scope is a 401", 403: "it is a 403"})
    multi_select: bool = _switch(
        DOCUMENTED, {False: "one consent connects one organisation", True: "it may connect several"}
    )
    custom_scope_required: bool = _switch(
        REPORTED,
        {True: "client credentials must name their scopes", False: "without scopes they get all of the app's"},
    )
    write_ms_dates: bool = _switch(
        REPORTED,
        {True: "writes may spell a date `/Date(…)/`, as Xero's SDK does", False: "that is refused"},
    )
    reconciled_delete: str = _switch(
        REPORTED, {"allowed": "reconciled rows can be deleted and edited", "refused": "they cannot"}
    )
    batch_delete: str = _switch(DOCUMENTED, {"allowed": "batch payments can be deleted", "refused": "they cannot"})
    allocation_moves_stamp: bool = _switch(
        OURS,
        {True: "an allocation moves the `UpdatedDateUTC` of its invoice", False: "it does not"},
    )
    body_cap: int = _switch(DOCUMENTED, {3_500_000: "larger request bodies are a 413", 10_000_000: "the cap is larger"})
    reports_role_status: int = _switch(
        REPORTED, {403: "a report for a user without the reporting role is a 403", 401: "it is a 401"}
    )
    report_periods_max: int = _switch(DOCUMENTED, {11: "at most 11 comparison periods", 12: "at most 12"})
    report_blanks: str = _switch(RECORDED, {"empty": 'a blank cell has `"Value": ""`', "absent": "it has no `Value`"})
    aged_dates: str = _switch(
        RECORDED,
        {"T": "aged reports write `2026-05-13T00:00:00`", "space": "they write `2026-05-13 00:00:00`"},
    )
    webhook_casing: str = _switch(
        DOCUMENTED, {"upper": "event types and categories are INVOICE, UPDATE", "title": "they are Invoice, Update"}
    )
    webhook_payment_category: str = _switch(
        REPORTED,
        {
            "PAYMENT": "payments have events of this category",
            "PAYMENTS": "of this category",
            "none": "payments have no events",
        },
    )
    webhook_invoice_on_payment: bool = _switch(
        REPORTED, {True: "a payment is an event of its invoice too", False: "it is not"}
    )
    partial_batch: bool = _switch(
        REPORTED,
        {
            False: "one wrong element fails the whole call and nothing is made",
            True: "the answer is the same 400, and the good elements are made",
        },
    )

    refused_ids: str = _switch(
        REPORTED,
        {"zero": "a refused new element is echoed with an all-zero id", "invented": "with an id that exists nowhere"},
    )
    sparse: bool = _switch(
        RECORDED,
        {True: "empty fields are left out, as in most recordings", False: "they are sent"},
    )
    offset_dates: bool = _switch(
        RECORDED,
        {
            False: "dates of documents are UTC midnights",
            True: "those of invoices are local midnights, such as `/Date(1397390400000+1200)/` for 14 April 2014",
        },
    )
    pagination: str = _switch(
        REPORTED,
        {
            "sent": "every page has a `pagination` object",
            "missing": "no page has one",
            "missing_last": "the last page has none",
        },
    )
    high_volume_rows: int = _switch(
        DOCUMENTED,
        {100_000: "a HighVolumeException above this many rows", 50: "so that small books meet it too"},
    )
    advances: str = _switch(
        REPORTED,
        {
            "apart": "overpayments are listed under /Overpayments only",
            "with_id": "under /Prepayments too, with a PrepaymentID",
            "without_id": "under /Prepayments too, without one",
        },
    )
    batch_total: str = _switch(
        REPORTED,
        {
            "payments": "the `TotalAmount` of a batch payment is the sum of its payments",
            "with_overpayments": "it includes overpayments of that day and account, which its `Payments` do not list",
        },
    )
    transfers_in_lists: bool = _switch(
        REPORTED,
        {
            False: "bank transactions do not list the sides of transfers, which answer by id",
            True: "they list them, as SPEND-TRANSFER and RECEIVE-TRANSFER without contact and totals",
        },
    )
    employees: str = _switch(REPORTED, {"404": "/Employees is a 404", "empty": "it is an empty list"})
    earnings_id: str = _switch(
        RECORDED,
        {
            "zero": "*Current Year Earnings* has an all-zero account id",
            "abababab": "it has the id `abababab-abab-abab-abab-abababababab`",
            "absent": "it has no id",
        },
    )
    report_dialect: str = _switch(
        RECORDED,
        {
            "classic": "reports have the layout of Xero's published examples",
            "2026": "*Income Statement*, *Liabilities and Equity*, no *Net Assets*",
            "statutory": "a balance sheet without *Total Assets* and *Total Liabilities*",
        },
    )
    report_dates: str = _switch(
        REPORTED,
        {
            "day_first": "column titles are `30 Jun 26` and `30 Jun 2026`",
            "month_first": "they are `Jun 30, 2026`",
            "sept": "September is `Sept`",
        },
    )
    report_amounts: str = _switch(
        REPORTED, {"minus": "amounts are `-100.00` and `0.00`", "brackets": "they are `(100.00)` and `-`"}
    )
    webhook_body: str = _switch(
        RECORDED,
        {"compact": "webhook bodies are compact JSON", "indented": "they are indented, in another order of keys"},
    )
    webhook_times: str = _switch(
        RECORDED,
        {
            "three_digits": "`eventDateUtc` has three fraction digits and no zone",
            "two_digits": "it has two",
            "zulu": "it ends in `Z`",
        },
    )

    def choices(self) -> dict[str, tuple[object, ...]]:
        """Return every switch and its choices, the default first."""
        return {name: tuple(spec.metadata["choices"]) for name, spec in self.__dataclass_fields__.items()}

    def set(self, name: str, value: object) -> None:
        """Set one switch.

        Raises:
            ValueError: The switch or its setting is unknown.
        """
        if name not in self.__dataclass_fields__:
            raise ValueError(f"no switch {name!r}; there are {', '.join(self.settings())}")
        choices = self.choices()[name]
        if value not in choices or isinstance(value, bool) != isinstance(choices[0], bool):
            raise ValueError(f"{name} is one of {choices}")
        setattr(self, name, value)

    def settings(self) -> dict[str, object]:
        """Return every switch and its setting."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


class Behaviour(NamedTuple):
    """One line of the register.

    Attributes:
        name: The switch, or the part of the sandbox.
        source: `recorded`, `documented`, `reported` or `ours`.
        default: The behaviour, or the default of the switch.
        otherwise: The other choices of a switch.
    """

    name: str
    source: str
    default: str
    otherwise: str = ""


_WITHOUT_SWITCH = (
    Behaviour("error bodies", RECORDED, "401 and 403 have Title, Status, Detail and Instance; 404 is HTML"),
    Behaviour("lists", RECORDED, "indented JSON with CRLF, `\\/Date(…)\\/`, money with its digits"),
    Behaviour("pages", DOCUMENTED, "`pageSize` is clamped to 1 to 1,000; a page past the end is empty"),
    Behaviour("order of ids", RECORDED, "ids sort as SQL Server sorts them"),
    Behaviour("limits", DOCUMENTED, "60 a minute, 1,000 a day, 5 at once, 10,000 a minute for the app"),
    Behaviour("429", RECORDED, "no body; the three remaining counts, `X-Rate-Limit-Problem`, `Retry-After`"),
    Behaviour("tokens", DOCUMENTED, "codes 5 minutes, access 30 minutes, refresh 60 days with 30 minutes of grace"),
    Behaviour("scopes", DOCUMENTED, "granular for apps made since 2 March 2026, broad ones for older apps"),
    Behaviour("one document, answers to writes", RECORDED, "the contact is whole; one payment has its whole invoice"),
    Behaviour("sides of transfers", RECORDED, "answer by id, without contact, totals, and account and tax of lines"),
    Behaviour("manual journals", RECORDED, "have `DebitTotal`, `CreditTotal` and a `SortOrder` of each line"),
    Behaviour("warnings of writes", RECORDED, "stand under `Warnings` of a good answer"),
    Behaviour("empty payroll", REPORTED, "an organisation without payroll answers 403 with an empty body"),
    Behaviour("far and early dates", RECORDED, "due dates may be in the years 202, 2206 or 2500"),
    Behaviour("edge of Xero", REPORTED, "a 403 with an HTML page comes before Xero, and passes: the fault `status`"),
    Behaviour("clock", REPORTED, "`DateTimeUTC` of an answer may be ahead of its rows: the fault `clock_ahead`"),
    Behaviour("damaged answers", REPORTED, "wrong text, numbers and dates in rows: faults `malformed`, `bad_row`"),
    Behaviour("refunds in lists of payments", RECORDED, "named by an `Invoice` key with the id of the credit"),
    Behaviour("idempotency", DOCUMENTED, "a key is remembered for 6 minutes, for the app, refusals too"),
    Behaviour("locks", DOCUMENTED, "nothing is posted on or before a lock date; advisers pass the period lock"),
    Behaviour("messages of refusals", OURS, "Xero's words where they are known, else in our words"),
    Behaviour("rates of currencies", OURS, "a fixed table by week"),
    Behaviour("aged reports", DOCUMENTED, "prepayments are listed; drafts and voided documents are not"),
    Behaviour("webhooks", DOCUMENTED, "intent to receive, retries for a day, events kept for 31 days"),
)


def register() -> tuple[Behaviour, ...]:
    """Return every behaviour with its source: the switches first, then those that have none."""
    rows = []
    for name, spec in Switches.__dataclass_fields__.items():
        (value, default), *others = spec.metadata["choices"].items()
        otherwise = "; ".join(f"`{_text(other)}`: {meaning}" for other, meaning in others)
        rows.append(Behaviour(f"`{name}`", spec.metadata["source"], f"`{_text(value)}`: {default}", otherwise))
    return (*rows, *_WITHOUT_SWITCH)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
