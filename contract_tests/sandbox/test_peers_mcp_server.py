"""Xero's MCP server, unmodified, signs in as installed, and each of its tools does what it says.

It asks for scopes of payroll too, and signs in anew at each call: first with the scopes of old apps, then, when those
are refused, with those of new ones. It is installed into pytest's cache, once, or `XERO_MCP_SERVER` names its folder.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from contract_tests.helpers.xero_hosts import install

pytestmark = [pytest.mark.slow, pytest.mark.xero_sandbox(invoices=60, seed=7, limits=False, books="wild")]

VERSION = "0.0.17"
PACKAGE = "@xeroapi/xero-mcp-server"
GUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
PAYROLL = re.compile("timesheet|payroll")
LINE = {"description": "Work", "quantity": 2, "unitAmount": 50, "accountCode": "200", "taxType": "OUTPUT2"}


class McpServer:
    """The server as a process that speaks JSON-RPC over its pipes."""

    def __init__(self, folder, environment, app):
        credentials = {"XERO_CLIENT_ID": app["client_id"], "XERO_CLIENT_SECRET": app["client_secret"]}
        self.called, self._next = set(), 0
        self._process = subprocess.Popen(  # noqa: S603 - what was installed
            ["node", str(folder / "dist" / "index.js")],  # noqa: S607 - the Node of this machine
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment, **credentials},
        )  # fmt: skip

    def __enter__(self):
        about = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
        self.ask("initialize", **about)
        self._send({"method": "notifications/initialized"})
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.terminate()
        self._process.wait(30)
        self._process.stdout.close()

    def _send(self, message):
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._process.stdin.flush()

    def ask(self, method, **params):
        self._next += 1
        self._send({"id": self._next, "method": method, "params": params})
        while True:
            answer = json.loads(self._process.stdout.readline())
            if answer.get("id") == self._next:
                return answer["result"]

    def tool(self, name, /, **arguments):
        """Call a tool; return its text, which must tell of no error."""
        text = self.tool_text(name, **arguments)
        assert "rror" not in text.splitlines()[0], text
        return text

    def tool_text(self, name, /, **arguments):
        self.called.add(name)
        answer = self.ask("tools/call", name=name, arguments=arguments)
        return "\n".join(part["text"] for part in answer["content"])


@pytest.fixture(scope="module")
def mcp_folder(request):
    given = os.environ.get("XERO_MCP_SERVER")
    if given:
        return Path(given)
    folder = install(Path(request.config.cache.mkdir(f"xero-mcp-server-{VERSION}")), f"{PACKAGE}@{VERSION}")
    return folder / "node_modules" / PACKAGE


@pytest.fixture(scope="module")
def mcp(mcp_folder, xero_environment, shared_sandbox_server):
    with McpServer(mcp_folder, xero_environment, shared_sandbox_server.info["apps"]["custom"]) as server:
        yield server


@pytest.fixture(scope="module")
def mcp_buyer(mcp):
    text = mcp.tool("create-contact", name="MCP & Sons", email="m@example.com", phone="123")
    return re.search(GUID, text)[0]


def made(text):
    return re.search(f"ID: ({GUID})", text)[1]


@pytest.mark.parametrize("app", ["custom", "legacy_custom"])
def test_it_signs_in_as_installed(app, mcp_folder, xero_environment, shared_sandbox_server):
    with McpServer(mcp_folder, xero_environment, shared_sandbox_server.info["apps"][app]) as server:
        name = shared_sandbox_server.info["organisations"][0]["name"]
        assert f"Name: {name}" in server.tool("list-organisation-details")


LISTS = {
    "list-accounts": "Accounts", "list-items": "Items", "list-manual-journals": "ManualJournals",
    "list-quotes": "Quotes", "list-tax-rates": "TaxRates", "list-contact-groups": "ContactGroups",
    "list-tracking-categories": "TrackingCategories", "list-credit-notes": "CreditNotes",
}  # fmt: skip


@pytest.mark.parametrize("tool", LISTS)
def test_it_lists(tool, mcp, shared_store):
    archived = {"includeArchived": True} if tool == "list-tracking-categories" else {}
    text = mcp.tool(tool, page=1, **archived)
    number = len(shared_store.table(LISTS[tool]))
    assert number
    assert f"Found {number} " in text


PAGES = {"list-invoices": "Invoices", "list-payments": "Payments", "list-bank-transactions": "BankTransactions"}


@pytest.mark.parametrize("tool", PAGES)
def test_it_lists_ten_rows_a_page(tool, mcp, shared_store):
    number, page, total = 10, 0, 0
    while number == 10:
        page += 1
        number = int(re.match(r"Found (\d+) ", mcp.tool(tool, page=page))[1])
        total += number
    assert total == len(shared_store.table(PAGES[tool]))


def test_it_lists_contacts(mcp, shared_store):
    active = [row for row in shared_store.rows("Contacts") if row["ContactStatus"] == "ACTIVE"]
    assert f"Found {len(active)} contacts" in mcp.tool("list-contacts", page=1)
    assert active[0]["ContactID"] in mcp.tool("list-contacts", searchTerm=active[0]["Name"])


def test_it_selects(mcp, shared_store):
    invoice = next(row for row in shared_store.rows("Invoices") if row["Type"] == "ACCREC" and row["LineItems"])
    assert "Line Items" in mcp.tool("list-invoices", page=1, invoiceNumbers=[invoice["InvoiceNumber"]])
    (quote,) = shared_store.rows("Quotes")
    assert "Found 1 " in mcp.tool("list-quotes", page=1, contactId=quote["Contact"]["ContactID"])
    assert "Found 0 " in mcp.tool("list-quotes", page=1, quoteNumber="no such number")
    paid = next(row for row in shared_store.rows("Payments") if row["PaymentType"] == "ACCRECPAYMENT")
    assert paid["PaymentID"] in mcp.tool("list-payments", invoiceId=paid["Invoice"]["InvoiceID"])
    assert "Found 1 " in mcp.tool("list-payments", paymentId=paid["PaymentID"])
    account = next(shared_store.rows("BankTransactions"))["BankAccount"]["AccountID"]
    assert account in mcp.tool("list-bank-transactions", page=1, bankAccountId=account)


def test_it_reads_reports_and_the_organisation(mcp, shared_store):
    assert "Currency: NZD" in mcp.tool("list-organisation-details")
    contact = next(shared_store.rows("Contacts"))["ContactID"]
    day = {"date": "2026-10-31"}
    assert "Balance Sheet" in mcp.tool("list-report-balance-sheet", **day, periods=2, timeframe="MONTH")
    assert "Trial Balance" in mcp.tool("list-trial-balance", **day)
    assert "Profit and Loss" in mcp.tool("list-profit-and-loss", fromDate="2026-10-01", toDate="2026-10-31")
    assert "Aged Receivables" in mcp.tool("list-aged-receivables-by-contact", contactId=contact)
    assert "Aged Payables" in mcp.tool("list-aged-payables-by-contact", contactId=contact)


def test_it_writes_contacts(mcp, mcp_buyer, shared_store):
    mcp.tool("update-contact", contactId=mcp_buyer, name="MCP & Daughters", phone="456",
             address={"addressLine1": "1 Quay Street"})  # fmt: skip
    assert shared_store.get("Contacts", mcp_buyer)["Name"] == "MCP & Daughters"


def test_it_writes_invoices_and_payments(mcp, mcp_buyer, shared_store):
    text = mcp.tool("create-invoice", contactId=mcp_buyer, type="ACCREC", lineItems=[LINE], reference="R-1")
    assert "Total: 115" in text
    guid = made(text)
    mcp.tool("update-invoice", invoiceId=guid, reference="R-2", dueDate="2027-02-01")
    assert shared_store.get("Invoices", guid)["Reference"] == "R-2"
    due = next(row for row in shared_store.rows("Invoices") if row["Type"] == "ACCREC" and row["Status"] == "AUTHORISED"
               and row["CurrencyCode"] == "NZD")  # fmt: skip
    bank = next(row for row in shared_store.rows("Accounts") if row.get("Code") == "090")["AccountID"]
    mcp.tool("create-payment", invoiceId=due["InvoiceID"], accountId=bank, amount=1, date="2026-11-01")
    assert shared_store.get("Invoices", due["InvoiceID"])["AmountPaid"] == due["AmountPaid"] + 1


def test_it_writes_other_documents(mcp, mcp_buyer, shared_store):
    note = made(mcp.tool("create-credit-note", contactId=mcp_buyer, lineItems=[LINE]))
    mcp.tool("update-credit-note", creditNoteId=note, reference="R")
    assert shared_store.get("CreditNotes", note)["Reference"] == "R"
    quote = made(mcp.tool("create-quote", contactId=mcp_buyer, lineItems=[LINE], title="Work"))
    mcp.tool("update-quote", quoteId=quote, title="More work")
    assert shared_store.get("Quotes", quote)["Title"] == "More work"
    bank = next(row for row in shared_store.rows("Accounts") if row.get("Code") == "090")["AccountID"]
    spent = {**LINE, "accountCode": "429", "taxType": "INPUT2"}
    text = mcp.tool("create-bank-transaction", type="SPEND", bankAccountId=bank, contactId=mcp_buyer, lineItems=[spent])
    mcp.tool("update-bank-transaction", bankTransactionId=made(text), reference="R")
    assert shared_store.get("BankTransactions", made(text))["Reference"] == "R"
    lines = [{"lineAmount": 10, "accountCode": "400"}, {"lineAmount": -10, "accountCode": "404"}]
    journal = made(mcp.tool("create-manual-journal", narration="Wrong account", manualJournalLines=lines))
    mcp.tool("update-manual-journal", narration="Right account", manualJournalID=journal, manualJournalLines=lines)
    assert shared_store.get("ManualJournals", journal)["Narration"] == "Right account"


def test_it_writes_items_and_tracking(mcp, shared_store):
    item = made(mcp.tool("create-item", code="MCP", name="Model"))
    mcp.tool("update-item", itemId=item, code="MCP", name="Context")
    assert shared_store.get("Items", item)["Name"] == "Context"
    category = next(shared_store.rows("TrackingCategories"))["TrackingCategoryID"]
    option = re.search(GUID, mcp.tool("create-tracking-options", trackingCategoryId=category, optionNames=["MCP"]))[0]
    mcp.tool("update-tracking-options", trackingCategoryId=category,
             options=[{"trackingOptionId": option, "name": "Protocol"}])  # fmt: skip
    assert "Protocol" in {each["Name"] for each in shared_store.get("TrackingCategories", category)["Options"]}
    mcp.tool("update-tracking-category", trackingCategoryId=category, name="Where")
    assert shared_store.get("TrackingCategories", category)["Name"] == "Where"
    assert "rror" in mcp.tool_text("create-tracking-category", name="A third"), "two are active: Xero's limit"


def test_it_understands_refusals(mcp, mcp_buyer):
    text = mcp.tool_text(
        "create-invoice", contactId=mcp_buyer, type="ACCREC", lineItems=[{**LINE, "accountCode": "090"}]
    )
    assert text.startswith("Error creating invoice")
    assert mcp.tool_text("list-payroll-employees").startswith("Error"), "no payroll: a 403 with an empty body"


def test_every_tool_is_called_or_of_payroll(mcp):
    """The last test: each tool that is not of payroll was called by the others."""
    names = {tool["name"] for tool in mcp.ask("tools/list")["tools"]}
    assert len(names) == 51
    assert {name for name in names if not PAYROLL.search(name) and "leave" not in name} == {
        name for name in mcp.called if not PAYROLL.search(name)
    }
