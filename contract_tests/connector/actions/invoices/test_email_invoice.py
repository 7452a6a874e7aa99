"""``email_invoice``: who gets it, what cannot be sent, and at most once whatever is lost."""

from __future__ import annotations

import pytest

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.colleague import write
from contract_tests.helpers.outcomes import refused
from contract_tests.helpers.write_examples import invoice

SEND = "email_invoice"


@pytest.fixture
def at(company):
    return company()


def sent(at):
    return sum(at.store.emailed.values())


def run(at, row, key="k"):
    return at.act(SEND, {"invoice": row["InvoiceNumber"]}, mode="run", business_key=key)


# ---------------------------------------------------------------- what the plan says


def test_the_plan_names_the_recipients(at):
    row = invoice(at)
    people = [
        {"FirstName": "Ann", "EmailAddress": "ann@example.com", "IncludeInEmails": True},
        {"FirstName": "Bob", "EmailAddress": "bob@example.com", "IncludeInEmails": False},
    ]
    at.store.edit(
        "Contacts",
        row["Contact"]["ContactID"],
        {"EmailAddress": "office@example.com", "ContactPersons": people},
    )
    plan = at.plan(SEND, {"invoice": row["InvoiceID"]})
    assert "office@example.com, ann@example.com" in plan.summary
    assert "bob@example.com" not in plan.summary
    assert (plan.acts, plan.effect, plan.amount) == (["send"], [], row["Total"])
    assert "stays with the customer" in plan.undo
    assert [request["path"] for request in plan.requests] == [f"/api.xro/2.0/Invoices/{row['InvoiceID']}/Email"]


def test_another_email_address_changes_the_plan(at):
    row = invoice(at)
    plan = at.plan(SEND, {"invoice": row["InvoiceID"]})
    at.store.edit("Contacts", row["Contact"]["ContactID"], {"EmailAddress": "other@example.com"})
    with pytest.raises(ConnectorError) as caught:
        at.act(
            SEND,
            {"invoice": row["InvoiceID"]},
            mode="commit",
            plan_hash=plan.hash,
            business_key="key-1",
        )
    assert caught.value.reason == "stale_plan"
    assert sent(at) == 0


def test_the_invoice_is_sent_and_its_online_address_is_returned(at):
    row = invoice(at)
    result = run(at, row)
    assert result.data["emailed"] == "sent"
    assert result.data["online_url"].startswith("https://")
    assert sent(at) == 1
    assert at.store.get("Invoices", row["InvoiceID"])["SentToContact"] is True


def test_the_history_note_is_added_before_the_email(at):
    row = invoice(at)
    at.commit(SEND, {"invoice": row["InvoiceNumber"]}, requester="agent 7", approver="Aroha")
    records = [each["Changes"] for each in at.store.history["Invoices", row["InvoiceID"]]]
    assert records.index("Note") < records.index("Invoice sent")
    (note,) = at.notes("Invoices", row["InvoiceID"])
    assert "agent 7" in note
    assert "Aroha" in note
    assert "key-1" in note


@pytest.mark.parametrize("status", ["DRAFT", "VOIDED", "DELETED"])
def test_a_status_that_xero_does_not_send_is_refused(at, status):
    row = invoice(at)
    at.store.edit("Invoices", row["InvoiceID"], {"Status": status})
    error = refused(at, SEND, {"invoice": row["InvoiceID"]}, "not_sendable")
    assert status.lower() in error.message


def test_a_bill_and_an_unknown_number_are_refused(at):
    bill = at.rows("Invoices", Type="ACCPAY", Status="AUTHORISED")[0]
    assert "bill" in refused(at, SEND, {"invoice": bill["InvoiceID"]}).message
    error = refused(at, SEND, {"invoice": "INV-none"}, "unknown_document")
    assert error.code == "not_found"


def test_a_customer_without_an_address_is_refused(at):
    row = invoice(at)
    at.store.edit("Contacts", row["Contact"]["ContactID"], {"EmailAddress": ""})
    error = refused(at, SEND, {"invoice": row["InvoiceNumber"]}, "no_email_address")
    assert row["Contact"]["Name"] in error.message


@pytest.mark.parametrize(("status", "said"), [("SUBMITTED", "not approved"), ("PAID", "paid already")])
def test_invoices_that_are_sent_with_a_warning(at, status, said):
    row = invoice(at)
    at.store.edit("Invoices", row["InvoiceID"], {"Status": status})
    plan = at.plan(SEND, {"invoice": row["InvoiceID"]})
    assert len(plan.warnings) == 1
    assert said in plan.warnings[0]
    assert run(at, row).data["emailed"] == "sent"


# ---------------------------------------------------------------- at most once


def test_the_same_key_sends_once_and_another_sends_again(at):
    row = invoice(at)
    run(at, row)
    at.box.sandbox.clock.advance(420)
    again = run(at, row)
    assert (again.status, again.data["emailed"], again.data["repeated"]) == ("done", "sent", True)
    assert sent(at) == 1
    plan = at.plan(SEND, {"invoice": row["InvoiceID"]}, "other")
    assert any("sent before" in warning for warning in plan.warnings)
    assert run(at, row, "other").data["emailed"] == "sent"
    assert sent(at) == 2
    assert run(at, row, "other").data["repeated"] is True
    assert sent(at) == 2


@pytest.mark.parametrize("before", [False, True], ids=["first", "again"])
def test_after_a_lost_answer_the_sent_email_is_found(at, before):
    row = invoice(at)
    if before:
        run(at, row, "before")
    at.box.sandbox.faults.add("cut", match={"path": "/Email"}, where="body")
    result = run(at, row)
    assert (result.status, result.data["emailed"]) == ("done", "sent")
    at.box.sandbox.clock.advance(420)
    assert run(at, row).data["emailed"] == "sent"
    assert sent(at) == 1 + before


@pytest.mark.parametrize("before", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("status", [500, 503])
def test_an_unknown_outcome_is_reported_and_the_email_is_not_sent_again(at, before, status):
    row = invoice(at)
    if before:
        run(at, row, "before")
    at.box.sandbox.faults.add("status", match={"path": "/Email"}, status=status, body="json", times=None)
    result = run(at, row)
    assert (result.status, result.data["emailed"]) == ("partial", "unknown")
    assert "not sent again" in result.warnings[0]
    at.box.sandbox.faults.clear()
    at.box.sandbox.clock.advance(420)
    again = run(at, row)
    assert (again.status, again.data["emailed"], again.data["repeated"]) == ("partial", "unknown", True)
    assert sent(at) == before


def test_without_its_history_note_the_email_is_not_sent(at):
    row = invoice(at)
    at.box.sandbox.faults.add(
        "status", match={"path": "/History", "method": "PUT"}, status=503, body="json", times=None
    )
    with pytest.raises(ConnectorError) as caught:
        run(at, row)
    assert caught.value.code == "unavailable"
    assert sent(at) == 0
    at.box.sandbox.faults.clear()
    at.box.sandbox.clock.advance(420)
    assert run(at, row).data["emailed"] == "sent"
    assert sent(at) == 1


def test_a_day_limit_is_reported_and_nothing_is_sent(at):
    row = invoice(at)
    at.box.sandbox.faults.add("rate_limit", match={"path": "/Email"}, problem="day", retry_after=40_000, body="empty")
    with pytest.raises(ConnectorError) as caught:
        run(at, row)
    assert caught.value.code == "rate_limited"
    assert sent(at) == 0


# ---------------------------------------------------------------- refusals


def test_a_demo_company_gives_a_warning_and_its_refusal_a_remedy(company):
    demo = company(0)
    row = invoice(demo)
    plan = demo.plan(SEND, {"invoice": row["InvoiceNumber"]})
    assert any("Demo Company" in warning for warning in plan.warnings)
    with pytest.raises(ConnectorError) as caught:
        run(demo, row)
    error = caught.value
    assert (error.code, error.reason) == ("invalid", "email_refused")
    assert "limit" in error.problems[0]["message"]
    assert "Demo Company" in error.remedy
    assert sent(demo) == 0


def test_after_a_refusal_the_same_key_may_try_again(at):
    row = invoice(at)
    at.store.email_cap = 0
    for seconds in (0, 10, 420):
        at.box.sandbox.clock.advance(seconds)
        with pytest.raises(ConnectorError) as caught:
            run(at, row)
        assert caught.value.reason == "email_refused"
    at.store.email_cap = 1000
    at.box.sandbox.clock.advance(420)
    assert run(at, row).data["emailed"] == "sent"
    assert run(at, row).data["repeated"] is True
    assert sent(at) == 1


def test_a_refusal_is_noted_with_xeros_message(at):
    row = invoice(at)
    at.store.email_cap = 0
    with pytest.raises(ConnectorError):
        run(at, row)
    tried, refusal = at.notes("Invoices", row["InvoiceID"])
    assert "To be e-mailed" in tried
    assert "refused the e-mail" in refusal
    assert "daily limit" in refusal


def test_an_invoice_sent_by_create_invoice_after_a_refusal(at):
    """The same trail serves create_invoice: refused first, put right, sent under the same key."""
    at.store.email_cap = 0
    params = {
        "contact": {"id": invoice(at)["Contact"]["ContactID"]},
        "lines": [{"description": "Advice", "unit_amount": "150.00", "account": "200"}],
        "value_is": "net",
        "due_date": "2026-12-20",
        "status": "authorised",
        "send": True,
    }
    first = at.act("create_invoice", params, mode="run", business_key="k")
    assert (first.status, first.data["emailed"]) == ("partial", "refused")
    at.store.email_cap = 1000
    at.box.sandbox.clock.advance(420)
    again = at.act("create_invoice", params, mode="run", business_key="k")
    assert (again.status, again.data["emailed"]) == ("done", "sent")
    assert sent(at) == 1


def test_an_address_removed_after_the_plan_is_refused(at):
    row = invoice(at)
    plan = at.plan(SEND, {"invoice": row["InvoiceID"]})
    write(at, "POST", "Contacts", {"ContactID": row["Contact"]["ContactID"], "EmailAddress": ""})
    with pytest.raises(ConnectorError) as caught:
        at.act(SEND, {"invoice": row["InvoiceID"]}, mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert caught.value.reason == "no_email_address"
    assert sent(at) == 0
