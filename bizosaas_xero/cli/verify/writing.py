"""The assumptions that only writing decides; for a Demo Company alone, which Xero resets every 28 days."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bizosaas_xero.cli import reasons
from bizosaas_xero.cli.verify.caller import Answer, Caller
from bizosaas_xero.cli.verify.findings import Findings

_OK = 200
_REFUSED = 400
_BODY_BYTES = 3_600_000
_ZERO_ID = "00000000-0000-0000-0000-000000000000"


def require_demo_company(xero: Caller) -> None:
    """Refuse every organisation but a Demo Company.

    Raises:
        Invalid: This is a real organisation, or Xero did not say what it is.
    """
    rows = xero.get("Organisation").rows("Organisations")
    if not rows or rows[0].get("IsDemoCompany") is not True:
        raise reasons.NOT_A_DEMO_COMPANY.field("write")


def write(xero: Caller, found: Findings, now: datetime, mark: str) -> None:
    """Make every writing call, and delete or void what can be.

    Args:
        xero: The calls.
        found: Where the findings are noted.
        now: The time.
        mark: A word that makes the names new.

    Raises:
        OutOfCalls: The calls are used up.
    """
    day = now.astimezone(UTC).date().isoformat()
    _batch_of_two(xero, found, mark)
    contact = _first(xero.write("PUT", "Contacts", {"Name": f"Verify {mark}"}), "Contacts").get("ContactID")
    if contact is None:
        return
    bank = xero.get("Accounts", where='Type=="BANK" AND Status=="ACTIVE"').rows("Accounts")
    sales = xero.get("Accounts", where='Type=="REVENUE" AND Status=="ACTIVE"').rows("Accounts")
    spent = xero.get("Accounts", where='Type=="EXPENSE" AND Status=="ACTIVE"').rows("Accounts")
    if not (bank and sales and spent):
        return
    line = {"Description": "Verify", "Quantity": 1, "UnitAmount": 10, "AccountCode": sales[0]["Code"]}
    document: dict[str, Any] = {"Contact": {"ContactID": contact}, "Date": day, "LineItems": [line]}
    invoice = _invoice(xero, found, document, now)
    if invoice:
        _allocation(xero, found, document, invoice)
        _batch_payment(xero, found, invoice, bank[0]["AccountID"], day)
        xero.write("POST", f"Invoices/{invoice}", {"Status": "VOIDED"})
    cost = {**line, "AccountCode": spent[0]["Code"]}
    _reconciled(xero, found, {**document, "LineItems": [cost]}, bank[0]["AccountID"])
    answer = xero.write("POST", "Contacts", b'{"Contacts":"' + b"x" * _BODY_BYTES + b'"}')
    found.decide("body_cap", 3_500_000 if answer.status == 413 else 10_000_000)  # noqa: PLR2004 (HTTP)
    xero.write("POST", f"Contacts/{contact}", {"ContactStatus": "ARCHIVED"})


def _first(answer: Answer, name: str) -> dict[str, Any]:
    return next(iter(answer.rows(name)), {})


def _batch_of_two(xero: Caller, found: Findings, mark: str) -> None:
    good = f"Verify batch {mark}"
    answer = xero.write(
        "PUT", "Contacts", {"Contacts": [{"Name": good}, {"Name": "Bad", "EmailAddress": "no address"}]}
    )
    elements = answer.body.get("Elements") if isinstance(answer.body, dict) else None
    if answer.status != _REFUSED or not elements:
        found.seen["a batch with one wrong element"] = answer.status
        return
    wrong = next((each for each in elements if each.get("ValidationErrors")), elements[0])
    found.decide("refused_ids", "zero" if wrong.get("ContactID") in {_ZERO_ID, None} else "invented")
    made = xero.get("Contacts", where=f'Name=="{good}"', page=1).rows("Contacts")
    found.decide("partial_batch", bool(made))
    if made:
        xero.write("POST", f"Contacts/{made[0]['ContactID']}", {"ContactStatus": "ARCHIVED"})


def _invoice(xero: Caller, found: Findings, document: dict[str, Any], now: datetime) -> str | None:
    """Make an invoice whose date is spelled as Xero's SDK does."""
    element = {"Type": "ACCREC", "Status": "AUTHORISED", "DueDate": document["Date"], **document}
    spelled = {**element, "Date": f"/Date({int(now.timestamp()) * 1000}+0000)/"}
    answer = xero.write("PUT", "Invoices", spelled)
    if answer.status in {_OK, _REFUSED}:
        found.decide("write_ms_dates", answer.status == _OK)
    if answer.status != _OK:
        answer = xero.write("PUT", "Invoices", element)
    return _first(answer, "Invoices").get("InvoiceID")


def _allocation(xero: Caller, found: Findings, document: dict[str, Any], invoice: str) -> None:
    note = {"Type": "ACCRECCREDIT", "Status": "AUTHORISED", **document}
    note["LineItems"] = [{**document["LineItems"][0], "UnitAmount": 1}]
    made = _first(xero.write("PUT", "CreditNotes", note), "CreditNotes").get("CreditNoteID")
    before = _first(xero.get(f"Invoices/{invoice}"), "Invoices").get("UpdatedDateUTC")
    if not made or not before:
        return
    part = {"Amount": 1, "Date": document["Date"], "Invoice": {"InvoiceID": invoice}}
    answer = xero.write("PUT", f"CreditNotes/{made}/Allocations", {"Allocations": [part]})
    after = _first(xero.get(f"Invoices/{invoice}"), "Invoices").get("UpdatedDateUTC")
    if answer.status == _OK:
        found.decide("allocation_moves_stamp", before != after)
    for each in _first(xero.get(f"CreditNotes/{made}"), "CreditNotes").get("Allocations") or ():
        xero.call(
            "DELETE", f"{xero.settings.api_url}/api.xro/2.0/CreditNotes/{made}/Allocations/{each['AllocationID']}", {}
        )
    xero.write("POST", f"CreditNotes/{made}", {"Status": "VOIDED"})


def _batch_payment(xero: Caller, found: Findings, invoice: str, account: str, day: str) -> None:
    batch = {"Account": {"AccountID": account}, "Date": day,
             "Payments": [{"Invoice": {"InvoiceID": invoice}, "Amount": 1}]}  # fmt: skip
    made = _first(xero.write("PUT", "BatchPayments", {"BatchPayments": [batch]}), "BatchPayments").get("BatchPaymentID")
    if made:
        element = {"BatchPaymentID": made, "Status": "DELETED"}
        answer = xero.write("POST", "BatchPayments", {"BatchPayments": [element]})
        found.decide("batch_delete", "allowed" if answer.status == _OK else "refused")


def _reconciled(xero: Caller, found: Findings, document: dict[str, Any], account: str) -> None:
    element = {"Type": "SPEND", "BankAccount": {"AccountID": account}, "IsReconciled": True, **document}
    row = _first(xero.write("PUT", "BankTransactions", element), "BankTransactions")
    if row.get("IsReconciled") is not True:
        return
    path = f"BankTransactions/{row['BankTransactionID']}"
    answer = xero.write("POST", path, {"BankTransactionID": row["BankTransactionID"], "Status": "DELETED"})
    found.decide("reconciled_delete", "allowed" if answer.status == _OK else "refused")
