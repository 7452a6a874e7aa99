"""pyxero, unmodified, signs in and does its usual work."""

import datetime as dt

import pytest

pytest.importorskip("xero")
import xero.auth
from xero import Xero
from xero.auth import OAuth2Credentials
from xero.exceptions import XeroBadRequest, XeroForbidden, XeroNotFound, XeroUnauthorized

from contract_tests.sandbox.reports.test_endpoint import SCOPES as REPORT_SCOPES

SCOPES = (
    "offline_access accounting.settings accounting.contacts accounting.invoices accounting.payments "
    "accounting.banktransactions accounting.manualjournals "
    + " ".join(scope for scope in REPORT_SCOPES.split() if "reports" in scope)
)
CALLBACK = "http://localhost:8742/callback"


@pytest.fixture
def pyxero_credentials(sandbox_server, monkeypatch):
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setattr(xero.auth, "XERO_OAUTH2_AUTHORIZE_URL", f"{sandbox_server.url}/identity/connect/authorize")
    monkeypatch.setattr(xero.auth, "XERO_OAUTH2_TOKEN_URL", f"{sandbox_server.url}/connect/token")
    app = sandbox_server.info["apps"]["web"]
    made = OAuth2Credentials(app["client_id"], app["client_secret"], callback_uri=CALLBACK, scope=SCOPES.split())
    made.base_url = sandbox_server.url
    return made


@pytest.fixture
def connected_pyxero(pyxero_credentials, sandbox_server):
    callback = sandbox_server.sandbox.consent(pyxero_credentials.generate_url())
    pyxero_credentials.verify(callback)
    pyxero_credentials.set_default_tenant()
    return pyxero_credentials


@pytest.fixture
def pyxero_books(connected_pyxero):
    return Xero(connected_pyxero)


def test_pyxero_signs_in_and_refreshes(connected_pyxero, sandbox_server):
    assert connected_pyxero.tenant_id == sandbox_server.info["organisations"][0]["id"]
    before = connected_pyxero.token["access_token"]
    assert not connected_pyxero.expired()
    connected_pyxero.refresh()
    assert connected_pyxero.token["access_token"] != before
    assert Xero(connected_pyxero).accounts.all()


def pages(manager, **more):
    found, page = [], 1
    while rows := manager.filter(page=page, pageSize=50, **more):
        found += rows
        page += 1
    return found


@pytest.mark.parametrize(
    "name", ["Invoices", "Contacts", "BankTransactions", "Payments", "CreditNotes", "Prepayments",
             "Overpayments", "ManualJournals"]
)  # fmt: skip
def test_pyxero_reads_pages(name, pyxero_books, sandbox_server):
    more = {"includeArchived": True} if name == "Contacts" else {}
    rows = pages(getattr(pyxero_books, name.lower()), **more)
    table = sandbox_server.sandbox.store().table(name)
    assert {row[table.id_field] for row in rows} == {table.id(slot) for slot in table.by_id}


@pytest.mark.parametrize(
    "name", ["Accounts", "Items", "TaxRates", "Currencies", "TrackingCategories", "BrandingThemes", "Users",
             "BankTransfers", "BatchPayments", "ContactGroups", "PurchaseOrders", "Quotes",
             "RepeatingInvoices"]
)  # fmt: skip
def test_pyxero_reads_lists(name, pyxero_books, sandbox_server):
    assert len(getattr(pyxero_books, name.lower()).all()) == len(sandbox_server.sandbox.store().table(name))


def test_pyxero_reads_the_organisation(pyxero_books, sandbox_server):
    (organisation,) = pyxero_books.organisations.all()
    assert organisation["Name"] == sandbox_server.info["organisations"][0]["name"]


def test_pyxero_filters_lists(pyxero_books):
    sales = pyxero_books.invoices.filter(Type="ACCREC", Status="AUTHORISED")
    assert sales
    assert {row["Type"] for row in sales} == {"ACCREC"}
    assert isinstance(sales[0]["Date"], dt.datetime)
    one = pyxero_books.invoices.get(sales[0]["InvoiceID"])[0]
    assert one["LineItems"]
    ids = [row["InvoiceID"] for row in sales[:3]]
    # it sends ids without their dashes
    assert {row["InvoiceID"] for row in pyxero_books.invoices.filter(IDs=ids)} == set(ids)
    contact = sales[0]["Contact"]["ContactID"]
    assert pyxero_books.contacts.get(contact)[0]["Name"] == sales[0]["Contact"]["Name"]
    since = dt.date.today() - dt.timedelta(30)  # noqa: DTZ011 - as its users do
    recent = pyxero_books.invoices.filter(raw=f"Date>=DateTime({since.year},{since.month},{since.day})")
    assert all(row["Date"].date() >= since for row in recent)


@pytest.mark.parametrize("report", ["ProfitAndLoss", "BalanceSheet", "TrialBalance", "BankSummary", "ExecutiveSummary"])
def test_pyxero_reads_reports(report, pyxero_books):
    (made,) = pyxero_books.reports.get(report)
    assert made["ReportType"] == report
    assert made["Rows"][0]["RowType"] == "Header"


def test_pyxero_reads_aged_reports(pyxero_books):
    contact = pyxero_books.contacts.all()[0]["ContactID"]
    for report in ("AgedReceivablesByContact", "AgedPayablesByContact"):
        (made,) = pyxero_books.reports.get(report, params={"contactID": contact})
        assert made["ReportType"] == report


def test_pyxero_understands_refusals(pyxero_books, connected_pyxero, sandbox_server):
    with pytest.raises(XeroNotFound):
        pyxero_books.contacts.get("00000000-0000-0000-0000-000000000001")
    with pytest.raises(XeroBadRequest, match="within 365 days"):
        pyxero_books.reports.get("ProfitAndLoss", params={"fromDate": "2020-01-01", "toDate": "2026-01-01"})
    connected_pyxero.tenant_id = sandbox_server.info["organisations"][1]["id"]
    with pytest.raises(XeroForbidden):
        Xero(connected_pyxero).accounts.all()
    sandbox_server.sandbox.clock.advance(1801)
    with pytest.raises(XeroUnauthorized):
        pyxero_books.accounts.all()


def test_pyxero_writes_contacts_invoices_and_payments(pyxero_books, sandbox_server):
    """A contact, an invoice, a payment; and it all shows in the books and in the reports."""
    (contact,) = pyxero_books.contacts.put({"Name": "Peer & Sons", "EmailAddress": "peer@example.com"})
    today = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    (invoice,) = pyxero_books.invoices.put(
        {
            "Type": "ACCREC", "Status": "AUTHORISED", "Contact": {"ContactID": contact["ContactID"]},
            "Date": today, "DueDate": today + dt.timedelta(14), "LineAmountTypes": "Exclusive",
            "LineItems": [
                {"Description": "Work", "Quantity": "2", "UnitAmount": "50.00", "AccountCode": "200"}
            ],
        }
    )  # fmt: skip
    assert (invoice["Status"], invoice["Total"], invoice["AmountDue"]) == ("AUTHORISED", 115, 115)
    sandbox_server.sandbox.store().email_cap = 5  # a demo company sends none
    pyxero_books.invoices.email(invoice["InvoiceID"])
    assert pyxero_books.invoices.get(invoice["InvoiceID"])[0]["SentToContact"] is True
    (payment,) = pyxero_books.payments.put(
        {
            "Invoice": {"InvoiceID": invoice["InvoiceID"]},
            "Account": {"Code": "090"},
            "Date": today,
            "Amount": "115.00",
        }
    )
    (paid,) = pyxero_books.invoices.get(invoice["InvoiceID"])
    assert (paid["Status"], paid["AmountPaid"]) == ("PAID", 115)
    (aged,) = pyxero_books.reports.get("AgedReceivablesByContact", params={"contactID": contact["ContactID"]})
    values = [cell.get("Value", "") for cell in aged["Rows"][2]["Rows"][0]["Cells"]]
    assert values[4:] == ["115.00", "115.00", "0.00", "0.00"]
    pyxero_books.payments.delete(payment["PaymentID"])
    (open_again,) = pyxero_books.invoices.get(invoice["InvoiceID"])
    assert (open_again["Status"], open_again["AmountDue"]) == ("AUTHORISED", 115)
    (renamed,) = pyxero_books.contacts.save({"ContactID": contact["ContactID"], "Name": "Peer & Daughters"})
    assert renamed["Name"] == "Peer & Daughters"
    (gone,) = pyxero_books.invoices.save({"InvoiceID": invoice["InvoiceID"], "Status": "VOIDED"})
    assert gone["Status"] == "VOIDED"
    (aged,) = pyxero_books.reports.get("AgedReceivablesByContact", params={"contactID": contact["ContactID"]})
    assert aged["Rows"][-1]["Rows"][0]["Cells"][-1]["Value"] == "0.00"


def test_pyxero_understands_refused_writes(pyxero_books):
    with pytest.raises(XeroBadRequest) as refused:
        pyxero_books.contacts.put({"Name": ""})
    assert refused.value.errors
