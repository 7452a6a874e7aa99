"""A plan's hash covers all that a person approves; marks, notes, placeholders and amounts are exact."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from bizosaas_xero.connector.actions.money import round_to_cents, to_base_currency
from bizosaas_xero.connector.actions.writes import plan as plans
from bizosaas_xero.connector.actions.writes.plan import MARK, Draft, Step, Write
from bizosaas_xero.spec import Invalid
from bizosaas_xero.spec.models import Control

STEP = Step("invoice", "PUT", "Invoices", {"Url": f"https://x.example/#{MARK}", "Total": Decimal("10.10")})
AFTER = Step("email", "POST", "Invoices/{invoice}/Email", {})
DRAFT = Draft(
    steps=(STEP,),
    after=(AFTER,),
    effect=({"account": "200", "credit": Decimal("10.10")},),
    warnings=("a",),
    undo="void it",
    summary="**x**",
    acts=("authorise",),
    amount=Decimal("10.10"),
    facts={"contact": "Alder"},
)
WRITE = Write("org", "create_invoice", "key", "bz-mark")


@pytest.mark.parametrize(
    "changed",
    [
        replace(DRAFT, steps=(replace(STEP, method="POST"),)),
        replace(DRAFT, steps=(replace(STEP, path="Bills"),)),
        replace(DRAFT, steps=(replace(STEP, name="bill"),)),
        replace(DRAFT, steps=(replace(STEP, query={"unitdp": "4"}),)),
        replace(DRAFT, steps=(replace(STEP, body={**STEP.body, "Total": Decimal("10.1")}),)),
        replace(DRAFT, steps=(replace(STEP, body={**STEP.body, "Total": Decimal(99999)}),)),
        replace(DRAFT, steps=(STEP, STEP)),
        replace(DRAFT, after=()),
        replace(DRAFT, effect=()),
        replace(DRAFT, effect=({"account": "200", "credit": Decimal("10.11")},)),
        replace(DRAFT, warnings=()),
        replace(DRAFT, acts=("draft",)),
        replace(DRAFT, amount=None),
        replace(DRAFT, amount=Decimal("10.11")),
        replace(DRAFT, facts={"contact": "Birch"}),
    ],
)
def test_whatever_a_person_approves_is_in_the_hash(changed):
    assert changed.hash(WRITE) != DRAFT.hash(WRITE)


@pytest.mark.parametrize(
    "write",
    [replace(WRITE, organisation_id="other"), replace(WRITE, action="void_invoice"), replace(WRITE, business_key="k2"),
     replace(WRITE, business_key=None)],
)  # fmt: skip
def test_so_are_organisation_action_and_key(write):
    assert DRAFT.hash(write) != DRAFT.hash(WRITE)


def test_who_asked_the_mark_and_the_words_around_a_plan_are_not():
    assert DRAFT.hash(replace(WRITE, requester="a", approver="b", mark="bz-other")) == DRAFT.hash(WRITE)
    assert replace(DRAFT, undo="", summary="").hash(WRITE) == DRAFT.hash(WRITE)
    assert len(DRAFT.hash(WRITE)) == 64


def test_a_plan_shows_the_requests_as_they_will_be_sent():
    plan = DRAFT.to_plan(WRITE, "Alder Ltd", "GBP")
    assert [request["step"] for request in plan.requests] == ["invoice", "email"]
    assert plan.requests[0] == {
        "step": "invoice", "method": "PUT", "path": "/api.xro/2.0/Invoices", "query": {},
        "body": {"Url": "https://x.example/#bz-mark", "Total": "10.10"},
    }  # fmt: skip
    assert plan.requests[1]["path"] == "/api.xro/2.0/Invoices/{invoice}/Email"
    assert plan.effect == [{"account": "200", "credit": "10.10"}]
    assert (plan.hash, plan.organisation, plan.currency) == (DRAFT.hash(WRITE), "Alder Ltd", "GBP")
    assert (plan.warnings, plan.undo, plan.summary, plan.acts) == (["a"], "void it", "**x**", ["authorise"])
    assert plan.amount == Decimal("10.10")


def test_without_a_key_a_commit_carries_the_mark_of_its_plan():
    keyless = replace(WRITE, business_key=None)
    hashed = DRAFT.hash(keyless)
    committed = Write.from_control("org", "create_invoice", Control(mode="commit", plan_hash=hashed))
    assert DRAFT.to_plan(keyless, "X", "GBP").requests[0]["body"]["Url"].endswith(f"#{committed.mark}")


# ---------------------------------------------------------------- marks, keys, notes


def test_a_mark_is_short_and_equal_only_for_equal_parts():
    marks = {plans.make_mark(*parts) for parts in (("a", "b"), ("ab",), ("a", "b", ""), ("a", "c"))}
    assert len(marks) == 4
    assert plans.make_mark("a", "b") in marks
    assert all(len(mark) == 23 and mark.startswith("bz-") and mark[3:].isalnum() for mark in marks)


def test_a_write_takes_its_names_from_the_control():
    control = Control(mode="run", business_key="k", requester="a", approver="b")
    write = Write.from_control("org", "pay", control)
    assert (write.business_key, write.requester, write.approver) == ("k", "a", "b")
    assert write.mark == plans.make_mark("org", "pay", "k")
    both = Control(mode="commit", plan_hash="h", business_key="k")
    assert Write.from_control("org", "pay", both).mark == write.mark
    assert Write.from_control("org", "pay", Control(mode="plan")).mark == plans.make_mark("org", "pay", "")


@pytest.mark.parametrize(
    ("control", "field"),
    [
        (Control(), "control.mode"),
        (Control(mode="commit"), "control.plan_hash"),
        (Control(mode="run"), "control.business_key"),
    ],
)
def test_a_control_without_what_its_mode_needs_is_refused_by_field(control, field):
    with pytest.raises(Invalid) as caught:
        Write.from_control("org", "pay", control)
    assert [problem["field"] for problem in caught.value.problems] == [field]
    assert caught.value.message.startswith(f"{field} is missing: ")


def test_a_note_names_who_asked_who_approved_key_and_mark():
    write = replace(WRITE, requester="ann", approver="maria")
    assert write.history_note("Invoice made") == "Invoice made asked for by ann, approved by maria. Key: key. [bz-mark]"
    assert replace(WRITE, business_key=None).history_note("Made") == "Made. [bz-mark]"
    long = write.history_note("x" * 3000)
    assert len(long) == plans.MAX_NOTE_LENGTH
    assert long.endswith(" asked for by ann, approved by maria. Key: key. [bz-mark]")
    assert replace(WRITE, requester="a\x02b").history_note("Made").startswith("Made asked for by ab.")


# ---------------------------------------------------------------- bodies


def test_placeholders_are_filled_wherever_they_stand():
    value = {"a": ["{x}", ("{x}-{y}", 1)], "b": {"c": "{z}"}, "d": None, "e": Decimal(1)}
    assert plans.fill_placeholders(value, {"x": "1", "y": "2"}) == {
        "a": ["1", ["1-2", 1]], "b": {"c": "{z}"}, "d": None, "e": Decimal(1),
    }  # fmt: skip


def test_amounts_keep_their_digits():
    assert plans.to_json({"a": Decimal("1E+2"), "b": [Decimal("0.10"), (Decimal("1.2300"),)], "c": 1, "d": "x"}) == {
        "a": "100", "b": ["0.10", ["1.2300"]], "c": 1, "d": "x",
    }  # fmt: skip
    encoded = plans.encode_json({"b": Decimal("10.10"), "a": 1})
    assert encoded == b'{"a":1,"b":10.10}'
    assert json.loads(encoded) == {"a": 1, "b": 10.1}


# ---------------------------------------------------------------- money


@pytest.mark.parametrize(
    ("amount", "cents"),
    [("0.005", "0.01"), ("-0.005", "-0.01"), ("0.0049", "0.00"), ("2.675", "2.68"), ("1", "1.00"), ("2.665", "2.67")],
)
def test_half_a_cent_goes_away_from_zero(amount, cents):
    assert str(round_to_cents(Decimal(amount))) == cents


@pytest.mark.parametrize(
    ("amount", "rate", "base"),
    [
        ("100", "2", "50.00"), ("100", "0.5", "200.00"), ("0.01", "2", "0.01"), ("1.005", "1", "1.005"),
        ("-0.01", "2", "-0.01"), ("100", "0.937053", "106.72"), ("10", "1.000001", "10.00"),
    ],
)  # fmt: skip
def test_base_currency_is_the_amount_divided_by_the_rate(amount, rate, base):
    assert str(to_base_currency(Decimal(amount), Decimal(rate))) == base


def test_a_long_quotient_does_not_change_which_way_half_a_cent_goes():
    rate = Decimal("0.333333333333333333333333333333")
    assert to_base_currency(Decimal("0.0016666666666666666666666666666"), rate) == Decimal("0.00")
    assert to_base_currency(Decimal("0.0016666666666666666666666666667") * 1, rate) == Decimal("0.01")
