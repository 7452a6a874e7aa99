"""Xero's command line, unmodified, logs in through a browser (PKCE), and each of its commands does what it says.

It is installed into pytest's cache, once, or `XERO_CLI` names its folder.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from contract_tests.helpers.xero_hosts import install

pytestmark = [pytest.mark.slow, pytest.mark.xero_sandbox(invoices=60, seed=7, limits=False, books="wild")]

VERSION = "0.0.7"
PACKAGE = "@xeroapi/xero-command-line"
GUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
LINE = ("--description", "Work", "--quantity", 2, "--unit-amount", 50, "--account-code", "200", "--tax-type", "OUTPUT2")
BROWSER = """#!{python}
import json, sys, urllib.request
asked = sys.argv[1].replace("https://login.xero.com", "{url}")
body = json.dumps({{"url": asked}}).encode()
back = json.load(urllib.request.urlopen("{url}/_sandbox/consent", body))["callback_url"]
urllib.request.urlopen(back.replace("localhost", "127.0.0.1")).read()
"""


@pytest.fixture(scope="module")
def cli_folder(request):
    given = os.environ.get("XERO_CLI")
    if given:
        return Path(given)
    folder = install(Path(request.config.cache.mkdir(f"xero-cli-{VERSION}")), f"{PACKAGE}@{VERSION}")
    return folder / "node_modules" / PACKAGE


@pytest.fixture(scope="module")
def xero(cli_folder, shared_sandbox_server, xero_environment, tmp_path_factory):
    """Run a command; returns what it prints. The person is logged in."""
    home = tmp_path_factory.mktemp("home")
    browser = home / "browser"
    browser.write_text(BROWSER.format(python=sys.executable, url=shared_sandbox_server.url))
    browser.chmod(0o755)
    own = {name: value for name, value in os.environ.items() if not name.endswith("DISPLAY")}  # no desktop's browser
    environment = own | xero_environment | {"HOME": str(home), "BROWSER": str(browser), "XERO_KEY_STORAGE": "file"}
    called = set()

    def run(command, *arguments, succeeds=True):
        called.add(command)
        done = subprocess.run(  # noqa: S603 - what was installed
            ["node", str(cli_folder / "bin" / "run.js"), *command.split(), *map(str, arguments)],  # noqa: S607 (found by its name)
            env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert (done.returncode == 0) is succeeds, (command, done.stdout, done.stderr)
        return done.stdout if succeeds else done.stdout + done.stderr

    def run_file(command, data, *arguments):
        (home / "data.json").write_text(json.dumps(data))
        return run(command, "--file", "data.json", *arguments)

    run.file, run.called = run_file, called
    run("profile add", "test", "--client-id", shared_sandbox_server.info["apps"]["pkce"]["client_id"])
    assert "Logged in to " in run("login", "--profile", "test")
    return run


@pytest.fixture(scope="module")
def cli_buyer(xero):
    return made(xero("contacts create", "--name", "CLI & Sons", "--email", "c@example.com", "--phone", "123"))


def made(text):
    return re.search(GUID, text)[0]


WHOLE = {
    "accounts": "Accounts", "currencies": "Currencies", "items": "Items", "tax-rates": "TaxRates",
    "contact-groups": "ContactGroups", "tracking categories": "TrackingCategories", "quotes": "Quotes",
    "credit-notes": "CreditNotes", "manual-journals": "ManualJournals", "bank-transactions": "BankTransactions",
    "payments": "Payments", "invoices": "Invoices", "contacts": "Contacts",
}  # fmt: skip


@pytest.mark.parametrize("topic", WHOLE)
def test_it_lists(topic, xero, shared_store):
    rows = json.loads(xero(f"{topic} list", "--json"))
    table = shared_store.table(WHOLE[topic])
    field = table.id_field[:1].lower() + table.id_field[1:]
    assert rows
    assert {row[field] for row in rows} <= {table.id(slot) for slot in table.by_id}


def test_it_reads_reports_and_the_organisation(xero, shared_store):
    contact = next(shared_store.rows("Contacts"))["ContactID"]
    assert "Demo Company (NZ)" in xero("org details")
    for report in ("balance-sheet", "trial-balance", "profit-and-loss"):
        assert xero(f"reports {report}", "--json").lstrip().startswith(("{", "["))
    for report in ("aged-receivables", "aged-payables"):
        assert "Total" in xero(f"reports {report}", "--contact-id", contact, "--json")


def test_it_writes_contacts(xero, cli_buyer, shared_store):
    xero("contacts update", "--contact-id", cli_buyer, "--name", "CLI & Daughters")
    assert shared_store.get("Contacts", cli_buyer)["Name"] == "CLI & Daughters"


def test_it_writes_invoices_and_payments(xero, cli_buyer, shared_store):
    guid = made(xero("invoices create", "--contact-id", cli_buyer, "--type", "ACCREC", *LINE))
    assert shared_store.get("Invoices", guid)["Total"] == 115
    xero("invoices update", "--invoice-id", guid, "--reference", "R-1", "--due-date", "2027-02-01")
    assert shared_store.get("Invoices", guid)["Reference"] == "R-1"
    due = next(row for row in shared_store.rows("Invoices") if row["Type"] == "ACCREC" and row["Status"] == "AUTHORISED"
               and row["CurrencyCode"] == "NZD")  # fmt: skip
    bank = next(row for row in shared_store.rows("Accounts") if row.get("Code") == "090")["AccountID"]
    xero("payments create", "--invoice-id", due["InvoiceID"], "--account-id", bank, "--amount", 1)
    assert shared_store.get("Invoices", due["InvoiceID"])["AmountPaid"] == due["AmountPaid"] + 1


def test_it_writes_other_documents(xero, cli_buyer, shared_store):
    note = made(xero("credit-notes create", "--contact-id", cli_buyer, *LINE))
    xero("credit-notes update", "--credit-note-id", note, "--reference", "R")
    assert shared_store.get("CreditNotes", note)["Reference"] == "R"
    quote = made(xero("quotes create", "--contact-id", cli_buyer, "--title", "Work", *LINE))
    xero("quotes update", "--quote-id", quote, "--title", "More work")
    assert shared_store.get("Quotes", quote)["Title"] == "More work"
    bank = next(row for row in shared_store.rows("Accounts") if row.get("Code") == "090")["AccountID"]
    spent = (*LINE[:-4], "--account-code", "429", "--tax-type", "INPUT2")
    to = ("--type", "SPEND", "--bank-account-id", bank, "--contact-id", cli_buyer)
    transaction = made(xero("bank-transactions create", *to, *spent))
    xero("bank-transactions update", "--bank-transaction-id", transaction, "--reference", "R")
    assert shared_store.get("BankTransactions", transaction)["Reference"] == "R"
    lines = [{"lineAmount": 10, "accountCode": "400"}, {"lineAmount": -10, "accountCode": "404"}]
    journal = {"narration": "Wrong account", "journalLines": lines, "manualJournalLines": lines}
    guid = made(xero.file("manual-journals create", journal))
    xero.file("manual-journals update", {**journal, "manualJournalID": guid, "narration": "Right account"})
    assert shared_store.get("ManualJournals", guid)["Narration"] == "Right account"


def test_it_writes_settings(xero, shared_store):
    item = made(xero("items create", "--code", "CLI", "--name", "Command", "--sale-price", 4))
    xero("items update", "--item-id", item, "--code", "CLI", "--name", "Line")
    assert shared_store.get("Items", item)["Name"] == "Line"
    account = next(row for row in shared_store.rows("Accounts") if row.get("Code") == "429")["AccountID"]
    xero("accounts update", "--account-id", account, "--description", "All kinds")
    assert shared_store.get("Accounts", account)["Description"] == "All kinds"
    category = next(shared_store.rows("TrackingCategories"))["TrackingCategoryID"]
    xero("tracking options create", "--category-id", category, "--names", "CLI,Other")
    options = {
        each["Name"]: each["TrackingOptionID"] for each in shared_store.get("TrackingCategories", category)["Options"]
    }
    renamed = [{"trackingOptionId": options["CLI"], "name": "Line"}]
    xero.file("tracking options update", {"options": renamed}, "--category-id", category)
    assert "Line" in {each["Name"] for each in shared_store.get("TrackingCategories", category)["Options"]}
    xero("tracking categories update", "--category-id", category, "--name", "Where")
    assert shared_store.get("TrackingCategories", category)["Name"] == "Where"
    xero("tracking categories create", "--name", "A third", succeeds=False)


def test_it_prints_why_xero_refused(xero, cli_buyer):
    wrong = [*LINE[:6], "--account-code", "no such code", "--tax-type", "OUTPUT2"]
    said = xero("invoices create", "--contact-id", cli_buyer, "--type", "ACCREC", *wrong, succeeds=False)
    assert "no such code" in said


def test_it_refreshes_when_the_token_ends_and_logs_out(xero, shared_sandbox_server):
    sandbox = shared_sandbox_server.sandbox
    fault = sandbox.faults.add("expire_token", match={"path": "/Organisation"})
    sandbox.log.clear()
    assert "Demo Company" in xero("org details")
    assert fault.struck == 1
    assert [entry["path"] for entry in sandbox.log].count("/connect/token") == 1
    xero("logout", "--profile", "test")
    assert "login" in xero("org details", succeeds=False)


def test_every_command_is_called(xero, cli_folder):
    """The last test: each command that calls Xero was called by the others."""
    files = (cli_folder / "dist" / "commands").rglob("*.js")
    commands = {" ".join(path.relative_to(cli_folder / "dist" / "commands").with_suffix("").parts) for path in files}
    assert {name for name in commands if not name.startswith("profile") and "attachments" not in name} <= xero.called
