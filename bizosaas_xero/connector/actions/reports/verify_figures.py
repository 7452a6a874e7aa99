"""verify_figures: compare each figure of a text with the books."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from pydantic import Field

from bizosaas_xero.connector.actions.books import Books
from bizosaas_xero.connector.actions.definition import ReadAction
from bizosaas_xero.connector.actions.models import Money, Params, Result
from bizosaas_xero.connector.actions.reports.citations import Cited, Reader
from bizosaas_xero.connector.actions.reports.currency_words import may_mean
from bizosaas_xero.connector.actions.reports.figures import Token, find_figures
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.spec.errors import Invalid, NotFound

MAX_CITATIONS = 40
"""The number of different citations in one text."""

State = Literal["supported", "differs", "unknown_citation", "uncited"]


class VerifyParams(Params):
    """The text to check."""

    text: str = Field(
        min_length=1,
        max_length=20_000,
        description="Each figure followed by its citation, such as: They owe NZD 1,250.00 "
        "[invoice:INV-0042.amount_due] and made 12.3k [pnl:2026-04-01..2026-10-31:accrual:net_profit].",
    )


class CheckedFigure(Result):
    """One figure of the text."""

    text: str = Field(description="As written.")
    position: int = Field(description="The position of its first character, from 0.")
    state: State
    ref: str | None = Field(description="Its citation.")
    value: Money = Field(description="The amount as it was read.")
    actual: Money | None = Field(description="The amount in the books now; `null` without a known citation.")
    currency: str | None = Field(description="Of `actual`.")
    rounded: bool = Field(description="Supported, but only to the digits that are shown.")
    why: str | None = Field(description="If it is not supported: what is wrong.")


class NotChecked(Result):
    """A part with digits that is not an amount."""

    text: str
    kind: Literal["date", "time", "percentage", "identifier", "count", "item"]


class VerifyResult(Result):
    """Every figure, and whether the books support it."""

    organisation: str
    ok: bool = Field(description="Every figure is supported, and no count or percentage is unchecked.")
    supported: int
    unsupported: int
    unchecked: int = Field(description="Counts and percentages without a citation, except durations.")
    figures: list[CheckedFigure]
    not_checked: list[NotChecked] = Field(description="Check counts and percentages yourself, or cite counts.")
    stray_citations: list[str] = Field(description="They do not follow a figure in their line.")


def run(books: Books, params: VerifyParams) -> VerifyResult:
    """Read the cited figures, and compare."""
    figures, rest, stray = find_figures(params.text)
    refs = dict.fromkeys(figure.ref for figure in figures if figure.ref)
    if len(refs) > MAX_CITATIONS:
        raise Invalid.field(
            "params.text", f"cites {len(refs)} figures; at most {MAX_CITATIONS} are read at once: split it"
        )
    reader = Reader(books)
    citations: dict[str, Cited | str] = {}
    for ref in refs:
        try:
            citations[ref] = reader.read(ref)
        except (Invalid, NotFound) as error:
            citations[ref] = error.message
    checked = [_check_figure(figure.token, figure.ref, citations) for figure in figures]
    supported = sum(each.state == "supported" for each in checked)
    unchecked = sum(_is_claim(token) for token in rest)
    return VerifyResult(
        organisation=str(books.organisation.get("Name")),
        ok=supported == len(checked) and not stray and not unchecked,
        supported=supported,
        unsupported=len(checked) - supported,
        unchecked=unchecked,
        figures=checked,
        not_checked=[NotChecked(text=token.text[:80], kind=token.kind) for token in rest],
        stray_citations=[token.text for token in stray],
    )


def _check_figure(token: Token, ref: str | None, citations: dict[str, Cited | str]) -> CheckedFigure:
    cited = citations[ref] if ref else None
    state: State = "uncited" if ref is None else "unknown_citation"
    why: str | None = "It cites nothing." if ref is None else cited if isinstance(cited, str) else None
    if isinstance(cited, Cited):
        why = compare(token, cited)
        state = "differs" if why else "supported"
    actual = cited.amount if isinstance(cited, Cited) else None
    return CheckedFigure(
        text=token.text,
        position=token.start,
        state=state,
        ref=ref,
        value=token.value,
        actual=actual,
        currency=cited.currency if isinstance(cited, Cited) else None,
        rounded=state == "supported" and token.value != actual,
        why=why,
    )


def compare(token: Token, cited: Cited) -> str | None:
    """Return how a figure differs from the cited amount; ``None`` if it agrees.

    It may be rounded: by at most half a unit of its last digit. Its sign must be the same.
    """
    problem = _unit_problem(token, cited)
    if problem:
        return problem
    if abs(token.value - cited.amount) <= token.step / 2:
        return None
    if abs(abs(token.value) - abs(cited.amount)) <= token.step / 2:
        return f"The sign is wrong: the books say {_format_amount(cited.amount)}."
    return f"The books say {_format_amount(cited.amount)}."


def _unit_problem(token: Token, cited: Cited) -> str | None:
    currency = token.currency
    if token.kind == "percentage":
        return "A percentage cannot be cited: cite the amounts that it is computed from."
    if cited.currency is None and (currency or (token.kind == "amount" and token.step != 1)):
        return f"The books say {cited.amount:f}, which is a count."
    if token.kind == "count" and cited.currency is not None:
        return f"The books say {cited.currency} {_format_amount(cited.amount)}, which is not a count."
    if currency and cited.currency and not may_mean(currency, cited.currency):
        return f"The books say {cited.currency}, the text {currency}."
    return None


_DURATION = re.compile(r"(?:days?|weeks?|months?|years?|hours?|min(?:ute)?s?)$")


def _is_claim(token: Token) -> bool:
    """Return whether a token without a citation claims something about the books."""
    return token.kind == "percentage" or (token.kind == "count" and not _DURATION.search(token.text))


def _format_amount(amount: Decimal) -> str:
    return f"{amount:,f}"


class VerifyFigures(ReadAction[VerifyParams]):
    """``verify_figures``."""

    name = "verify_figures"
    permissions = (
        *(scopes.INVOICES, scopes.PAYMENTS, scopes.CONTACTS, scopes.SETTINGS),
        *(scopes.AGED, scopes.TRIAL_BALANCE, scopes.PROFIT_AND_LOSS, scopes.BALANCE_SHEET),
    )
    title = "Verify Figures"
    description = (
        "Checks a text that you wrote: reads each cited figure again, and reports which figures are "
        "supported, which differ (with the right value), and which have no citation. Use it before you give a "
        "person any amount. Cite with the `ref` of results, in brackets behind the figure. Reads only. Costs "
        "at most 2 calls, and 1 for each cited document, 2 or 3 for each P&L period, 1 for each balance sheet, 6 to 8 "
        "for each aged list. Correct the text until `ok` is true, or say which figures are not supported."
    )
    position = 180
    params_model = VerifyParams
    result_model = VerifyResult

    def run(self) -> VerifyResult:
        """Read, and return the result."""
        return run(self.books, self.params)
