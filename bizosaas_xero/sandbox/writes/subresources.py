"""Subresources of a row: e-mail, online invoice, history, allocations, tracking options; and actions."""

from collections.abc import Callable, Mapping
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.guids import digest
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.queries.endpoints import Endpoint
from bizosaas_xero.sandbox.writes import allocations, chart_of_accounts, request_bodies
from bizosaas_xero.sandbox.writes.dispatch import JSON, WriteAnswer, WriteRequest, not_found_answer, refusal_answer
from bizosaas_xero.sandbox.writes.unit_of_work import NotFoundError, RefusedError, UnitOfWork

_MAILABLE = {"SUBMITTED", "AUTHORISED", "PAID"}
_MAX_NOTE_CHARS = 2500
_NUMBER_FIELDS = {"Invoices": "InvoiceNumber", "CreditNotes": "CreditNoteNumber", "Contacts": "ContactNumber",
            "Items": "Code"}  # fmt: skip
ACTIONS = (
    "CreateApprovedInvoice", "CreateApprovedBill", "CreateDraftInvoice", "CreateDraftBill",
    "CreateInvoicePayment", "UseMulticurrency", "AttachFilesIntoInvoice", "CreateDraftPurchaseOrder",
    "CreateApprovedPurchaseOrder", "CreateDraftQuote", "CreateSentQuote", "CreateRepeatingInvoice",
    "CreateRepeatingBill",
)  # fmt: skip


def get_row(work: UnitOfWork, endpoint: Endpoint, key: str) -> Row:
    """Return the row of an address, by id or number.

    Raises:
        NotFoundError: No row has it.
    """
    row = work.get(endpoint.name, key)
    name = _NUMBER_FIELDS.get(endpoint.name)
    if row is None and name:
        row = next(iter(work.find(endpoint.name, name, key)), None)
    if row is None:
        raise NotFoundError(key)
    return row


def answer_subresource(  # noqa: PLR0911 - one return a refusal
    work: UnitOfWork, endpoint: Endpoint, request: WriteRequest, head: Row, part: str, part_key: str | None
) -> WriteAnswer:
    """Answer a request for a subresource."""
    spec = _HANDLERS.get(part.lower(), {})
    entities, act = spec.get((request.method, part_key is not None), ((), _not_supported))
    if not spec or (entities and endpoint.name not in entities):
        return not_found_answer()
    if act is _not_supported:
        return 405, "text/plain; charset=utf-8", b"The HTTP method is not supported for this resource"
    try:
        elements = request_bodies.parse_elements(request.body, request.content_type, _PLURALS.get(part.lower(), part))
        work.begin()
        rows = act(work, endpoint, str(request.key), elements, part_key)
        work.commit()
    except request_bodies.BodyError as error:
        return refusal_answer(14, "PostDataInvalidException", str(error))
    except NotFoundError:
        return not_found_answer()
    except RefusedError as error:
        problems = [{"Message": text} for text in error.messages]
        echo = xero_json.normalise({**(elements[0] if elements else {}), "ValidationErrors": problems})
        return refusal_answer(10, "ValidationException", "A validation exception occurred", [echo])
    if rows is None:
        return 204, "", b""
    if isinstance(rows, dict):
        return 200, JSON, xero_json.render(xero_json.normalise({**head, **rows})).encode()
    plural = _PLURALS.get(part.lower(), part)
    return (
        200,
        JSON,
        xero_json.envelope(head, plural, [xero_json.row_text(xero_json.normalise(row)).encode() for row in rows]),
    )


def _not_supported(*_: Any) -> list[Row] | None:
    return None


def _send_email(work: UnitOfWork, endpoint: Endpoint, key: str, *_: Any) -> None:
    """Send an invoice to its contact: the answer is a 204; only `SentToContact` changes."""
    row = get_row(work, endpoint, key)
    if row["Type"] != "ACCREC" or row["Status"] not in _MAILABLE:
        raise RefusedError("Only submitted, approved and paid sales invoices can be emailed.")
    contact = work.get("Contacts", row["Contact"]["ContactID"]) or {}
    persons = [p for p in contact.get("ContactPersons", ()) if p.get("IncludeInEmails")]
    addresses = [x["EmailAddress"] for x in (contact, *persons) if x.get("EmailAddress")]
    if not contact.get("EmailAddress"):
        raise RefusedError("The contact of this invoice has no email address.")
    books, today = work.books, work.books.today()
    if books.emailed.get(today, 0) >= books.email_cap:
        raise RefusedError(f"The daily limit of {books.email_cap} emails of this organisation is reached.")
    books.emailed[today] = books.emailed.get(today, 0) + 1
    row["SentToContact"] = True
    # on a part-paid invoice SentToContact does not move the timestamp: one of Xero's blind spots
    work.put("Invoices", row, blind=bool(row["AmountPaid"]) and row["Status"] != "PAID")
    work.add_note(
        "Invoices", row["InvoiceID"], "Invoice sent", f"{row['InvoiceNumber']} emailed to {', '.join(addresses)}"
    )


def _online_invoice(work: UnitOfWork, endpoint: Endpoint, key: str, *_: Any) -> list[Row]:
    row = get_row(work, endpoint, key)
    if row["Type"] != "ACCREC" or row["Status"] in {"DRAFT", "SUBMITTED", "DELETED", "VOIDED"}:
        raise RefusedError("An online invoice is available for approved sales invoices only.")
    return [{"OnlineInvoiceUrl": f"https://in.sandbox.example/{digest(row['InvoiceID'], 'online'):x}"[:64]}]


def _read_history(work: UnitOfWork, endpoint: Endpoint, key: str, *_: Any) -> list[Row]:
    guid = get_row(work, endpoint, key)[endpoint.id_field]
    return list(reversed(work.books.history.get((endpoint.name, guid), [])))


def _add_note(work: UnitOfWork, endpoint: Endpoint, key: str, elements: list[Row], _: str | None) -> list[Row]:
    guid = get_row(work, endpoint, key)[endpoint.id_field]
    details = [str(item.get("Details") or "") for item in elements]
    if not details or not all(details) or any(len(text) > _MAX_NOTE_CHARS for text in details):
        raise RefusedError(f"Details must have between 1 and {_MAX_NOTE_CHARS} characters.")
    add = work.books.add_history  # a note is permanent, and names no user
    return [add(endpoint.name, guid, "Note", text, "System Generated") for text in details]


def _allocate(work: UnitOfWork, endpoint: Endpoint, key: str, elements: list[Row], _: str | None) -> list[Row]:
    if not elements:
        raise RefusedError("At least one allocation must be specified.")
    return [allocations.allocate(work, endpoint.name, key, element) for element in elements]


def _delete_allocation(work: UnitOfWork, endpoint: Endpoint, key: str, _: list[Row], guid: str | None) -> Row:
    return allocations.delete_allocation(work, endpoint.name, key, str(guid))


def _add_options(work: UnitOfWork, _: Endpoint, key: str, elements: list[Row], __: str | None) -> list[Row]:
    return [chart_of_accounts.save_option(work, key, element) for element in elements]


def _change_option(work: UnitOfWork, _: Endpoint, key: str, elements: list[Row], guid: str | None) -> list[Row]:
    return [chart_of_accounts.save_option(work, key, element, guid) for element in elements]


def _delete_option(work: UnitOfWork, _: Endpoint, key: str, __: list[Row], guid: str | None) -> list[Row]:
    return [chart_of_accounts.delete_option(work, key, str(guid))]


_Handler = Callable[[UnitOfWork, Endpoint, str, list[Row], str | None], list[Row] | Row | None]
_CREDITS = ("CreditNotes", "Prepayments", "Overpayments")
_INVOICES = ("Invoices",)
_WITH_HISTORY = ("Invoices", "CreditNotes", "Contacts", "Payments", "BatchPayments", "BankTransactions",
         "BankTransfers", "ManualJournals", "Items", "Prepayments", "Overpayments",
         "Quotes", "PurchaseOrders", "RepeatingInvoices")  # fmt: skip
_TRACKING = ("TrackingCategories",)
# part: method and whether the address has an id after it: the endpoints, and the handler
_HANDLERS: Mapping[str, Mapping[tuple[str, bool], tuple[tuple[str, ...], _Handler]]] = {
    "email": {("POST", False): (_INVOICES, _send_email)},
    "onlineinvoice": {("GET", False): (_INVOICES, _online_invoice)},
    "history": {("GET", False): (_WITH_HISTORY, _read_history), ("PUT", False): (_WITH_HISTORY, _add_note)},
    "allocations": {("PUT", False): (_CREDITS, _allocate), ("DELETE", True): (_CREDITS, _delete_allocation)},
    "options": {
        ("PUT", False): (_TRACKING, _add_options),
        ("POST", True): (_TRACKING, _change_option),
        ("DELETE", True): (_TRACKING, _delete_option),
    },
}
_PLURALS = {"history": "HistoryRecords", "onlineinvoice": "OnlineInvoices", "allocations": "Allocations",
            "options": "Options"}  # fmt: skip


def organisation_actions(work: UnitOfWork, head: Row) -> WriteAnswer:
    """Return the actions that are allowed in this organisation (`/Organisation/Actions`)."""
    several = len(list(work.iter_rows("Currencies"))) > 1
    refused = set() if several else {"UseMulticurrency"}
    rows = [{"Name": name, "Status": "NOT-ALLOWED" if name in refused else "ALLOWED"} for name in ACTIONS]
    return 200, JSON, xero_json.envelope(head, "Actions", [xero_json.row_text(row).encode() for row in rows])
