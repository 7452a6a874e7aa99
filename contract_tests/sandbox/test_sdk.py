"""Xero's own SDK, unmodified, connects and reads every list."""

from datetime import date

import pytest

pytest.importorskip("xero_python")
from xero_python.accounting import (
    Account,
    AccountingApi,
    Contact,
    Contacts,
    Invoice,
    Invoices,
    LineItem,
    Payment,
    RequestEmpty,
)
from xero_python.api_client.oauth2 import OAuth2Token
from xero_python.exceptions import AccountingBadRequestException
from xero_python.identity import IdentityApi


def pages(call, tenant, key, **more):
    found, page = [], 1
    while rows := getattr(call(tenant, page=page, page_size=25, **more), key):
        found += rows
        page += 1
    return found


def test_the_sdk_reads_everything(sdk, client, sandbox_server):
    tenants = IdentityApi(sdk, base_url=sandbox_server.url).get_connections()
    tenant = next(t.tenant_id for t in tenants if t.tenant_type == "ORGANISATION")
    assert sdk.held["access_token"] != client.token["access_token"], "it has refreshed"
    api = AccountingApi(sdk, base_url=f"{sandbox_server.url}/api.xro/2.0")
    store = sandbox_server.sandbox.store(tenant)
    assert len(pages(api.get_invoices, tenant, "invoices")) == len(store.table("Invoices"))
    assert len(pages(api.get_contacts, tenant, "contacts", include_archived=True)) == len(store.table("Contacts"))
    assert len(pages(api.get_bank_transactions, tenant, "bank_transactions")) == len(store.table("BankTransactions"))
    assert len(pages(api.get_payments, tenant, "payments")) == len(store.table("Payments"))
    assert len(pages(api.get_credit_notes, tenant, "credit_notes")) == len(store.table("CreditNotes"))
    assert len(api.get_accounts(tenant).accounts) == len(store.table("Accounts"))
    assert api.get_organisations(tenant).organisations[0].base_currency.value == "NZD"
    assert api.get_items(tenant).items
    assert api.get_tax_rates(tenant).tax_rates
    assert api.get_currencies(tenant).currencies
    assert api.get_tracking_categories(tenant).tracking_categories
    assert api.get_branding_themes(tenant).branding_themes
    assert api.get_users(tenant).users
    sales = pages(api.get_invoices, tenant, "invoices", where='Type=="ACCREC"', order="UpdatedDateUTC ASC")
    invoice = api.get_invoice(tenant, sales[0].invoice_id).invoices[0]
    assert float(invoice.total) == float(store.get("Invoices", sales[0].invoice_id)["Total"])
    assert invoice.line_items


def test_the_sdk_revokes_its_token(sdk, client):
    sdk.get_oauth2_token()
    token = OAuth2Token(client_id=client.app["client_id"], client_secret=client.app["client_secret"])
    token.update_token(**sdk.held)
    assert token.revoke_access_token(sdk)
    assert client.refresh(client.token["refresh_token"]).json() == {"error": "invalid_grant"}


def test_the_sdk_writes_documents_and_payments(sdk_api, client, sandbox_server):
    """Contact, invoice, e-mail, payment, void: as an app would, with the SDK's own models."""
    tenant = client.tenant
    sandbox_server.sandbox.switches.set("write_ms_dates", True)  # the only form that the SDK writes
    sandbox_server.sandbox.store(tenant).email_cap = 5
    person = Contact(name="Kererū Café", email_address="till@kereru.example")
    contact = sdk_api.create_contacts(tenant, Contacts(contacts=[person])).contacts[0]
    assert contact.contact_id
    line = LineItem(description="Beans", quantity=2, unit_amount=32.95, account_code="200")
    asked = [
        Invoice(
            type="ACCREC", contact=Contact(contact_id=contact.contact_id), line_items=[line],
            date=date(2026, 10, 1), due_date=date(2026, 10, 31), status="AUTHORISED", reference=reference,
        )
        for reference in ("one", "two")
    ]  # fmt: skip
    made = sdk_api.create_invoices(tenant, Invoices(invoices=asked), summarize_errors=True).invoices
    assert [float(invoice.total) for invoice in made] == [75.79, 75.79]
    sdk_api.email_invoice(tenant, made[0].invoice_id, request_empty=RequestEmpty())
    sent = sdk_api.get_invoice(tenant, made[0].invoice_id).invoices[0]
    assert sent.sent_to_contact
    bank = next(a for a in sdk_api.get_accounts(tenant, where='Type=="BANK"').accounts if a.code == "090")
    paid = sdk_api.create_payment(
        tenant,
        Payment(
            invoice=Invoice(invoice_id=made[0].invoice_id), account=Account(account_id=bank.account_id),
            date=date(2026, 10, 15), amount=75.79,
        ),
    ).payments[0]  # fmt: skip
    assert paid.payment_type == "ACCRECPAYMENT"
    assert sdk_api.get_invoice(tenant, made[0].invoice_id).invoices[0].status == "PAID"
    voided = sdk_api.update_invoice(tenant, made[1].invoice_id, Invoices(invoices=[Invoice(status="VOIDED")])).invoices[
        0
    ]
    assert voided.status == "VOIDED"
    assert sdk_api.get_online_invoice(tenant, made[0].invoice_id).online_invoices[0].online_invoice_url
    assert sdk_api.get_invoice_history(tenant, made[0].invoice_id).history_records
    with pytest.raises(AccountingBadRequestException) as refused:
        sdk_api.create_contacts(tenant, Contacts(contacts=[person]))
    assert "already assigned" in str(refused.value)
