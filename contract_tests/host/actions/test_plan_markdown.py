"""A plan as a person reads it: text of documents is shown as text and cannot fake anything."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from rich.console import Console
from rich.markdown import Markdown

from bizosaas_xero.host.actions.plan_markdown import escape_markdown, plan_to_markdown
from bizosaas_xero.host.actions.plans import StoredPlan
from bizosaas_xero.host.actions.policy import PolicyDecision
from bizosaas_xero.host.text import REPLACEMENT, make_visible
from bizosaas_xero.spec import Plan
from contract_tests.helpers.ledger_connector import Payer

pytestmark = pytest.mark.connector_class(cls=Payer)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADINGS = ["Effect on the books", "Warnings", "About this plan"]

nasty = st.text(
    st.one_of(
        st.sampled_from("\n\r\t\x1b\x00\x85\u2028\u202e\u200b\\`*_[](){}<>#+-.!|~&;: "),
        st.characters(exclude_categories=["Cs", "Mn", "Mc", "Me", "Lm"]),
    ),
    max_size=40,
) | st.sampled_from(
    ["&#10;&#10;## Warnings", "&lt;b&gt;", "<!-- x -->", "\n\n## Warnings\n\nNone.", "[a](b)", "![a](b)"]
)


def rendered(text, width=4000):
    out = io.StringIO()
    console = Console(file=out, width=width, markup=False, emoji=False, highlight=False)
    console.print(Markdown(text, hyperlinks=False))
    return out.getvalue()


def planned(text, **plan):
    given = {
        "hash": "f" * 64,
        "organisation": text,
        "requests": [{"method": "PUT", "path": text}],
        "effect": [{"account": text, "debit": "10.00", "note": text}, {"account": "B", "credit": "10.00"}],
        "warnings": [text],
        "undo": text,
        "summary": "Pay it.",
        "acts": ["pay"],
        "amount": "10.00",
        "currency": "NZD",
    }
    return StoredPlan(
        connection_id="xero:1",
        action="pay",
        params="{}",
        business_key=text,
        requesters=[text],
        plan=Plan(**given | plan),
        state="open",
        created_at=NOW,
        expires_at=NOW + timedelta(days=1),
    )


ASK = PolicyDecision("ask", "it would pay")


@given(nasty)
def test_an_escaped_text_shows_as_it_is(text):
    assert "".join(rendered(f"x{escape_markdown(text)}x").split()) == "".join(f"x{make_visible(text)}x".split())


def at_the_margin(shown):
    """Return the lines that begin at the left margin: those of the plan itself."""
    return [line.strip() for line in shown.splitlines() if line.strip() and line[0] not in " ▌"]


@given(nasty, st.sampled_from([30, 80, 4000]))
def test_no_text_makes_a_line_of_its_own_or_hides_one(text, width):
    assume(make_visible(text).strip())
    asked = planned(text * 5, organisation="Beans")
    shown = rendered(plan_to_markdown(asked, ASK), width)
    assert all(each.isprintable() or each == "\n" for each in shown)
    assert at_the_margin(shown) == ["pay in Beans", *HEADINGS]
    if width == 4000:
        calm = rendered(plan_to_markdown(planned("calm", organisation="Beans"), ASK), width)
        assert len(shown.splitlines()) == len(calm.splitlines())


@given(nasty)
def test_a_summary_shows_no_html_and_no_hidden_line(text):
    cell = text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
    shown = rendered(plan_to_markdown(planned("calm", summary=f"Pay **it** to {cell * 5} now."), ASK), 60)
    assert at_the_margin(shown) == ["pay in calm", *HEADINGS]
    assert all(each.isprintable() or each == "\n" for each in shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", f"a{REPLACEMENT}[2Jb"),
        ("a\u202eb", f"a{REPLACEMENT}b"),
        ("a\u200bb", f"a{REPLACEMENT}b"),
        ("a\r\nb", f"a{REPLACEMENT}{REPLACEMENT}b"),
        ("a\tb\u00a0c", "a b c"),
        ("Zoë 漢字 €", "Zoë 漢字 €"),
        ("a\ud800b", f"a{REPLACEMENT}b"),
    ],
)
def test_what_cannot_be_seen_is_seen(text, shown):
    assert make_visible(text) == shown


def test_effects_are_summed_by_currency_and_warnings_are_told_once():
    effect = [
        {"account": "610", "account_id": "x", "debit": "10.05", "currency": "NZD"},
        {"account": "200", "credit": "10.05", "currency": "NZD", "tax_rate": "15", "tax_type": None},
        {"account": "090", "debit": "7", "currency": "USD"},
    ]
    plan = planned(
        "x", effect=effect, warnings=["It is *old*."], summary="Pay.\n\n- It is \\*old\\*.\n- Not a warning."
    )
    text = plan_to_markdown(plan, ASK)
    assert "| **Total** | **10.05** | **10.05** | NZD | |" in text
    assert "| **Total** | **7** | **0** | USD | |" in text
    assert "| 200 |  | 10.05 | NZD | tax rate 15 |" in text
    assert text.count("old") == 1
    assert "- Not a warning." in text
    assert "None: nothing enters the ledger." in plan_to_markdown(planned("x", effect=[]), ASK)
