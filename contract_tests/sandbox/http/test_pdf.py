"""Documents as PDF: by the Accept header, or by the address."""

import re

import pytest


@pytest.mark.xero_sandbox(invoices=20, seed=7, limits=False, books="wild")
@pytest.mark.parametrize("name", ["Invoices", "CreditNotes", "Quotes", "PurchaseOrders"])
def test_a_document_is_a_pdf(name, client, sandbox_store):
    table = sandbox_store.table(name)
    path = f"{name}/{table.id(table.by_id[0])}"
    answers = [client.get(path, {"Accept": "application/pdf"}), client.get(f"{path}/pdf")]
    for answer in answers:
        assert answer.headers["content-type"] == "application/pdf"
        body = answer.content
        start = int(re.search(rb"startxref\n(\d+)\n", body)[1])
        assert body[start:].startswith(b"xref")
        for number, offset in enumerate(re.findall(rb"(\d{10}) 00000 n", body), 1):
            assert body[int(offset) :].startswith(b"%d 0 obj" % number)
    assert client.get(f"{name}/00000000-0000-0000-0000-000000000001/pdf").status_code == 404


def test_other_rows_have_no_pdf(client, customer):
    path = f"Contacts/{customer['ContactID']}"
    assert client.get(f"{path}/pdf").status_code == 404
    assert client.get(path, {"Accept": "application/pdf"}).headers["content-type"].startswith("text/xml")
