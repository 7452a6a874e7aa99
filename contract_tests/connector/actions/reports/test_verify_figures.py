"""verify_figures: figures are found in whatever form they are written, and compared with what they cite."""

from __future__ import annotations

import re
import time
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bizosaas_xero.connector.actions.reports.citations import Cited
from bizosaas_xero.connector.actions.reports.currency_words import SIGNS
from bizosaas_xero.connector.actions.reports.figures import SCALES, find_figures, find_tokens
from bizosaas_xero.connector.actions.reports.verify_figures import compare

pytestmark = pytest.mark.xero_sandbox(invoices=400, seed=2)

REF = "[invoice:INV-1.total]"


def only(text):
    found, _, _ = find_figures(f"{text} {REF}")
    assert len(found) == 1, found
    return found[0].token


# ---------------------------------------------------------------- the parser

GROUPS = st.sampled_from(["", ",", " ", "\u00a0", "\u202f", "'"])


@st.composite
def written(draw):
    """A written figure: its text, its value, the unit of its last digit, its currency."""
    cents = draw(st.integers(0, 10**12))
    decimals = draw(st.sampled_from([0, 1, 2, 3, 4]))
    value = Decimal(cents).scaleb(-decimals)
    group = draw(GROUPS)
    whole, _, part = format(value, "f").partition(".")
    if group:
        whole = re.sub(r"(?<=\d)(?=(\d{3})+$)", group, whole)
    text = f"{whole}.{part}" if part else whole
    power = 0
    scale = draw(st.sampled_from(["", *SCALES]))
    if scale:
        text, power = f"{text}{draw(st.sampled_from(['', ' ']))}{scale}", SCALES[scale]
    sign = draw(st.sampled_from(["", "-", "\u2212"]))
    before = draw(st.sampled_from(["", *SIGNS, "NZD ", "GBP", "USD "]))
    after = draw(st.sampled_from(["", " EUR", " NZD"])) if not before else ""
    # a bare number of four digits may be a year: it is one only if nothing cites it
    money = (before or after).strip()
    return (
        f"{sign}{before}{text}{after}",
        (-value if sign else value) * 10**power,
        Decimal(1).scaleb(power - decimals),
        SIGNS.get(money, money) or None,
    )


@given(written())
def test_a_written_figure_is_read_with_its_value_and_currency(case):
    text, value, step, currency = case
    token = only(f"They owe {text}")
    assert (token.value, token.step, token.currency) == (value, step, currency)


def test_a_figure_may_begin_with_a_decimal_point():
    assert (only("NZD .5").value, only("-.25").step) == (Decimal("0.5"), Decimal("0.01"))


@given(written())
def test_a_figure_agrees_only_within_half_a_unit_of_its_last_digit(case):
    text, value, step, currency = case
    token = only(f"They owe {text}")
    books = "NZD" if currency in {None, "$"} else currency
    assert compare(token, Cited(value, books)) is None
    assert compare(token, Cited(value + step / 2, books)) is None
    assert compare(token, Cited(value + step, books)) is not None
    if value:
        assert "sign" in compare(token, Cited(-value, books)) or abs(2 * value) <= step / 2
    assert compare(token, Cited(value, "CHF")) == (
        None if currency is None else f"The books say CHF, the text {currency}."
    )


@given(st.text(alphabet=st.sampled_from("0123456789.,-() \n%kKmM$€NZDab/:[]_#'May1w"), max_size=60))
@example("1.2.3.4.5")
@example("2026-13-45")
@settings(max_examples=500)
def test_every_digit_belongs_to_a_token(text):
    """Every digit belongs to one token, and tokens come in order and do not overlap."""
    covered = 0
    digits = [match.start() for match in re.finditer(r"\d", text)]
    for token in find_tokens(text):
        assert token.start >= covered
        assert token.text in text[token.start :]
        covered = token.start + len(token.text)
        digits = [at for at in digits if not token.start <= at < covered]
    assert not digits, text


@given(st.text(max_size=200))
def test_any_text_is_read_without_a_crash(text):
    found, rest, stray = find_figures(text)
    assert len(found) + len(rest) + len(stray) <= len(text)


@pytest.mark.parametrize("part", ["a", "a-", "1,", "1.", "(", "9", "a@", "May ", "[a:", "1 ", "-", "NZ$", "#1"])
def test_a_hostile_text_is_read_quickly(part):
    begun = time.process_time()  # a busy machine is no failure
    find_figures((part * 20_000)[:20_000])
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2026-10-31", "date"),
        ("31 October 2026", "date"),
        ("31/10/2026", "date"),
        ("Oct 3, 2026", "date"),
        ("October 2026", "date"),
        ("2026", "date"),
        ("2026/27", "date"),
        ("10:30", "time"),
        ("12.5%", "percentage"),
        ("12 per cent", "percentage"),
        ("INV-0042", "identifier"),
        ("Q3", "identifier"),
        ("#1042", "identifier"),
        ("d212e342-0514-4916-8375-65604a28ceef", "identifier"),
        ("https://go.xero.com/x?id=12", "identifier"),
        ("ann9@example.org", "identifier"),
        ("3 overdue invoices", "count"),
        ("45 days", "count"),
    ],
)
def test_a_part_that_is_not_an_amount_gets_its_kind(text, kind):
    found, rest, _ = find_figures(f"See {text}, please.")
    assert not found
    assert [(token.text.rstrip(","), token.kind) for token in rest] == [(text, kind)]


def test_a_citation_belongs_to_the_figure_before_it_in_its_line():
    found, rest, stray = find_figures(f"1. NZD 5 and 6 {REF}; 7\n{REF} 2026 {REF} (8.00) {REF}")
    assert [(figure.token.text, figure.ref) for figure in found] == [
        ("NZD 5", None),
        ("6", REF[1:-1]),
        ("7", None),
        ("2026", REF[1:-1]),
        ("(8.00)", REF[1:-1]),
    ]
    assert found[-1].token.value == -8
    assert [token.text for token in stray] == [REF]
    assert [token.kind for token in rest] == ["item"]


@pytest.mark.parametrize(
    "text",
    [
        "\u00a51234", "1234 euros", "Rs 1234", "Rs. 1234", "Rs1234", "1234 eur", "\u20bf1234", "1234 \u20bd", "R 1234",
        "1234 US dollars", "$1234 USD", "US$1234", "1234 pounds", "kr 1234", "1234 z\u0142", "1234 yen", "1234 cents",
        "A$ 1234", "1234 Australian dollars", "KES 1234", "1234 DR", "$1234 CAD", "NZD 1234 USD", "gbp 1234",
    ],
)  # fmt: skip
def test_another_currency_than_the_documents_is_unsupported(text):
    assert "The books say NZD" in compare(only(text), Cited(Decimal(1234), "NZD"))


@pytest.mark.parametrize(
    "text",
    ["1234", "$1234", "NZ$1234", "NZD 1234", "1234 NZD", "1234 nzd", "1234 dollars", "$1234 NZD", "1234 NZ dollars"],
)
def test_the_documents_own_currency_is_supported_in_every_form(text):
    assert compare(only(text), Cited(Decimal(1234), "NZD")) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 234,50", "1234.50"), ("1 234.50", "1234.50"), ("12 345 678", "12345678"), ("1'234,50", "1234.50"),
        ("1.234,50", "1234.50"), ("1 234,500", "1234.500"), ("1234-", "-1234"), ("(1 234,50)", "-1234.50"),
    ],
)  # fmt: skip
def test_a_figure_is_read_whatever_groups_its_thousands(text, value):
    assert only(text).value == Decimal(value)


@pytest.mark.parametrize("text", ["7000 overdue invoices", "12 customers", "12.5%", "50 bps", "5 percentage points"])
def test_a_count_or_percentage_without_a_citation_is_unchecked_and_not_ok(run_read, text):
    result = checked(run_read, f"There are {text}.")
    assert (result["ok"], result["unchecked"], len(result["not_checked"])) == (False, 1, 1)


def test_a_duration_is_not_a_claim(run_read):
    assert checked(run_read, "In the last 30 days nothing was paid.")["ok"]


def test_a_cited_count_is_compared_and_a_cited_percentage_is_refused(run_read):
    found = run_read("get_aged_receivables", as_of="2026-10-31").data
    late, ref = found["overdue"]["documents"], found["ref"]
    right = f"{late} overdue invoices [{ref}:all:overdue_documents]"
    assert checked(run_read, right)["ok"]
    wrong = checked(
        run_read,
        f"{late + 1} overdue invoices [{ref}:all:overdue_documents]\n{late} invoices [{ref}:all:overdue]\n"
        f"NZD {late} [{ref}:all:overdue_documents]\n12% [{ref}:all:overdue]",
    )
    assert states(wrong) == ["differs"] * 4
    assert wrong["ok"] is False


# ---------------------------------------------------------------- against the books


def checked(run_read, text):
    return run_read("verify_figures", text=text).data


def states(result):
    return [figure["state"] for figure in result["figures"]]


@pytest.fixture
def unpaid_invoices(run_read):
    return run_read("find_invoices", unpaid=True, limit=5).data["invoices"]


def test_a_text_with_correct_figures_is_ok(run_read, unpaid_invoices):
    one = unpaid_invoices[0]
    amount = Decimal(str(one["amount_due"]))
    owed = f"{one['currency']} {amount:,} [{one['ref']}.amount_due]"
    result = checked(run_read, f"They owe {owed} since {one['due_date']}.")
    assert result["ok"], result
    assert states(result) == ["supported"]
    assert result["figures"][0]["rounded"] is False
    by_number = f"{amount:,} [invoice:{one['number']}.amount_due]"
    assert checked(run_read, by_number)["ok"]


def test_wrong_figures_are_reported_with_the_right_value(run_read, unpaid_invoices):
    one = unpaid_invoices[0]
    amount, ref = Decimal(str(one["total"])), f"[{one['ref']}.total]"
    other = "CHF" if one["currency"] != "CHF" else "GBP"
    text = "\n".join(
        [
            f"Total {amount + 1} {ref}",
            f"Total -{amount} {ref}",
            f"Total {other} {amount} {ref}",
            f"Total {amount}",
            f"Total {amount} [invoice:INV-NONE.total]",
            f"Total {amount} [invoice:{one['number']}.profit]",
            f"Total {amount} [nonsense:1]",
            f"Total {round(amount)} {ref}",
        ]
    )
    result = checked(run_read, text)
    expected = ["differs", "differs", "differs", "uncited", *["unknown_citation"] * 3, "supported"]
    assert states(result) == expected, result["figures"]
    assert not result["ok"]
    assert (result["supported"], result["unsupported"]) == (1, 7)
    first, negative, foreign, bare, *_, rounded = result["figures"]
    assert Decimal(str(first["actual"])) == amount
    assert f"{amount:,}" in first["why"]
    assert "sign" in negative["why"]
    assert other in foreign["why"]
    assert bare["actual"] is None
    assert rounded["rounded"] is (amount != round(amount))
    assert all(text[each["position"] :].startswith(each["text"]) for each in result["figures"])


def test_every_figure_of_a_profit_and_loss_can_be_cited(run_read):
    found = run_read("generate_pnl_report", from_date="2026-04-01", to_date="2026-10-31", basis="cash").data
    lines = [
        f"x: {row['amount']} [{found['ref']}:{row['account_id']}]"
        for section in found["sections"]
        for row in section["accounts"]
    ]
    lines += [
        f"{section['name']}: {section['total']} [{found['ref']}:{section['name']}]" for section in found["sections"]
    ]
    lines += [f"{name}: {found[name]} [{found['ref']}:{name}]" for name in ("gross_profit", "net_profit")]
    result = checked(run_read, "\n".join(lines[:40]))
    assert result["ok"], [each for each in result["figures"] if each["state"] != "supported"]
    assert len(result["figures"]) == min(len(lines), 40)


def test_every_figure_of_a_balance_sheet_can_be_cited(run_read):
    sheet = run_read("get_balance_sheet", on_date="2026-10-31").data["sheets"][0]
    lines = [
        f"x: {row['amount']} [{sheet['ref']}:{row['account_id']}]"
        for part in ("assets", "liabilities", "equity")
        for row in sheet[part]["accounts"]
        if row["account_id"]
    ]
    lines += [f"x: {sheet[part]['total']} [{sheet['ref']}:{part}]" for part in ("assets", "liabilities", "equity")]
    lines += [f"x: {sheet[name]} [{sheet['ref']}:{name}]" for name in ("net_assets", "current_year_earnings")]
    result = checked(run_read, "\n".join(lines[-40:]))
    assert result["ok"], [each for each in result["figures"] if each["state"] != "supported"]


@pytest.mark.parametrize("action", ["get_aged_receivables", "get_aged_payables"])
def test_aged_figures_of_listed_and_unlisted_contacts_can_be_cited(run_read, action):
    found = run_read(action, as_of="2026-10-31", contact_limit=3).data
    ref = found["ref"]
    lines = [f"x: {each['total']} [{ref}:{each['contact_id']}:total]" for each in found["contacts"]]
    lines += [
        f"all: {found['total']} [{ref}:all:total]",
        f"late: {found['overdue']['base']} [{ref}:all:overdue]",
    ]
    assert checked(run_read, "\n".join(lines))["ok"]
    someone = found["contacts"][0]["contact_id"]
    wrong = checked(run_read, f"x: 1 [{ref}:{someone[:-1]}:total]\nx: 0 [{ref}:{'0' * 8}{someone[8:]}:total]")
    assert states(wrong) == ["unknown_citation", "unknown_citation"]


def test_what_a_contact_owes_can_be_cited(run_read):
    someone = next(each for each in run_read("find_contacts", limit=100).data["contacts"] if each["owes"])
    assert checked(run_read, f"They owe {someone['owes']} [{someone['ref']}.owes].")["ok"]


@pytest.mark.parametrize(
    "ref",
    [
        "pnl:2026-04-01:accrual:net_profit",
        "pnl:2026-10-31..2026-04-01:accrual:net_profit",
        "pnl:2026-04-01..2026-10-31:hourly:net_profit",
        "pnl:2026-04-01..2026-10-31:accrual:nonsense",
        "pnl:2026-04-01..2026-10-31:accrual",
        "balance_sheet:2026-10-15:accrual:assets",
        "balance_sheet:yesterday:accrual:assets",
        "aged_receivables:2999-01-01:all:total",
        "aged_receivables:2026-10-31:all:nonsense",
        "contact:nobody.owes",
        "contact:d212e342-0514-4916-8375-65604a28ceef.owes",
        "invoice:../../Contacts.total",
        "invoice:x?page=1.total",
        "invoice:.total",
    ],
)
def test_an_unknown_citation_is_reported_and_does_not_affect_others(run_read, ref):
    result = checked(run_read, f"It is 5 [{ref}].")
    assert states(result) == ["unknown_citation"]
    assert result["figures"][0]["why"]


def test_a_text_without_figures_is_ok_and_one_with_too_many_citations_is_refused(run_read):
    assert checked(run_read, "Nothing is owed.")["ok"]
    with pytest.raises(Exception, match="at most 40") as caught:
        checked(run_read, "\n".join(f"1 [invoice:INV-{n}.total]" for n in range(41)))
    assert caught.value.problems[0]["field"] == "params.text"


def test_each_source_is_read_once(run_read):
    ref = "pnl:2026-10-01..2026-10-31:accrual"
    one = run_read("verify_figures", text=f"1 [{ref}:net_profit]").calls
    assert run_read("verify_figures", text=f"1 [{ref}:net_profit] 2 [{ref}:income] 3 [{ref}:expenses]").calls == one
