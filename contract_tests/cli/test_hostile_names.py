"""Names with escape sequences, direction overrides and invisible characters, through every command that shows them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\u200b\u034f\u3164\U000e0100"
NAME = f"Blue{HOSTILE}bird"
UNSEEN = sorted(set(HOSTILE) - set("[]0;title2J31m"))

INVOICE = {
    "contact": {"name": "Bluebird", "create": True},
    "lines": [{"description": "Blue\u202e\u3164bird", "quantity": 1, "unit_amount": "1.00", "account": "200"}],
    "value_is": "net",
    "due_date": "2030-12-20",
    "status": "authorised",
}

pytestmark = pytest.mark.xero_sandbox(invoices=40, seed=7, limits=False)


@pytest.fixture
def hostile_books(shared_sandbox_server):
    """Let organisation, contacts, accounts and documents of the sandbox bear a hostile name."""
    box = shared_sandbox_server.sandbox
    box.organisations = (replace(box.organisations[0], name=NAME), *box.organisations[1:])
    store = box.store()
    store.edit("Organisation", store.organisation["OrganisationID"], {"Name": NAME, "LegalName": NAME})
    for entity, field in (("Contacts", "Name"), ("Accounts", "Name"), ("Invoices", "Reference")):
        for row in list(store.rows(entity)):
            store.edit(entity, row[store.table(entity).id_field], {field: f"{NAME} {row.get('Code', '')}"})
    for row in list(store.rows("Invoices")):
        contact = row["Contact"] | {"Name": NAME}
        store.edit("Invoices", row["InvoiceID"], {"Contact": contact, "InvoiceNumber": f"{NAME}{row['InvoiceNumber']}"})
    return store


def commands(folder):
    return [
        ("sync",),
        ("events",),
        ("events", "--json"),
        ("status",),
        ("organisations",),
        ("organisations", "--json"),
        ("doctor",),
        ("configure",),
        ("configure", "--sales-account", NAME),
        ("sync", NAME),
        ("run", "find_invoices"),
        ("run", "create_invoice", "--params", json.dumps(INVOICE), "--as", "sales-agent"),
        ("approve", "--json"),
        ("approve", NAME, "--json"),
        ("export", str(folder / NAME)),
        ("status", f"--{NAME}"),
        ("--log-level", NAME),
        ("disconnect", "--yes"),
    ]


def test_no_command_prints_a_character_of_others_that_cannot_be_seen(hostile_books, in_process_person, tmp_path):
    in_process_person.run("sync", "contacts", "invoices")  # a first read makes no events
    for row in list(hostile_books.rows("Invoices"))[:20]:
        hostile_books.edit("Invoices", row["InvoiceID"], {"Status": "VOIDED"})
    for command in commands(tmp_path):
        done = in_process_person.run(*command)
        printed = done.stdout + done.stderr
        assert "bird" in printed, (command, printed)
        assert not [hex(ord(each)) for each in UNSEEN if each in printed], command
