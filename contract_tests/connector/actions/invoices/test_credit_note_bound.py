"""A credit note is never more than is left of the invoice, whatever its reference and wherever credit was used."""

from __future__ import annotations

from decimal import Decimal

import httpx
import pytest

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.colleague import invoice, write
from contract_tests.helpers.credit_notes import CREDIT, of


@pytest.fixture
def at(company):
    return company()


def make(at, row, key, **more):
    return at.act(CREDIT, of(row, **more), mode="run", business_key=key)


def refusal(at, row, key, **more):
    with pytest.raises(ConnectorError) as caught:
        make(at, row, key, **more)
    return caught.value


def test_a_reference_of_the_persons_own_does_not_hide_an_earlier_credit_note(at):
    row = invoice(at, "172.50")
    first = make(at, row, "one", reference="Complaint")
    assert first.data["reference"].startswith(f"Complaint {row['InvoiceNumber']} bz-")
    for key in ("two", "three"):
        error = refusal(at, row, key, reference="Complaint")
        assert (error.code, error.reason) == ("invalid", "credited_already")
        assert first.data["number"] in error.message
    assert sum(note["Total"] for note in at.rows("CreditNotes") if "Complaint" in note["Reference"]) == Decimal(
        "172.50"
    )


def test_a_smaller_credit_note_names_the_earlier_ones(at):
    row = invoice(at, "172.50")
    make(at, row, "one", reference="Complaint", amount="100")
    plan = at.plan(CREDIT, of(row, amount="72.50", reference="More"), "two")
    assert any("Credited before: 100.00 by" in text and "72.50 of" in text for text in plan.warnings)
    assert refusal(at, row, "two", amount="72.51").reason == "credited_already"


def test_a_credit_note_whose_reference_a_person_changed_still_counts(at):
    row = invoice(at, "172.50")
    made = make(at, row, "one", reference="Complaint").data
    at.store.edit("CreditNotes", made["credit_note_id"], {"Reference": "Goodwill"})
    assert refusal(at, row, "two", reference="Other").reason == "credited_already"


def test_a_credit_note_used_for_another_invoice_still_counts(at):
    row, other = invoice(at, "172.50"), invoice(at, "172.50")
    made = make(at, row, "one", reference="Complaint").data
    allocate(at, made, {"Invoice": {"InvoiceID": other["InvoiceID"]}, "Amount": 172.5, "Date": "2026-11-22"})
    assert refusal(at, row, "two").reason == "credited_already"


def allocate(at, made, allocation):
    answer = httpx.put(
        f"{at.box.url}/api.xro/2.0/CreditNotes/{made['credit_note_id']}/Allocations",
        json={"Allocations": [allocation]},
        headers={
            "Authorization": f"Bearer {at.account.grant['access_token']}",
            "Xero-Tenant-Id": at.id,
        },
    )
    assert answer.status_code == 200, answer.text


def test_a_voided_credit_note_does_not_count(at):
    row = invoice(at, "172.50")
    made = make(at, row, "one", reference="Complaint").data
    write(
        at,
        "POST",
        f"CreditNotes/{made['credit_note_id']}",
        {"CreditNoteID": made["credit_note_id"], "Status": "VOIDED"},
    )
    assert make(at, row, "two", reference="Complaint").status == "done"


def test_a_repeated_call_is_not_refused_by_its_own_credit_note(at):
    row = invoice(at, "172.50")
    first = make(at, row, "one", reference="Complaint", apply=True)
    again = make(at, row, "one", reference="Complaint", apply=True)
    assert again.data["credit_note_id"] == first.data["credit_note_id"]
    assert again.data["repeated"] is True


def test_a_reference_that_leaves_no_room_is_refused_by_field(at):
    row = invoice(at, "10.00", InvoiceNumber="N" * 60)
    error = refusal(at, row, "one", reference="x" * 190)
    assert [problem["field"] for problem in error.problems] == ["params.reference"]
