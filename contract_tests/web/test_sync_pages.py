"""The page of a connection: frequencies, progress, problems in plain words, rejected records, calls."""

from __future__ import annotations

import pytest

from bizosaas_xero.web.jobs import SyncJobs


def show(signed_in_browser, connection):
    return signed_in_browser.get(f"/connections/{connection.id}")


def entity_form(browser, connection, entity):
    """Return the form of an entity's row, in which it is synced now."""
    return next(each for each in show(browser, connection).forms() if each["fields"].get("entity") == entity)


def test_each_list_has_rows_completeness_and_times(signed_in_browser, connection_by_guide, pages_host):
    text = show(signed_in_browser, connection_by_guide).text
    for entity in pages_host.report.connector("xero").describe().entities:
        rows = pages_host.sink.count_rows(connection_by_guide.organisation_id, entity.name)
        assert f"{entity.title} {rows:,} complete just now in " in text
    calls = pages_host.store.usage(connection_by_guide.organisation_id)
    assert f"Today: {calls['calls']} calls made" in text
    assert f"{calls['day_left']:,} left of the day's limit" in text


def test_a_frequency_is_kept_and_can_be_never(signed_in_browser, connection_by_guide, pages_host):
    page = signed_in_browser.submit(
        show(signed_in_browser, connection_by_guide),
        "/intervals",
        **{"every-invoices": "3600", "every-bank_transactions": "0"},
    )
    assert "The frequencies are saved" in page.text
    intervals = pages_host.store.connection(connection_by_guide.id).preferences["intervals"]
    assert (intervals["invoices"], intervals["bank_transactions"]) == (3600, 0)
    assert "Bank transactions 30 complete just now never never" in page.text or "never never" in page.text


@pytest.mark.parametrize(("name", "value"), [("every-invoices", "5"), ("every-invoices", "-1"), ("every-x", "3600")])
def test_a_wrong_frequency_changes_nothing(signed_in_browser, connection_by_guide, pages_host, name, value):
    page = signed_in_browser.submit(show(signed_in_browser, connection_by_guide), "/intervals", **{name: value})
    assert page.status == 400
    assert "intervals" not in pages_host.store.connection(connection_by_guide.id).preferences


def test_sync_now_reads_what_changed(signed_in_browser, connection_by_guide, pages_host, sandbox_server, pages_app):
    table = sandbox_server.sandbox.store().table("Contacts")
    sandbox_server.sandbox.clock.advance(600)
    sandbox_server.sandbox.store().edit("Contacts", table.id(table.by_id[0]), {"Name": "Renamed Limited"})
    form = entity_form(signed_in_browser, connection_by_guide, "contacts")
    signed_in_browser.post(form["action"], form["fields"])
    pages_app.jobs.wait(connection_by_guide.id)
    assert "Renamed Limited" in {
        r["Name"] for r in pages_host.sink.iter_records(connection_by_guide.organisation_id, "contacts")
    }
    assert [each.entity for each in pages_app.jobs.get(connection_by_guide.id).entities] == ["contacts"]


def test_an_unknown_entity_is_refused(signed_in_browser, connection_by_guide):
    form = entity_form(signed_in_browser, connection_by_guide, "contacts")
    assert signed_in_browser.post(form["action"], form["fields"] | {"entity": "nothing"}).status == 404


def test_a_problem_is_told_in_plain_words_where_it_is(
    signed_in_browser, connection_by_guide, pages_app, sandbox_server
):
    sandbox_server.sandbox.faults.add("status", match={"path": "BankTransactions"}, times=None, status=403, body="json")
    form = entity_form(signed_in_browser, connection_by_guide, "bank_transactions")
    signed_in_browser.post(form["action"], form["fields"])
    pages_app.jobs.wait(connection_by_guide.id)
    sandbox_server.sandbox.faults.clear()
    page = show(signed_in_browser, connection_by_guide)
    assert "stopped by a problem" in page.text
    assert "misconfigured / user_role" in page.text
    assert "In Xero, give that user a role" in page.text
    assert "not everything is in step" in page.text
    home = signed_in_browser.get("/").text
    assert "Demo Company (NZ), Bank transactions:" in home
    assert 'href="mailto:help@shop.example"' in page.html


def test_access_that_ended_is_put_right_by_reconnecting(
    signed_in_browser, connection_by_guide, pages_app, sandbox_server, give_consent
):
    sandbox_server.sandbox.faults.add("revoke_grant", match={"path": "/connect/token"})
    sandbox_server.sandbox.clock.advance(3600)
    form = entity_form(signed_in_browser, connection_by_guide, "invoices")
    store = pages_app.jobs._host.store
    grant = store.grant("xero", connection_by_guide.identity).grant
    store.save_grant("xero", grant.model_copy(update={"expires_at": grant.obtained_at}))
    signed_in_browser.post(form["action"], form["fields"])
    pages_app.jobs.wait(connection_by_guide.id)
    page = show(signed_in_browser, connection_by_guide)
    assert "reconnect_required / grant_ended" in page.text
    assert "must be authorised again" in signed_in_browser.get("/").text
    signed_in_browser.get(give_consent(signed_in_browser.submit(page, "/reconnect")))
    pages_app.jobs.wait(connection_by_guide.id)
    assert "all in step" in signed_in_browser.get("/").text


def test_rejected_records_are_shown_with_the_reason_and_as_they_came(
    signed_in_browser, connection_by_guide, pages_app, sandbox_server
):
    sandbox_server.sandbox.faults.add(
        "bad_row", match={"path": "Invoices"}, field="Total", value="12,<b>x", row=1, times=2
    )
    pages_app.jobs._host.store.update_entity(connection_by_guide.id, "invoices", cursor=None)
    form = entity_form(signed_in_browser, connection_by_guide, "invoices")
    signed_in_browser.post(form["action"], form["fields"])
    pages_app.jobs.wait(connection_by_guide.id)
    page = signed_in_browser.get(f"/connections/{connection_by_guide.id}/rejected/invoices")
    assert "1 record could not be read" in page.text
    assert "12,<b>x" in page.text
    assert "<b>x" not in page.html


def test_what_happened_to_records_is_its_history(
    signed_in_browser, connection_by_guide, pages_host, pages_app, sandbox_server
):
    store = sandbox_server.sandbox.store()
    invoice = next(
        row for row in store.table("Invoices").rows() if row["Type"] == "ACCREC" and row["Status"] == "AUTHORISED"
    )
    sandbox_server.sandbox.clock.advance(600)
    store.edit("Invoices", invoice["InvoiceID"], {"Status": "VOIDED", "AmountDue": "0.00"})
    form = entity_form(signed_in_browser, connection_by_guide, "invoices")
    signed_in_browser.post(form["action"], form["fields"])
    pages_app.jobs.wait(connection_by_guide.id)
    page = show(signed_in_browser, connection_by_guide)
    assert "Invoice voided" in page.text
    assert invoice["InvoiceNumber"] in page.text


def test_due_syncs_run_while_the_pages_are_served(connection_by_guide, pages_host):
    jobs = SyncJobs(pages_host)
    pages_host.store.update_entity(connection_by_guide.id, "payments", next_due=connection_by_guide.created_at)
    jobs.start_due(max(state.last_success for state in pages_host.store.entity_states(connection_by_guide.id)))
    jobs.wait(connection_by_guide.id)
    assert [(each.entity, each.state) for each in jobs.get(connection_by_guide.id).entities] == [("payments", "done")]
    jobs.stop()


def test_queries_of_a_page_do_not_grow_with_the_books(signed_in_browser, connection_by_guide, pages_host, monkeypatch):
    asked = []
    original = type(pages_host.database).read_transaction
    monkeypatch.setattr(type(pages_host.database), "read_transaction", lambda self: asked.append(1) or original(self))
    signed_in_browser.get("/")
    few, asked[:] = len(asked), []
    table = pages_host.sink._tables["invoices"].table
    with pages_host.database.write_transaction() as transaction:
        row = dict(transaction.execute(table.select().limit(1)).mappings().one())
        transaction.execute(table.insert(), [row | {"key": f"copy-{n}"} for n in range(500)])
    signed_in_browser.get("/")
    assert len(asked) == few


def test_the_history_says_so_when_there_is_none(signed_in_browser, connection_by_guide):
    assert "Nothing has happened to the records" in show(signed_in_browser, connection_by_guide).text
