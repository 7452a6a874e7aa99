"""What counts as credited of an invoice, rule by rule: the bound on credit notes stands on this sum."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from bizosaas_xero.connector.actions.invoices import credit_notes
from bizosaas_xero.spec import NotFound

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
NOTE, OTHER = "11111111-1111-4111-8111-11111111111a", "22222222-2222-4222-8222-22222222222b"
MINE, MARK = f"bz-{'a' * 20}", f"bz-{'b' * 20}"


def note(reference="", total="50.00", unused="0.00", status="AUTHORISED", guid=NOTE, **more):
    row = {"CreditNoteID": guid, "CreditNoteNumber": "CN-1", "Reference": reference, "Status": status}
    return row | {"Total": Decimal(total), "RemainingCredit": Decimal(unused)} | more


def credited(rows=(), *, applied=(), history=(), elsewhere=()):
    """Return the amounts that count for INV-7."""
    there = {row["CreditNoteID"].lower(): row for row in elsewhere}

    def get(path, guid, shape):
        assert (path, shape) == ("CreditNotes", "CreditNote")
        if guid not in there:
            raise NotFound("no")
        return there[guid]

    books = SimpleNamespace(read_history=lambda _path: (list(history), NOW), get=get)
    parts = [{"CreditNoteID": guid, "AppliedAmount": Decimal(part)} for guid, part in applied]
    invoice = {"InvoiceID": "inv", "InvoiceNumber": "INV-7", "CreditNotes": parts}
    return [amount for _, amount in credit_notes.credits_of_invoice(books, invoice, list(rows), MINE)]


OURS = f"Complaint INV-7 {MARK}"


@pytest.mark.parametrize(
    ("row", "applied", "amounts"),
    [
        (note(OURS), [], [50]),  # ours counts whole, paid out or not
        (note(OURS, unused="50.00"), [], [50]),
        (note(OURS), [(NOTE, "30.00")], [50]),
        (note(OURS, total="20.00"), [(NOTE, "30.00")], [30]),
        (note(OURS, status="DRAFT"), [], [50]),
        (note(f"Complaint INV-70 {MARK}"), [], []),  # another invoice's
        (note("see INV-7", unused="20.00"), [], [20]),  # a person's, that names it: what is unused
        (note("see INV-7", unused="20.00"), [(NOTE, "30.00")], [50]),
        (note("INV-7", status="DRAFT"), [], [50]),  # a draft has nothing unused yet
        (note("INV-7", status="SUBMITTED"), [], [50]),
        (note("see INV-7"), [], []),
        (note("see INV-7", RemainingCredit=None), [], []),
        (note("see INV-70", unused="20.00"), [], []),
        (note(None, unused="20.00"), [(NOTE, "30.00")], [30]),  # one that does not: what is applied
        (note("goodwill", unused="20.00", status="DRAFT"), [], []),
        (note(OURS, status="VOIDED"), [], []),
        (note(OURS, status="DELETED"), [], []),
        (note(f"INV-7 {MINE}"), [], []),  # this write's own is not made yet
    ],
)
def test_a_credit_note_counts_by_who_made_it_and_what_it_names(row, applied, amounts):
    assert credited([row], applied=applied) == amounts


def test_what_is_applied_counts_also_where_the_note_is_of_another_contact():
    assert credited([note("goodwill")], applied=[(OTHER, "12.50"), (NOTE, "0.00")]) == [Decimal("12.50")]


def made_text(guid=NOTE, name="CN-1"):
    return {"Details": f"Credited by {name} ({guid}): 50.00, made by create_credit_note", "DateUTC": NOW}


def test_the_history_finds_a_note_whose_reference_a_person_changed():
    row = note("thank you")
    assert credited([row]) == []
    assert credited([row], history=[made_text()]) == [50]
    assert credited([row], history=[made_text(NOTE.upper())]) == [50]
    assert credited([row], history=[{"Details": None, "DateUTC": NOW}, {"DateUTC": NOW}]) == []
    assert credited([row], history=[{"Details": f"Not {made_text()['Details']}", "DateUTC": NOW}]) == []


def test_the_history_finds_a_note_that_belongs_to_another_contact_now():
    assert credited(history=[made_text()], elsewhere=[note("thank you")]) == [50]
    assert credited(history=[made_text()]) == []
    assert credited([note("thank you")], history=[made_text(NOTE.upper())], elsewhere=[note("twice")]) == [50]


def test_each_credit_is_named_with_its_state():
    books = SimpleNamespace(read_history={"Invoices/inv": ([], NOW)}.__getitem__)
    unnumbered = note("INV-7", unused="5.00", guid=OTHER, CreditNoteNumber="")
    invoice = {"InvoiceID": "inv", "InvoiceNumber": "INV-7"}
    found = credit_notes.credits_of_invoice(books, invoice, [note(OURS), unnumbered], MINE)
    assert [name for name, _ in found] == ["CN-1 (authorised)", f"{OTHER} (authorised)"]


def announced(mark, minutes, amount="172.50"):
    text = f"Credit of {amount} to be made by create_credit_note asked for by ann. Key: k. [{mark}]"
    return {"Details": text, "DateUTC": NOW - timedelta(minutes=minutes)}


@pytest.mark.parametrize(
    ("history", "amounts"),
    [
        ([announced(MARK, 3)], [Decimal("172.50")]),
        ([announced(MARK, 15)], []),  # it has ended
        ([announced(MARK, 14.9)], [Decimal("172.50")]),
        ([announced(MARK, 3), announced(MINE, 2)], [Decimal("172.50")]),
        ([announced(MARK, 2), announced(MINE, 2)], [Decimal("172.50")]),  # a tie: both count
        ([announced(MARK, 1), announced(MINE, 2)], []),  # the other sees this one
        ([announced(MINE, 2)], []),
        ([announced(MARK, 20), announced(MARK, 3, "80.00")], [Decimal("80.00")]),  # it began again
        ([announced(MARK, 3, "80.00"), announced(MARK, 20)], [Decimal("80.00")]),
    ],
)
def test_what_another_write_announced_before_counts_until_it_is_made(history, amounts):
    assert credited(history=history) == amounts
    assert credited([note(f"goodwill {MARK}")], history=history) == []


@pytest.mark.parametrize(
    ("allocation", "amount"),
    [
        ({"Amount": 5, "Invoice": {"InvoiceID": "INV"}}, 5),
        ({"Amount": 5, "Invoice": {"InvoiceID": "inv"}, "IsDeleted": True}, 0),
        ({"Amount": 5, "Invoice": {"InvoiceID": "other"}}, 0),
        ({"Amount": 5, "Invoice": None}, 0),
    ],
)
def test_what_is_applied_to_an_invoice_is_what_stands(allocation, amount):
    assert credit_notes.applied_amount({"Allocations": [allocation]}, "inv") == amount
    assert credit_notes.applied_amount({}, "inv") == 0


def test_an_allocation_is_looked_for_before_it_is_sent_again():
    step = credit_notes.allocation_step("inv", Decimal(5), date(2026, 11, 22))
    assert (step.name, step.method, step.path) == ("allocation", "PUT", "CreditNotes/{credit_note}/Allocations")
    assert step.body == {"Allocations": [{"Invoice": {"InvoiceID": "inv"}, "Amount": Decimal(5), "Date": "2026-11-22"}]}
    there = {"Allocations": [{"Amount": 5, "Invoice": {"InvoiceID": "inv"}}]}
    for row, found in ((there, there), ({"Allocations": []}, None)):
        answers = {("CreditNotes", "n", "CreditNote"): row}
        books = SimpleNamespace(get=lambda *asked, answers=answers: answers[asked])
        assert step.find(books, {"credit_note": "n"}) == found
