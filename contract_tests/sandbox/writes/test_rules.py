"""Locks, idempotency, e-mail, history, the chart, organisations of other countries."""

import datetime as dt

import httpx
import pytest

from bizosaas_xero.sandbox.core.countries import COUNTRIES


def sale(customer, **more):
    return {
        "Type": "ACCREC", "Contact": {"ContactID": customer["ContactID"]}, "Date": "2026-03-01",
        "DueDate": "2026-12-01", "Status": "AUTHORISED",
        "LineItems": [{"Description": "x", "UnitAmount": 100, "AccountCode": "200"}], **more,
    }  # fmt: skip


def lock(sandbox_server, **locks):
    store = sandbox_server.sandbox.store()
    for name, day in locks.items():
        store.lock_period(name, dt.date.fromisoformat(day) if day else None)


class TestLocks:
    @pytest.mark.parametrize("name", ["PeriodLockDate", "EndOfYearLockDate"])
    def test_nothing_is_posted_in_a_locked_period(self, client, customer, sandbox_server, name):
        sold = client.put("Invoices", sale(customer))
        lock(sandbox_server, **{name: "2026-03-31"})
        assert client.rows("Organisation")[0][name] == "/Date(1774915200000+0000)/"
        words = "period lock date" if name == "PeriodLockDate" else "end of year lock date"
        said = f"The document date cannot be before the {words}, currently set at 31 March 2026"
        assert client.refused("PUT", "Invoices", sale(customer)) == [said]
        assert client.refused("PUT", "Invoices", sale(customer, Date="2026-03-31")) == [said]
        client.put("Invoices", sale(customer, Date="2026-04-01"))
        invoice = {"InvoiceID": sold["InvoiceID"]}
        assert client.refused("POST", "Invoices", {**invoice, "Status": "VOIDED"}) == [said]
        assert client.refused("POST", "Invoices", {**invoice, "Date": "2026-05-01"}) == [said]
        assert client.post("Invoices", {**invoice, "Reference": "words do not post"})["Reference"]
        pay = {"Invoice": invoice, "Account": {"Code": "090"}, "Amount": 10}
        assert client.refused("PUT", "Payments", {**pay, "Date": "2026-03-02"}) == [said]
        paid = client.put("Payments", {**pay, "Date": "2026-04-02"})
        lock(sandbox_server, **{name: "2026-04-30"})
        assert client.refused("POST", f"Payments/{paid['PaymentID']}", {"Status": "DELETED"})
        lock(sandbox_server, **{name: None})
        client.post(f"Payments/{paid['PaymentID']}", {"Status": "DELETED"})

    def test_a_draft_may_wait_in_a_locked_period(self, client, customer, sandbox_server):
        lock(sandbox_server, PeriodLockDate="2026-03-31")
        draft = client.put("Invoices", sale(customer, Status="DRAFT"))
        assert client.refused("POST", "Invoices", {"InvoiceID": draft["InvoiceID"], "Status": "AUTHORISED"})

    def test_an_adviser_writes_through_the_first_lock_only(self, make_client, sandbox_server):
        adviser = make_client().connect(user="adviser")
        adviser.tenant = sandbox_server.info["organisations"][0]["id"]
        customer = adviser.put("Contacts", {"Name": "Adviser's"})
        lock(sandbox_server, PeriodLockDate="2026-03-31")
        adviser.put("Invoices", sale(customer))
        lock(sandbox_server, EndOfYearLockDate="2026-03-31")
        assert "end of year" in adviser.refused("PUT", "Invoices", sale(customer))[0]

    def test_bank_and_journals_are_locked_too(self, client, customer, sandbox_server):
        lock(sandbox_server, PeriodLockDate="2026-03-31")
        line = {"Description": "x", "UnitAmount": 1, "AccountCode": "429"}
        assert client.refused("PUT", "BankTransactions", {
            "Type": "SPEND", "Contact": {"ContactID": customer["ContactID"]}, "BankAccount": {"Code": "090"},
            "Date": "2026-03-31", "LineItems": [line]})  # fmt: skip
        assert client.refused("PUT", "BankTransfers", {
            "FromBankAccount": {"Code": "090"}, "ToBankAccount": {"Code": "091"}, "Amount": 1,
            "Date": "2026-03-31"})  # fmt: skip


class TestIdempotency:
    def test_a_repeat_gets_the_first_answer(self, client, customer):
        before = len(client.rows("Invoices"))
        first, again = (client.send("PUT", "Invoices", sale(customer), {"Idempotency-Key": "k1"}) for _ in range(2))
        assert first.content == again.content
        assert len(client.rows("Invoices")) == before + 1

    def test_a_refusal_is_repeated_for_its_key(self, client, customer):
        bad = sale(customer, InvoiceNumber="W-1")
        client.put("Invoices", bad)
        refused = client.send("PUT", "Invoices", bad, {"Idempotency-Key": "k1"})
        assert refused.status_code == 400
        client.post("Invoices/W-1", {"Status": "VOIDED", "InvoiceNumber": "W-2"})
        assert client.send("PUT", "Invoices", bad, {"Idempotency-Key": "k1"}).content == refused.content

    def test_a_key_is_forgotten_after_six_minutes(self, client, customer, sandbox_server):
        before = len(client.rows("Invoices"))
        for seconds, count in ((0, 1), (359, 1), (2, 2)):
            sandbox_server.sandbox.clock.advance(seconds)
            client.put("Invoices", sale(customer), {"Idempotency-Key": "k1"})
            assert len(client.rows("Invoices")) == before + count

    @pytest.mark.parametrize("change", ["body", "address", "method"])
    def test_a_key_belongs_to_one_request(self, client, customer, change):
        client.put("Invoices", sale(customer), {"Idempotency-Key": "k1"})
        body = sale(customer, Reference="other") if change == "body" else sale(customer)
        path = "CreditNotes" if change == "address" else "Invoices"
        method = "POST" if change == "method" else "PUT"
        answer = client.send(method, path, body, {"Idempotency-Key": "k1"})
        assert answer.status_code == 400
        assert answer.json()["Message"] == "Idempotency Key k1 is used with a different request."

    def test_keys_belong_to_the_app_not_to_the_organisation(self, client, make_client, sandbox_server):
        client.put("Contacts", {"Name": "One"}, {"Idempotency-Key": "k1"})
        second = sandbox_server.info["organisations"][1]["id"]
        client.connect(organisations=[second])
        client.tenant = second
        assert client.send("PUT", "Contacts", {"Name": "One"}, {"Idempotency-Key": "k1"}).status_code == 200
        assert not client.rows("Contacts", where='Name=="One"'), "the answer was that of the other books"
        other = make_client("pkce")
        assert other.app["client_id"] != client.app["client_id"]

    def test_a_key_has_at_most_128_characters(self, client):
        assert client.send("PUT", "Contacts", {"Name": "A"}, {"Idempotency-Key": "k" * 129}).status_code == 400
        assert client.put("Contacts", {"Name": "A"}, {"Idempotency-Key": "k" * 128})

    def test_a_lost_answer_is_found_again(self, client, sandbox_server):
        sandbox_server.sandbox.faults.add("cut", where="body", match={"method": "PUT"})
        with pytest.raises(httpx.RemoteProtocolError):
            client.send("PUT", "Contacts", {"Name": "Lost"}, {"Idempotency-Key": "k9"})
        assert client.put("Contacts", {"Name": "Lost"}, {"Idempotency-Key": "k9"})["Name"] == "Lost"
        assert len(client.rows("Contacts", where='Name=="Lost"')) == 1


class TestEmail:
    def email(self, client, invoice):
        return client.send("POST", f"Invoices/{invoice['InvoiceID']}/Email", {})

    def test_a_demo_company_sends_none(self, client, customer):
        answer = self.email(client, client.put("Invoices", sale(customer)))
        assert answer.status_code == 400
        assert "limit of 0" in answer.json()["Elements"][0]["ValidationErrors"][0]["Message"]

    def test_caps_by_kind_of_organisation(self, sandbox_server):
        caps = [sandbox_server.sandbox.store(o.id).email_cap for o in sandbox_server.sandbox.organisations]
        assert caps == [0, 1000, 1000, 1000, 1000, 20]

    def test_an_email_is_sent_and_told_of(self, client, customer, sandbox_server):
        sandbox_server.sandbox.store().email_cap = 2
        sold = client.put("Invoices", sale(customer))
        answer = self.email(client, sold)
        assert (answer.status_code, answer.content) == (204, b"")
        row = client.rows(f"Invoices/{sold['InvoiceID']}")[0]
        assert row["SentToContact"] is True
        records = client.get(f"Invoices/{sold['InvoiceID']}/History").json()["HistoryRecords"]
        assert records[0]["Changes"] == "Invoice sent"
        assert "office@rata.example" in records[0]["Details"]
        assert self.email(client, sold).status_code == 204, "Xero does not stop a second one"
        assert self.email(client, sold).status_code == 400, "the cap is reached"
        sandbox_server.sandbox.clock.advance(86_400)
        client.token = client.refresh(client.token["refresh_token"]).json()
        assert self.email(client, sold).status_code == 204

    @pytest.mark.parametrize(
        "changes",
        [{"Status": "DRAFT"}, {"Type": "ACCPAY", "LineItems": [{"UnitAmount": 1, "AccountCode": "429"}]}],
    )
    def test_a_draft_or_bill_cannot_be_mailed(self, client, customer, sandbox_server, changes):
        sandbox_server.sandbox.store().email_cap = 2
        assert self.email(client, client.put("Invoices", sale(customer, **changes))).status_code == 400

    def test_an_invoice_of_a_contact_without_an_address_cannot_be_mailed(self, client, sandbox_server):
        sandbox_server.sandbox.store().email_cap = 2
        silent = client.put("Contacts", {"Name": "Silent"})
        assert self.email(client, client.put("Invoices", sale(silent))).status_code == 400

    def test_the_cap_and_locks_are_set_from_outside(self, client):
        path = f"/_sandbox/organisations/{client.tenant}"
        sent = {"email_cap": 5, "period_lock": "2026-03-31", "end_of_year_lock": None}
        assert client.http.patch(path, json=sent).json() == sent
        assert "PeriodLockDate" in client.rows("Organisation")[0]
        assert client.http.patch(path, json={"colour": 1}).status_code == 400
        assert client.http.patch(path, json={"period_lock": "soon"}).status_code == 400


class TestBelowARow:
    def test_history_lists_notes_and_changes_newest_first(self, client, customer):
        sold = client.put("Invoices", sale(customer))
        path = f"Invoices/{sold['InvoiceNumber']}/History"
        note = client.put(path, {"HistoryRecords": [{"Details": "Agreed by phone"}]})
        assert note["Details"] == "Agreed by phone"
        assert note["User"] == "System Generated"
        records = client.get(path).json()["HistoryRecords"]
        assert [r["Changes"] for r in records] == ["Note", "Approved"]
        assert client.refused("PUT", path, {"HistoryRecords": [{"Details": "x" * 2501}]})
        assert client.refused("PUT", path, {"HistoryRecords": [{"Details": ""}]})

    def test_an_approved_invoice_has_an_address_for_its_reader(self, client, customer):
        sold = client.put("Invoices", sale(customer))
        found = client.get(f"Invoices/{sold['InvoiceID']}/OnlineInvoice").json()["OnlineInvoices"]
        assert found[0]["OnlineInvoiceUrl"].startswith("https://")
        draft = client.put("Invoices", sale(customer, Status="DRAFT"))
        assert client.get(f"Invoices/{draft['InvoiceID']}/OnlineInvoice").status_code == 400

    def test_unknown_parts_of_a_row_are_404(self, client):
        nobody = "11111111-1111-1111-1111-111111111111"
        assert client.send("POST", f"Invoices/{nobody}/Email", {}).status_code == 404
        assert client.get(f"Invoices/{nobody}/History").status_code == 404
        assert client.get("Invoices/INV-0001/Colour").status_code == 404
        assert client.send("DELETE", "Invoices/INV-0001/History", None).status_code == 405
        assert client.get("Accounts/x/OnlineInvoice").status_code == 404

    def test_the_organisation_lists_what_an_app_may_do(self, client):
        actions = {a["Name"]: a["Status"] for a in client.get("Organisation/Actions").json()["Actions"]}
        assert actions["CreateApprovedInvoice"] == actions["UseMulticurrency"] == "ALLOWED"


class TestChart:
    def test_an_account_is_created_renamed_archived_and_deleted(self, client):
        made = client.put("Accounts", {"Code": "415", "Name": "Tools", "Type": "EXPENSE", "TaxType": "INPUT2"})
        assert (made["Class"], made["Status"]) == ("EXPENSE", "ACTIVE")
        assert "unique Code" in " ".join(client.refused("PUT", "Accounts", {
            "Code": "415", "Name": "tools", "Type": "EXPENSE"}))  # fmt: skip
        path = f"Accounts/{made['AccountID']}"
        assert client.post(path, {"Name": "Small tools"})["Name"] == "Small tools"
        assert client.refused("POST", path, {"Status": "ARCHIVED", "Name": "Old tools"})
        assert client.post(path, {"Status": "ARCHIVED"})["Status"] == "ARCHIVED"
        assert client.send("DELETE", path).json()["Accounts"][0]["Status"] == "DELETED"
        assert client.get(path).status_code == 404

    def test_used_and_system_accounts_cannot_be_deleted(self, client, sandbox_server):
        store = sandbox_server.sandbox.store()
        used, own = store.account_id("200"), store.account_id("610")
        assert client.send("DELETE", f"Accounts/{used}").status_code == 400
        assert client.send("DELETE", f"Accounts/{own}").status_code == 400
        assert client.refused("POST", f"Accounts/{own}", {"Status": "ARCHIVED"})
        assert client.refused("POST", f"Accounts/{store.account_id('090')}", {"Name": "New"})
        two = [{"Code": "1", "Name": "a", "Type": "EXPENSE"}, {"Code": "2", "Name": "b", "Type": "EXPENSE"}]
        assert client.send("PUT", "Accounts", {"Accounts": two}).status_code == 400
        assert client.refused("PUT", "Accounts", {"Code": "3", "Name": "c", "Type": "BANK"})

    def test_an_item_is_created_renamed_and_deleted(self, client):
        made = client.put("Items", {"Code": "TEA", "Name": "Tea", "SalesDetails": {"UnitPrice": 4.5}})
        assert client.refused("PUT", "Items", {"Code": "tea"}) == ["Price List Item with Code 'TEA' already exists"]
        assert client.post("Items", {"Code": "TEA", "Name": "Green tea"})["ItemID"] == made["ItemID"]
        assert client.send("DELETE", "Items/TEA").status_code == 204
        assert client.get("Items/TEA").status_code == 404

    def test_a_tax_rate_is_created_used_and_deleted(self, client, customer):
        component = {"Name": "Levy", "Rate": 2.5}
        made = client.put("TaxRates", {"Name": "Levy", "TaxComponents": [component]})
        assert (made["TaxType"], made["EffectiveRate"]) == ("TAX001", 2.5)
        sold = client.put("Invoices", sale(customer, LineItems=[
            {"Description": "x", "UnitAmount": 100, "AccountCode": "200", "TaxType": "TAX001"}]))  # fmt: skip
        assert sold["TotalTax"] == 2.5
        client.post("TaxRates", {"Name": "Levy", "Status": "DELETED"})
        assert client.refused("PUT", "TaxRates", {"Name": "Bare"})

    def test_a_currency_is_added_once_and_used(self, client, customer):
        assert client.put("Currencies", {"Code": "EUR"})["Code"] == "EUR"
        assert client.refused("PUT", "Currencies", {"Code": "EUR"})
        assert client.refused("PUT", "Currencies", {"Code": "euros"})
        sold = client.put("Invoices", sale(customer, CurrencyCode="EUR"))
        assert sold["CurrencyRate"] < 1
        assert "UpdatedDateUTC" not in client.rows("Currencies")[0]

    def test_tracking_categories_and_options_are_changed_and_bounded(self, client):
        assert client.refused("PUT", "TrackingCategories", {"Name": "Third"})
        category = client.rows("TrackingCategories")[0]
        path = f"TrackingCategories/{category['TrackingCategoryID']}"
        made = client.put(f"{path}/Options", {"Name": "East"})
        assert made["Name"] == "East"
        assert client.refused("PUT", f"{path}/Options", {"Name": "east"})
        one = f"{path}/Options/{made['TrackingOptionID']}"
        assert client.post(one, {"Name": "Far East"})["Name"] == "Far East"
        assert client.send("DELETE", one).json()["Options"][0]["Status"] == "DELETED"
        used = category["Options"][0]["TrackingOptionID"]
        assert client.send("DELETE", f"{path}/Options/{used}").json()["Options"][0]["Status"] == "ARCHIVED"
        assert client.send("DELETE", path).json()["TrackingCategories"][0]["Status"] == "ARCHIVED"
        assert client.put("TrackingCategories", {"Name": "Third"})["Status"] == "ACTIVE"
        assert len(client.rows("TrackingCategories")) == 2
        assert len(client.rows("TrackingCategories", includeArchived="true")) == 3


class TestOrganisations:
    @pytest.mark.parametrize("number", range(6))
    def test_tax_and_the_year_end_follow_the_country(self, client, sandbox_server, number):
        organisation = sandbox_server.sandbox.organisations[number]
        client.connect(organisations=[organisation.id])
        client.tenant = organisation.id
        row = client.rows("Organisation")[0]
        rules = COUNTRIES.get(organisation.country, COUNTRIES["GLOBAL"])
        assert (row["FinancialYearEndMonth"], row["FinancialYearEndDay"]) == rules.year_end
        assert row["PaysTax"] == organisation.pays_tax
        customer = client.put("Contacts", {"Name": "New"})
        sold = client.put("Invoices", sale(customer))
        code, rate = rules.standard_tax("out") if organisation.pays_tax else (rules.untaxed, 0)
        assert sold["LineItems"][0]["TaxType"] == code
        assert sold["TotalTax"] == rate / 100
        rates = {r["TaxType"]: r["EffectiveRate"] for r in client.rows("TaxRates")}
        assert rates[rules.untaxed] == 0

    def test_who_is_not_registered_must_not_charge_tax(self, client, sandbox_server):
        organisation = sandbox_server.sandbox.organisations[5]
        client.connect(organisations=[organisation.id])
        client.tenant = organisation.id
        customer = client.put("Contacts", {"Name": "New"})
        line = {"Description": "x", "UnitAmount": 100, "AccountCode": "200", "TaxType": "OUTPUT"}
        assert "TaxType code 'OUTPUT'" in client.refused("PUT", "Invoices", sale(customer, LineItems=[line]))[0]
        assert all(row["TotalTax"] == 0 for row in client.rows("Invoices"))

    def test_one_consent_reaches_several_organisations(self, client, sandbox_server):
        sandbox_server.sandbox.switches.set("multi_select", True)
        ids = [o.id for o in sandbox_server.sandbox.organisations[:3]]
        client.connect(organisations=ids)
        assert {c["tenantId"] for c in client.connections()} == set(ids)
