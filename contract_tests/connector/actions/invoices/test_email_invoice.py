"""``email_invoice``: who gets it, what cannot be sent, and at most once whatever is lost."""

from __future__ import annotations

import pytest

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers.colleague import write
from contract_tests.helpers.outcomes import refused
from contract_tests.helpers.write_examples import invoice

SEND = "email_invoice"


def sent(uk_company):
    return sum(uk_company.store.emailed.values())


def run(uk_company, row, key="k"):
    return uk_company.act(SEND, {"invoice": row["InvoiceNumber"]}, mode="run", business_key=key)


# ---------------------------------------------------------------- what the plan says


def test_the_plan_names_the_recipients(uk_company):
    row = invoice(uk_company)
    people = [
        {"FirstName": "Ann", "EmailAddress": "ann@example.com", "IncludeInEmails": True},
        {"FirstName": "Bob", "EmailAddress": "bob@example.com", "IncludeInEmails": False},
    ]
    uk_company.store.edit(
        "Contacts",
        row["Contact"]["ContactID"],
        {"EmailAddress": "office@example.com", "ContactPersons": people},
    )
    plan = uk_company.plan(SEND, {"invoice": row["InvoiceID"]})
    assert "office@example.com, ann@example.com" in plan.summary
    assert "bob@example.com" not in plan.summary
    assert (plan.acts, plan.effect, plan.amount) == (["send"], [], row["Total"])
    assert "stays with the customer" in plan.undo
    assert [request["path"] for request in plan.requests] == [f"/api.xro/2.0/Invoices/{row['InvoiceID']}/Email"]


def test_another_email_address_changes_the_plan(uk_company):
    row = invoice(uk_company)
    plan = uk_company.plan(SEND, {"invoice": row["InvoiceID"]})
    uk_company.store.edit("Contacts", row["Contact"]["ContactID"], {"EmailAddress": "other@example.com"})
    with pytest.raises(ConnectorError) as caught:
        uk_company.act(
            SEND,
            {"invoice": row["InvoiceID"]},
            mode="commit",
            plan_hash=plan.hash,
            business_key="key-1",
        )
    assert caught.value.reason == "stale_plan"
    assert sent(uk_company) == 0


def test_the_invoice_is_sent_and_its_online_address_is_returned(uk_company):
    row = invoice(uk_company)
    result = run(uk_company, row)
    assert result.data["emailed"] == "sent"
    assert result.data["online_url"].startswith("https://")
    assert sent(uk_company) == 1
    assert uk_company.store.get("Invoices", row["InvoiceID"])["SentToContact"] is True


def test_the_history_note_is_added_before_the_email(uk_company):
    row = invoice(uk_company)
    uk_company.commit(SEND, {"invoice": row["InvoiceNumber"]}, requester="agent 7", approver="Aroha")
    records = [each["Changes"] for each in uk_company.store.history["Invoices", row["InvoiceID"]]]
    assert records.index("Note") < records.index("Invoice sent")
    (note,) = uk_company.notes("Invoices", row["InvoiceID"])
    assert "agent 7" in note
    assert "Aroha" in note
    assert "key-1" in note


@pytest.mark.parametrize("status", ["DRAFT", "VOIDED", "DELETED"])
def test_a_status_that_xero_does_not_send_is_refused(uk_company, status):
    row = invoice(uk_company)
    uk_company.store.edit("Invoices", row["InvoiceID"], {"Status": status})
    error = refused(uk_company, SEND, {"invoice": row["InvoiceID"]}, "not_sendable")
    assert status.lower() in error.message


def test_a_bill_and_an_unknown_number_are_refused(uk_company):
    bill = uk_company.rows("Invoices", Type="ACCPAY", Status="AUTHORISED")[0]
    assert "bill" in refused(uk_company, SEND, {"invoice": bill["InvoiceID"]}).message
    error = refused(uk_company, SEND, {"invoice": "INV-none"}, "unknown_document")
    assert error.code == "not_found"


def test_a_customer_without_an_address_is_refused(uk_company):
    row = invoice(uk_company)
    uk_company.store.edit("Contacts", row["Contact"]["ContactID"], {"EmailAddress": ""})
    error = refused(uk_company, SEND, {"invoice": row["InvoiceNumber"]}, "no_email_address")
    assert row["Contact"]["Name"] in error.message


@pytest.mark.parametrize(("status", "said"), [("SUBMITTED", "not approved"), ("PAID", "paid already")])
def test_invoices_that_are_sent_with_a_warning(uk_company, status, said):
    row = invoice(uk_company)
    uk_company.store.edit("Invoices", row["InvoiceID"], {"Status": status})
    plan = uk_company.plan(SEND, {"invoice": row["InvoiceID"]})
    assert len(plan.warnings) == 1
    assert said in plan.warnings[0]
    assert run(uk_company, row).data["emailed"] == "sent"


# ---------------------------------------------------------------- at most once


def test_the_same_key_sends_once_and_another_sends_again(uk_company):
    row = invoice(uk_company)
    run(uk_company, row)
    uk_company.box.sandbox.clock.advance(420)
    again = run(uk_company, row)
    assert (again.status, again.data["emailed"], again.data["repeated"]) == ("done", "sent", True)
    assert sent(uk_company) == 1
    plan = uk_company.plan(SEND, {"invoice": row["InvoiceID"]}, "other")
    assert any("sent before" in warning for warning in plan.warnings)
    assert run(uk_company, row, "other").data["emailed"] == "sent"
    assert sent(uk_company) == 2
    assert run(uk_company, row, "other").data["repeated"] is True
    assert sent(uk_company) == 2


@pytest.mark.parametrize("before", [False, True], ids=["first", "again"])
def test_after_a_lost_answer_the_sent_email_is_found(uk_company, before):
    row = invoice(uk_company)
    if before:
        run(uk_company, row, "before")
    uk_company.box.sandbox.faults.add("cut", match={"path": "/Email"}, where="body")
    result = run(uk_company, row)
    assert (result.status, result.data["emailed"]) == ("done", "sent")
    uk_company.box.sandbox.clock.advance(420)
    assert run(uk_company, row).data["emailed"] == "sent"
    assert sent(uk_company) == 1 + before


@pytest.mark.parametrize("before", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("status", [500, 503])
def test_an_unknown_outcome_is_reported_and_the_email_is_not_sent_again(uk_company, before, status):
    row = invoice(uk_company)
    if before:
        run(uk_company, row, "before")
    uk_company.box.sandbox.faults.add("status", match={"path": "/Email"}, status=status, body="json", times=None)
    result = run(uk_company, row)
    assert (result.status, result.data["emailed"]) == ("partial", "unknown")
    assert "not sent again" in result.warnings[0]
    uk_company.box.sandbox.faults.clear()
    uk_company.box.sandbox.clock.advance(420)
    again = run(uk_company, row)
    assert (again.status, again.data["emailed"], again.data["repeated"]) == ("partial", "unknown", True)
    assert sent(uk_company) == before


def test_without_its_history_note_the_email_is_not_sent(uk_company):
    row = invoice(uk_company)
    uk_company.box.sandbox.faults.add(
        "status", match={"path": "/History", "method": "PUT"}, status=503, body="json", times=None
    )
    with pytest.raises(ConnectorError) as caught:
        run(uk_company, row)
    assert caught.value.code == "unavailable"
    assert sent(uk_company) == 0
    uk_company.box.sandbox.faults.clear()
    uk_company.box.sandbox.clock.advance(420)
    assert run(uk_company, row).data["emailed"] == "sent"
    assert sent(uk_company) == 1


def test_a_day_limit_is_reported_and_nothing_is_sent(uk_company):
    row = invoice(uk_company)
    uk_company.box.sandbox.faults.add(
        "rate_limit", match={"path": "/Email"}, problem="day", retry_after=40_000, body="empty"
    )
    with pytest.raises(ConnectorError) as caught:
        run(uk_company, row)
    assert caught.value.code == "rate_limited"
    assert sent(uk_company) == 0


# ---------------------------------------------------------------- refusals


def test_a_demo_company_gives_a_warning_and_its_refusal_a_remedy(make_company):
    demo = make_company(0)
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


def test_after_a_refusal_the_same_key_may_try_again(uk_company):
    row = invoice(uk_company)
    uk_company.store.email_cap = 0
    for seconds in (0, 10, 420):
        uk_company.box.sandbox.clock.advance(seconds)
        with pytest.raises(ConnectorError) as caught:
            run(uk_company, row)
        assert caught.value.reason == "email_refused"
    uk_company.store.email_cap = 1000
    uk_company.box.sandbox.clock.advance(420)
    assert run(uk_company, row).data["emailed"] == "sent"
    assert run(uk_company, row).data["repeated"] is True
    assert sent(uk_company) == 1


def test_a_refusal_is_noted_with_xeros_message(uk_company):
    row = invoice(uk_company)
    uk_company.store.email_cap = 0
    with pytest.raises(ConnectorError):
        run(uk_company, row)
    tried, refusal = uk_company.notes("Invoices", row["InvoiceID"])
    assert "To be e-mailed" in tried
    assert "refused the e-mail" in refusal
    assert "daily limit" in refusal


def test_an_invoice_sent_by_create_invoice_after_a_refusal(uk_company):
    """The same trail serves create_invoice: refused first, put right, sent under the same key."""
    uk_company.store.email_cap = 0
    params = {
        "contact": {"id": invoice(uk_company)["Contact"]["ContactID"]},
        "lines": [{"description": "Advice", "unit_amount": "150.00", "account": "200"}],
        "value_is": "net",
        "due_date": "2026-12-20",
        "status": "authorised",
        "send": True,
    }
    first = uk_company.act("create_invoice", params, mode="run", business_key="k")
    assert (first.status, first.data["emailed"]) == ("partial", "refused")
    uk_company.store.email_cap = 1000
    uk_company.box.sandbox.clock.advance(420)
    again = uk_company.act("create_invoice", params, mode="run", business_key="k")
    assert (again.status, again.data["emailed"]) == ("done", "sent")
    assert sent(uk_company) == 1


def test_an_address_removed_after_the_plan_is_refused(uk_company):
    row = invoice(uk_company)
    plan = uk_company.plan(SEND, {"invoice": row["InvoiceID"]})
    write(uk_company, "POST", "Contacts", {"ContactID": row["Contact"]["ContactID"], "EmailAddress": ""})
    with pytest.raises(ConnectorError) as caught:
        uk_company.act(SEND, {"invoice": row["InvoiceID"]}, mode="commit", plan_hash=plan.hash, business_key="key-1")
    assert caught.value.reason == "no_email_address"
    assert sent(uk_company) == 0
