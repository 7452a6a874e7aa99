"""The switches that follow recordings and reports: each setting has the form that its source shows."""

import json
import re

import pytest

from bizosaas_xero.sandbox.register import register
from bizosaas_xero.sandbox.switches import DOCUMENTED, OURS, RECORDED, REPORTED, Switches
from bizosaas_xero.sandbox.webhooks.delivery import DeliveryAnswer, sign

MONEY_SCOPES = (
    "offline_access accounting.settings accounting.contacts accounting.invoices accounting.payments "
    "accounting.banktransactions accounting.manualjournals accounting.reports.balancesheet.read "
    "accounting.reports.profitandloss.read"
)
pytestmark = [pytest.mark.scopes(MONEY_SCOPES), pytest.mark.xero_sandbox(invoices=40, books="wild")]


def test_every_behaviour_has_a_source():
    rows = register()
    assert {row.source for row in rows} == {RECORDED, DOCUMENTED, REPORTED, OURS}
    assert {row.name for row in rows if row.otherwise} == {f"`{name}`" for name in Switches().settings()}
    assert all(row.default for row in rows)


def test_a_partial_batch_makes_the_good_elements(client, sandbox_server):
    body = {"Contacts": [{"Name": "Good One"}, {"Name": "Bad One", "EmailAddress": "not an address"}]}
    assert client.refused("PUT", "Contacts", body) == ["Email address must be valid."]
    assert not client.rows("Contacts", where='Name=="Good One"')
    sandbox_server.sandbox.switches.set("partial_batch", True)
    assert client.refused("PUT", "Contacts", body) == ["Email address must be valid."]
    assert len(client.rows("Contacts", where='Name=="Good One"')) == 1
    assert not client.rows("Contacts", where='Name=="Bad One"')


def test_sparse_rows_leave_empty_fields_out(client, sandbox_server):
    sandbox_server.sandbox.switches.set("sparse", False)
    full = {row["InvoiceID"]: row for row in client.rows("Invoices", page=1, pageSize=1000)}
    sandbox_server.sandbox.switches.set("sparse", True)
    sparse = client.rows("Invoices", page=1, pageSize=1000)
    for row in sparse:
        assert "UpdatedDateUTCString" not in row
        assert all(row[name] for name in ("Payments", "CreditNotes", "AmountCredited", "Reference") if name in row)
        assert all(
            full[row["InvoiceID"]][name] == value for name, value in row.items() if name not in {"Contact", "LineItems"}
        )
    assert any("CurrencyRate" not in row for row in sparse)
    assert any("CurrencyRate" in row for row in sparse)
    assert any("EmailAddress" not in row for row in client.rows("Contacts", page=1))
    made = client.put("Contacts", {"Name": "Sparse"})
    assert "EmailAddress" not in made, "the answer of a write is sparse too"


@pytest.mark.parametrize("name", ["Invoices", "BankTransactions", "CreditNotes", "Overpayments"])
def test_one_document_holds_the_whole_contact(client, name):
    listed = client.rows(name, page=1)[0]
    whole = client.rows("Contacts", page=1, where=f'ContactID==Guid("{listed["Contact"]["ContactID"]}")')[0]
    single = client.rows(f"{name}/{listed[next(iter(k for k in listed if k == f'{name[:-1]}ID'))]}")[0]
    assert (listed["Contact"]["Addresses"], "ContactStatus" in listed["Contact"]) == ([], False)
    assert single["Contact"]["Addresses"] == whole["Addresses"]
    assert single["Contact"]["ContactStatus"] == whole["ContactStatus"]
    assert "HasAttachments" not in single or single["HasAttachments"]


def test_one_payment_holds_its_whole_invoice_and_a_write_the_whole_contact(client):
    payment = client.rows("Payments", page=1, where='PaymentType=="ACCRECPAYMENT"')[0]
    assert "Total" not in payment["Invoice"]
    single = client.rows(f"Payments/{payment['PaymentID']}")[0]
    invoice = client.rows(f"Invoices/{payment['Invoice']['InvoiceID']}")[0]
    assert (single["Invoice"]["Total"], single["Invoice"]["LineItems"]) == (invoice["Total"], invoice["LineItems"])
    contact = {"ContactID": invoice["Contact"]["ContactID"]}
    made = client.put("Invoices", {"Type": "ACCREC", "Contact": contact, "LineItems": [{"Description": "x"}]})
    assert made["Contact"]["ContactStatus"] == "ACTIVE"


def test_the_total_of_a_batch_may_include_an_overpayment(client, sandbox_server):
    batches = {row["BatchPaymentID"]: row for row in client.rows("BatchPayments")}
    assert all(row["TotalAmount"] == sum(p["Amount"] for p in row["Payments"]) for row in batches.values())
    sandbox_server.sandbox.switches.set("batch_total", "with_overpayments")
    more = {
        row["BatchPaymentID"]: row["TotalAmount"] - batches[row["BatchPaymentID"]]["TotalAmount"]
        for row in client.rows("BatchPayments")
    }
    assert sorted(set(more.values())) == [0, 150], "the overpayment of the wild books"
    inside = {
        row["BatchPayment"]["BatchPaymentID"]: row["BatchPayment"]["TotalAmount"]
        for row in client.rows("Payments", page=1, pageSize=1000)
        if "BatchPayment" in row
    }
    assert all(total == batches[guid]["TotalAmount"] + more[guid] for guid, total in inside.items())


def test_manual_journals_may_have_totals_and_orders(client, sandbox_server):
    journal = client.rows("ManualJournals", page=1)[0]
    assert (journal["DebitTotal"], journal["CreditTotal"]) == (250, 250)
    assert [line["SortOrder"] for line in journal["JournalLines"]] == [0, 1]
    sandbox_server.sandbox.switches.set("journal_totals", "absent")
    plain = client.rows("ManualJournals", page=1)[0]
    assert set(journal) - set(plain) == {"DebitTotal", "CreditTotal"}
    assert set(journal["JournalLines"][0]) - set(plain["JournalLines"][0]) == {"SortOrder"}


def test_the_clock_of_one_answer_may_be_ahead(client, sandbox_server):
    def answer_time():
        return int(re.search(r"\d+", client.get("Accounts").json()["DateTimeUTC"])[0])

    before = answer_time()
    sandbox_server.sandbox.faults.add("clock_ahead", seconds=7200)
    assert answer_time() - before >= 7_200_000
    assert answer_time() - before < 60_000


def test_offset_dates_are_local_midnights(client, sandbox_server):
    row = client.rows("Invoices", page=1, pageSize=1)[0]
    sandbox_server.sandbox.switches.set("offset_dates", True)
    local = client.rows("Invoices", page=1, pageSize=1)[0]
    utc, shifted = (int(re.search(r"-?\d+", value["Date"])[0]) for value in (row, local))
    assert local["Date"].endswith("+1200)/")
    assert (utc - shifted, local["DateString"]) == (12 * 3_600_000, row["DateString"])


@pytest.mark.parametrize(("setting", "sent"), [("sent", [1, 2, 3]), ("missing", []), ("missing_last", [1, 2])])
def test_pagination_may_be_missing(client, sandbox_server, setting, sent):
    sandbox_server.sandbox.switches.set("pagination", setting)
    total = len(sandbox_server.sandbox.store().table("Invoices"))
    answers = {page: client.get("Invoices", page=page, pageSize=-(-total // 3)).json() for page in (1, 2, 3)}
    assert [page for page, answer in answers.items() if "pagination" in answer] == sent
    assert sum(len(answer["Invoices"]) for answer in answers.values()) == total


def test_a_small_book_can_have_a_high_volume(client, sandbox_server):
    assert len(sandbox_server.sandbox.store().table("Invoices")) > 50
    sandbox_server.sandbox.switches.set("high_volume_rows", 50)
    refused = client.get("Invoices", page=1, where="IsDiscounted==false")
    assert (refused.status_code, refused.json()["Type"], refused.json()["ErrorNumber"]) == (
        400,
        "HighVolumeException",
        51,
    )
    assert client.get("Invoices", page=1, where='Status=="PAID"').status_code == 200


@pytest.mark.parametrize(
    ("setting", "named"), [("with_id", {"PrepaymentID", "OverpaymentID"}), ("without_id", {"OverpaymentID"})]
)
def test_overpayments_may_be_among_prepayments(client, sandbox_server, setting, named):
    overpayments = {row["OverpaymentID"] for row in client.rows("Overpayments")}
    before = [row["PrepaymentID"] for row in client.rows("Prepayments")]
    debtors = sandbox_server.sandbox.store().ledger.balances(sandbox_server.sandbox.store().today())
    sandbox_server.sandbox.switches.set("advances", setting)
    listed = [row for row in client.rows("Prepayments") if row["Type"].endswith("OVERPAYMENT")]
    assert {row["OverpaymentID"] for row in listed} == overpayments
    assert all({"PrepaymentID", "OverpaymentID"} & set(row) == named for row in listed)
    mirrored = sandbox_server.sandbox.store().ledger.balances(sandbox_server.sandbox.store().today())
    assert mirrored == debtors, "a mirrored row posts nothing"
    sandbox_server.sandbox.switches.set("advances", "apart")
    assert [row["PrepaymentID"] for row in client.rows("Prepayments")] == before


def test_transfers_may_be_among_bank_transactions(client, sandbox_server):
    before = client.rows("BankTransactions", page=1, pageSize=1000)
    transfers = client.rows("BankTransfers")
    balances = sandbox_server.sandbox.store().ledger.balances(sandbox_server.sandbox.store().today())
    side = client.rows(f"BankTransactions/{transfers[0]['FromBankTransactionID']}")[0]
    assert (side["Type"], side["Total"]) == ("SPEND-TRANSFER", transfers[0]["Amount"])
    sandbox_server.sandbox.switches.set("transfers_in_lists", True)
    listed = [r for r in client.rows("BankTransactions", page=1, pageSize=1000) if r["Type"].endswith("TRANSFER")]
    assert {row["BankTransactionID"] for row in listed} == {
        transfer[f"{side}BankTransactionID"] for transfer in transfers for side in ("From", "To")
    }
    assert not any({"Contact", "SubTotal", "TotalTax"} & set(row) for row in listed)
    assert not any({"AccountCode", "TaxType"} & set(line) for row in listed for line in row["LineItems"])
    assert client.get(f"BankTransactions/{transfers[0]['FromBankTransactionID']}").status_code == 200
    assert sandbox_server.sandbox.store().ledger.balances(sandbox_server.sandbox.store().today()) == balances
    sandbox_server.sandbox.switches.set("transfers_in_lists", False)
    assert client.rows("BankTransactions", page=1, pageSize=1000) == before


def test_employees_are_missing_or_an_empty_list(client, sandbox_server):
    assert client.get("Employees").status_code == 404
    sandbox_server.sandbox.switches.set("employees", "empty")
    assert client.rows("Employees") == []


def test_a_refused_element_may_have_an_invented_id(client, sandbox_server):
    def echoed():
        return client.send("PUT", "Contacts", {"Name": ""}).json()["Elements"][0]["ContactID"]

    assert set(echoed()) == {"0", "-"}
    sandbox_server.sandbox.switches.set("refused_ids", "invented")
    assert client.get(f"Contacts/{echoed()}").status_code == 404


def balance_sheet(client):
    return client.rows("Reports/BalanceSheet")[0]


def labels(report):
    return [row["Cells"][0]["Value"] for part in report["Rows"] for row in part.get("Rows", ())]


@pytest.mark.parametrize(("setting", "expected"), [("zero", "0" * 8), ("abababab", "abababab"), ("absent", None)])
def test_current_year_earnings_have_the_id_of_the_switch(client, sandbox_server, setting, expected):
    sandbox_server.sandbox.switches.set("earnings_id", setting)
    row = next(
        row
        for part in balance_sheet(client)["Rows"]
        for row in part.get("Rows", ())
        if row["Cells"][0]["Value"] == "Current Year Earnings"
    )
    ids = {a["Value"][:8] for cell in row["Cells"] for a in cell.get("Attributes", ()) if a["Id"] == "account"}
    assert ids == ({expected} if expected else set())


def test_report_dialects_change_the_layout_and_keep_the_figures(client, sandbox_server):
    classic = labels(balance_sheet(client))
    sandbox_server.sandbox.switches.set("report_dialect", "2026")
    report = balance_sheet(client)
    assert "Liabilities and Equity" in [part.get("Title") for part in report["Rows"]]
    assert labels(report) == [label for label in classic if label != "Net Assets"]
    assert client.rows("Reports/ProfitAndLoss")[0]["ReportName"] == "Income Statement"
    sandbox_server.sandbox.switches.set("report_dialect", "statutory")
    assert labels(balance_sheet(client)) == [x for x in classic if x not in {"Total Assets", "Total Liabilities"}]


def test_report_dates_and_amounts_have_other_spellings(client, sandbox_server):
    titles = [cell["Value"] for cell in balance_sheet(client)["Rows"][0]["Cells"][1:]]
    assert all(re.fullmatch(r"\d+ [A-Z][a-z]{2} \d{4}", title) for title in titles)
    sandbox_server.sandbox.switches.set("report_dates", "month_first")
    sandbox_server.sandbox.switches.set("report_amounts", "brackets")
    report = balance_sheet(client)
    assert all(re.fullmatch(r"[A-Z][a-z]{2} \d+, \d{4}", c["Value"]) for c in report["Rows"][0]["Cells"][1:])
    amounts = {c["Value"] for part in report["Rows"][1:] for row in part["Rows"] for c in row["Cells"][1:]}
    assert not any(amount.startswith("-") and amount != "-" for amount in amounts)
    assert any(amount.startswith("(") for amount in amounts)


def test_names_are_read_in_any_letter_case(client):
    made = client.put("contacts", {"name": "Lower Case", "emailaddress": "lower@example.com"})
    assert (made["Name"], made["EmailAddress"]) == ("Lower Case", "lower@example.com")


def test_a_phone_without_a_type_is_the_default_one(client):
    made = client.put(
        "Contacts", {"Name": "Phoned", "Phones": [{"PhoneNumber": "123"}], "Addresses": [{"City": "Nelson"}]}
    )
    phones = {phone["PhoneType"]: phone["PhoneNumber"] for phone in made["Phones"]}
    assert phones["DEFAULT"] == "123"
    assert any(address.get("City") == "Nelson" for address in made["Addresses"])


def test_filters_know_text_methods(client):
    rows = client.rows("Contacts", page=1, pageSize=1000, includeArchived="true")
    wanted = {row["ContactID"] for row in rows if "wild" in row["Name"].lower()}
    for where in ('Name.Contains("Wild")', 'Name.ToLower().Contains("wild")', 'Name.StartsWith("Wild ")'):
        found = client.rows("Contacts", page=1, where=where)
        assert {row["ContactID"] for row in found} == wanted, where
    assert client.get("Contacts", where="Name.Contains(5)").status_code == 400


def test_filters_know_fields_of_linked_documents(client):
    contact = client.rows("Contacts", page=1)[0]["ContactID"]
    rows = client.rows("Payments", page=1, pageSize=1000)
    wanted = {row["PaymentID"] for row in rows if row["Invoice"]["Contact"]["ContactID"] == contact}
    found = client.rows("Payments", page=1, pageSize=1000, where=f'Invoice.Contact.ContactID==Guid("{contact}")')
    assert {row["PaymentID"] for row in found} == wanted
    assert client.get("Invoices", page=1, where="FullyPaidOnDate!=null").status_code == 200


def test_payroll_that_is_not_set_up_is_an_empty_403(client):
    answer = client.http.get("/payroll.xro/2.0/Employees", headers=client.headers())
    assert (answer.status_code, answer.content) == (403, b"")


@pytest.mark.parametrize("scope", ["payroll.employees", "files.read", "assets", "projects.read", "bankfeeds"])
def test_scopes_of_other_families_can_be_granted(make_client, scope):
    assert scope in make_client().connect(scope=f"offline_access {scope}").token["scope"].split()


def test_the_scope_of_journals_is_for_older_apps(make_client, sandbox_server):
    journals = "offline_access accounting.journals.read"
    assert "accounting.journals.read" in make_client("legacy").connect(scope=journals).token["scope"]
    with pytest.raises(ValueError, match="invalid_scope"):
        make_client().connect(scope=journals)


def test_an_older_custom_connection_has_broad_scopes(make_client):
    app = make_client("legacy_custom")
    token = app.exchange(
        grant_type="client_credentials", scope="accounting.transactions accounting.journals.read"
    ).json()
    assert set(token["scope"].split()) == {"accounting.transactions", "accounting.journals.read"}


def test_a_429_has_no_body_and_three_counts(client, sandbox_server):
    sandbox_server.sandbox.limits.enforce, sandbox_server.sandbox.limits.per_minute = True, 0
    answer = client.get("Accounts")
    assert (answer.status_code, answer.content) == (429, b"")
    for name in ("DayLimit", "MinLimit", "AppMinLimit"):
        assert answer.headers[f"x-{name.lower()}-remaining"].isdecimal()


def test_a_wrong_token_is_named_in_the_header(client):
    answer = client.http.get("/api.xro/2.0/Accounts", headers={"Authorization": "Bearer nonsense"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer error=invalid_token")
    assert answer.headers["xero-correlation-id"]


@pytest.mark.parametrize(
    ("setting", "form"),
    [("two_digits", r".*\.\d\d"), ("zulu", r".*\.\d{3}Z"), ("three_digits", r".*\.\d{3}")],
)
@pytest.mark.usefixtures("client")
def test_webhook_bodies_follow_the_switches(sandbox_server, setting, form):
    sent = []

    def accept(_, body, headers):
        sent.append(body)
        return DeliveryAnswer(200 if headers["x-xero-signature"] == sign("key", body) else 401)

    webhooks = sandbox_server.sandbox.webhooks
    webhooks.sender = accept
    webhooks.configure("web", "http://127.0.0.1:9/hook", "key")
    webhooks.prove_intent("web")
    sandbox_server.sandbox.switches.set("webhook_times", setting)
    sandbox_server.sandbox.switches.set("webhook_body", "indented")
    store = sandbox_server.sandbox.store()
    store.edit("Contacts", store.table("Contacts").id(0), {"FirstName": "New"})
    webhooks.deliver_due()
    assert b'\n  "' in sent[-1]
    assert re.fullmatch(form, json.loads(sent[-1])["events"][0]["eventDateUtc"])
