"""Books without documents, into which a test writes documents as an app writes them."""

from __future__ import annotations

from datetime import timedelta

import httpx

from bizosaas_xero import plugin
from bizosaas_xero.sandbox import serve
from contract_tests.helpers.xero_account import Account

TABLES = ("Invoices", "Payments", "CreditNotes", "BankTransactions", "Prepayments", "Overpayments")


class WrittenBook:
    """One organisation of a sandbox, its documents deleted."""

    def __init__(self, box):
        self.box = box
        self.account = Account(box).connect()
        store = box.sandbox.store(self.account.organisation_id)
        for entity in TABLES:
            table = store.table(entity)
            for guid in [table.id(slot) for slot in table.by_id]:
                table.delete(guid)
        self.today = self.run("get_organisation").data["today"]
        self.url = f"{self.account.settings['api_url']}/api.xro/2.0/"

    def run(self, action, **params):
        return plugin.run_action(self.account.connection(), action, params, {})

    def day(self, ago):
        return self.today - timedelta(ago)

    def write(self, path, body):
        headers = {
            "Authorization": f"Bearer {self.account.grant['access_token']}",
            "Xero-Tenant-Id": self.account.organisation_id,
            "Accept": "application/json",
        }
        answer = httpx.put(self.url + path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return next(rows for rows in answer.json().values() if isinstance(rows, list))[0]

    def contact(self, name):
        return {"ContactID": self.write("Contacts", {"Name": name})["ContactID"]}

    def document(self, kind, who, amount, ago, due=None, status="AUTHORISED", **more):
        body = {
            "Type": kind, "Contact": who, "Date": f"{self.day(ago)}", "Status": status,
            "LineAmountTypes": "NoTax",
            "LineItems": [{"Description": "x", "UnitAmount": amount, "AccountCode": "200"}], **more,
        }  # fmt: skip
        if due is not None:
            body["DueDate"] = f"{self.day(due)}"
        return self.write("CreditNotes" if kind.endswith("CREDIT") else "Invoices", body)

    def void(self, invoice):
        return self.write_over(f"Invoices/{invoice['InvoiceID']}", {"Status": "VOIDED"})

    def write_over(self, path, body):
        headers = {
            "Authorization": f"Bearer {self.account.grant['access_token']}",
            "Xero-Tenant-Id": self.account.organisation_id,
            "Accept": "application/json",
        }
        answer = httpx.post(self.url + path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text

    def change(self, guid, **fields):
        """Change an invoice behind the back of the rules, and return what it was."""
        store = self.box.sandbox.store(self.account.organisation_id)
        row = store.get("Invoices", guid)
        before = {name: row[name] for name in fields}
        store.put("Invoices", {**row, **fields})
        return before

    def pay(self, invoice, amount, ago, **more):
        body = {
            "Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Account": {"Code": "090"}, "Amount": amount,
            "Date": f"{self.day(ago)}", **more,
        }  # fmt: skip
        return self.write("Payments", body)

    def in_advance(self, kind, who, amount, ago, bank="090", **more):
        code = {} if kind.endswith("OVERPAYMENT") else {"AccountCode": "620"}
        body = {
            "Type": kind, "Contact": who, "BankAccount": {"Code": bank}, "Date": f"{self.day(ago)}",
            "LineAmountTypes": "NoTax", "LineItems": [{"Description": "x", "UnitAmount": amount, **code}],
            **more,
        }  # fmt: skip
        made = self.write("BankTransactions", body)
        return made.get("OverpaymentID") or made["PrepaymentID"]

    def allocate(self, entity, key, invoice, amount, ago):
        body = {"Invoice": {"InvoiceID": invoice["InvoiceID"]}, "Amount": amount, "Date": f"{self.day(ago)}"}
        self.write(f"{entity}/{key}/Allocations", {"Allocations": [body]})


def serve_empty():
    """Serve a sandbox for a book."""
    return serve(invoices=30, seed=5, limits=False)
