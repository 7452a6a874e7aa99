"""Switches: behaviours of Xero that are unknown, or that sources report differently.

Each behaviour names its source: `recorded` (seen in recordings of Xero), `documented` (on Xero's pages or in its
OpenAPI files), `reported` (by users of the API), or `ours` (the sandbox's own choice). What is only reported or ours,
and matters to a connector, is a switch, so that a connector can be tested under every setting.
"""

from dataclasses import dataclass, field
from typing import Any

RECORDED, DOCUMENTED, REPORTED, OURS = "recorded", "documented", "reported", "ours"
# how the real Xero shows which choice is true
READING, WRITING, EVENT = "reading", "writing", "event"


def _switch(source: str, choices: dict[Any, str], shows: str = READING) -> Any:
    """Return a field whose first choice is the default; each choice has a description."""
    return field(default=next(iter(choices)), metadata={"source": source, "choices": choices, "shows": shows})


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
        shows=EVENT,
    )
    web_pkce: str = _switch(
        REPORTED,
        {"accepted": "Web apps may add PKCE to their secret", "refused": "they must not use PKCE"},
        shows=EVENT,
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
        shows=WRITING,
    )
    reconciled_delete: str = _switch(
        REPORTED,
        {"allowed": "reconciled rows can be deleted and edited", "refused": "they cannot"},
        shows=WRITING,
    )
    batch_delete: str = _switch(
        DOCUMENTED,
        {"allowed": "batch payments can be deleted", "refused": "they cannot"},
        shows=WRITING,
    )
    allocation_moves_stamp: bool = _switch(
        OURS,
        {True: "an allocation moves the `UpdatedDateUTC` of its invoice", False: "it does not"},
        shows=WRITING,
    )
    body_cap: int = _switch(
        DOCUMENTED,
        {3_500_000: "larger request bodies are a 413", 10_000_000: "the cap is larger"},
        shows=WRITING,
    )
    reports_role_status: int = _switch(
        REPORTED,
        {403: "a report for a user without the reporting role is a 403", 401: "it is a 401"},
        shows=EVENT,
    )
    report_periods_max: int = _switch(DOCUMENTED, {11: "at most 11 comparison periods", 12: "at most 12"})
    report_blanks: str = _switch(RECORDED, {"empty": 'a blank cell has `"Value": ""`', "absent": "it has no `Value`"})
    aged_dates: str = _switch(
        RECORDED,
        {"T": "aged reports write `2026-05-13T00:00:00`", "space": "they write `2026-05-13 00:00:00`"},
    )
    webhook_casing: str = _switch(
        DOCUMENTED,
        {"upper": "event types and categories are INVOICE, UPDATE", "title": "they are Invoice, Update"},
        shows=EVENT,
    )
    webhook_payment_category: str = _switch(
        REPORTED,
        {
            "PAYMENT": "payments have events of this category",
            "PAYMENTS": "of this category",
            "none": "payments have no events",
        },
        shows=EVENT,
    )
    webhook_invoice_on_payment: bool = _switch(
        REPORTED,
        {True: "a payment is an event of its invoice too", False: "it is not"},
        shows=EVENT,
    )
    partial_batch: bool = _switch(
        REPORTED,
        {
            False: "one wrong element fails the whole call and nothing is made",
            True: "the answer is the same 400, and the good elements are made",
        },
        shows=WRITING,
    )

    refused_ids: str = _switch(
        REPORTED,
        {"zero": "a refused new element is echoed with an all-zero id", "invented": "with an id that exists nowhere"},
        shows=WRITING,
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
    journal_totals: str = _switch(
        RECORDED,
        {
            "sent": "manual journals have `DebitTotal`, `CreditTotal`, their lines `SortOrder`; the places are ours",
            "absent": "they have none of these, as in Xero's published examples",
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
        shows=EVENT,
    )
    webhook_times: str = _switch(
        RECORDED,
        {
            "three_digits": "`eventDateUtc` has three fraction digits and no zone",
            "two_digits": "it has two",
            "zulu": "it ends in `Z`",
        },
        shows=EVENT,
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
