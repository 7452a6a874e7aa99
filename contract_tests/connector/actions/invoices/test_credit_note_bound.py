"""A credit note is never more than is left of the invoice, whatever its reference and wherever credit was used."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.colleague import invoice, write
from contract_tests.helpers.company import MOMENT, Company
from contract_tests.helpers.credit_notes import CREDIT, of
from contract_tests.helpers.in_process import Interleaving, answer_in_process


def make(uk_company, row, key, **more):
    return uk_company.act(CREDIT, of(row, **more), mode="run", business_key=key)


def refusal(uk_company, row, key, **more):
    with pytest.raises(ConnectorError) as caught:
        make(uk_company, row, key, **more)
    return caught.value


def test_a_reference_of_the_persons_own_does_not_hide_an_earlier_credit_note(uk_company):
    row = invoice(uk_company, "172.50")
    first = make(uk_company, row, "one", reference="Complaint")
    assert first.data["reference"].startswith(f"Complaint {row['InvoiceNumber']} bz-")
    for key in ("two", "three"):
        error = refusal(uk_company, row, key, reference="Complaint")
        assert (error.code, error.reason) == ("invalid", "credited_already")
        assert first.data["number"] in error.message
    assert sum(note["Total"] for note in uk_company.rows("CreditNotes") if "Complaint" in note["Reference"]) == Decimal(
        "172.50"
    )


def test_a_smaller_credit_note_names_the_earlier_ones(uk_company):
    row = invoice(uk_company, "172.50")
    make(uk_company, row, "one", reference="Complaint", amount="100")
    plan = uk_company.plan(CREDIT, of(row, amount="72.50", reference="More"), "two")
    assert any("Credited before: 100.00 by" in text and "72.50 of" in text for text in plan.warnings)
    assert refusal(uk_company, row, "two", amount="72.51").reason == "credited_already"


def test_a_credit_note_whose_reference_a_person_changed_still_counts(uk_company):
    row = invoice(uk_company, "172.50")
    made = make(uk_company, row, "one", reference="Complaint").data
    uk_company.store.edit("CreditNotes", made["credit_note_id"], {"Reference": "Goodwill"})
    assert refusal(uk_company, row, "two", reference="Other").reason == "credited_already"


def test_a_credit_note_used_for_another_invoice_still_counts(uk_company):
    row, other = invoice(uk_company, "172.50"), invoice(uk_company, "172.50")
    made = make(uk_company, row, "one", reference="Complaint").data
    allocate(uk_company, made, {"Invoice": {"InvoiceID": other["InvoiceID"]}, "Amount": 172.5, "Date": "2026-11-22"})
    assert refusal(uk_company, row, "two").reason == "credited_already"


def allocate(uk_company, made, allocation):
    put(uk_company, f"CreditNotes/{made['credit_note_id']}/Allocations", {"Allocations": [allocation]})


def put(uk_company, path, body):
    answer = httpx.put(
        f"{uk_company.box.url}/api.xro/2.0/{path}",
        json=body,
        headers={
            "Authorization": f"Bearer {uk_company.account.grant['access_token']}",
            "Xero-Tenant-Id": uk_company.id,
        },
    )
    assert answer.status_code == 200, answer.text


def test_a_voided_credit_note_does_not_count(uk_company):
    row = invoice(uk_company, "172.50")
    made = make(uk_company, row, "one", reference="Complaint").data
    write(
        uk_company,
        "POST",
        f"CreditNotes/{made['credit_note_id']}",
        {"CreditNoteID": made["credit_note_id"], "Status": "VOIDED"},
    )
    assert make(uk_company, row, "two", reference="Complaint").status == "done"


def test_a_repeated_call_is_not_refused_by_its_own_credit_note(uk_company):
    row = invoice(uk_company, "172.50")
    first = make(uk_company, row, "one", reference="Complaint", apply=True)
    again = make(uk_company, row, "one", reference="Complaint", apply=True)
    assert again.data["credit_note_id"] == first.data["credit_note_id"]
    assert again.data["repeated"] is True


def test_a_reference_that_leaves_no_room_is_refused_by_field(uk_company):
    row = invoice(uk_company, "10.00", InvoiceNumber="N" * 60)
    error = refusal(uk_company, row, "one", reference="x" * 190)
    assert [problem["field"] for problem in error.problems] == ["params.reference"]


# ---------------------------------------------------------------- two writes at once


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    order=st.lists(st.integers(0, 1), min_size=30, max_size=60),  # shorter ones let one call end before the other looks
    statuses=st.tuples(*[st.sampled_from(["draft", "authorised"])] * 2),
)
def test_two_writes_at_once_do_not_credit_an_invoice_twice(order, statuses):
    """Two business keys, their requests in any order: at most one credit note is made."""
    with time_machine.travel(MOMENT), answer_in_process(invoices=60, seed=2, limits=False) as box:
        at = Company(box)
        row = invoice(at, "172.50")
        calls = [
            lambda n=number: make(at, row, f"key {n}", status=statuses[n], reference="Complaint") for number in range(2)
        ]
        results = Interleaving(box.transport, order).run(*calls)
        errors = [each for each in results if isinstance(each, Exception)]
        assert {error.reason for error in errors} <= {"credited_already", "stale_plan"}, errors
        credited = sum(note["Total"] for note in at.rows("CreditNotes") if "Complaint" in note["Reference"])
        assert credited <= Decimal("172.50")
        assert len(errors) == (2 if not credited else 1)


def test_a_credit_note_that_was_announced_and_never_made_stops_counting(uk_company):
    row = invoice(uk_company, "172.50")
    text = "Credit of 172.50 to be made by create_credit_note. [bz-0123456789abcdef0123]"
    put(uk_company, f"Invoices/{row['InvoiceID']}/History", {"HistoryRecords": [{"Details": text}]})
    error = refusal(uk_company, row, "one")
    assert error.reason == "credited_already"
    assert "a credit note that is being made" in error.message
    uk_company.box.sandbox.clock.advance(901)
    assert make(uk_company, row, "one").status == "done"
