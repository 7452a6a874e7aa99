"""What hangs below a row: e-mail, online address, history, allocations, tracking options; and actions."""

from collections.abc import Callable, Mapping
from typing import Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.guids import digest
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.queries.endpoints import Endpoint
from bizosaas_xero.sandbox.writes import allocations, chart_of_accounts, request_bodies
from bizosaas_xero.sandbox.writes.dispatch import JSON, Answer, Asked, not_found, refusal
from bizosaas_xero.sandbox.writes.unit_of_work import MissingError, RefusedError, Work

_MAILABLE = {"SUBMITTED", "AUTHORISED", "PAID"}
_LONGEST_NOTE = 2500
_NUMBERS = {"Invoices": "InvoiceNumber", "CreditNotes": "CreditNoteNumber", "Contacts": "ContactNumber",
            "Items": "Code"}  # fmt: skip
ACTIONS = (
    "CreateApprovedInvoice", "CreateApprovedBill", "CreateDraftInvoice", "CreateDraftBill",
    "CreateInvoicePayment", "UseMulticurrency", "AttachFilesIntoInvoice", "CreateDraftPurchaseOrder",
    "CreateApprovedPurchaseOrder", "CreateDraftQuote", "CreateSentQuote", "CreateRepeatingInvoice",
    "CreateRepeatingBill",
)  # fmt: skip


def row_of(work: Work, endpoint: Endpoint, key: str) -> Row:
    """Return the row that an address names, by id or number.

    Raises:
        MissingError: There is none.
    """
    row = work.get(endpoint.name, key)
    name = _NUMBERS.get(endpoint.name)
    if row is None and name:
        row = next(iter(work.find(endpoint.name, name, key)), None)
    if row is None:
        raise MissingError(key)
    return row


def answer(  # noqa: PLR0911 - one return a refusal
    work: Work, endpoint: Endpoint, asked: Asked, head: Row, part: str, part_key: str | None
) -> Answer:
    """Answer a request for a part of a row."""
    spec = _PARTS.get(part.lower(), {})
    entities, act = spec.get((asked.method, part_key is not None), ((), _nothing))
    if not spec or (entities and endpoint.name not in entities):
        return not_found()
    if act is _nothing:
        return 405, "text/plain; charset=utf-8", b"The HTTP method is not supported for this resource"
    try:
        given = request_bodies.elements(asked.body, asked.content_type, _PLURALS.get(part.lower(), part))
        work.begin()
        rows = act(work, endpoint, str(asked.key), given, part_key)
        work.commit()
    except request_bodies.BodyError as error:
        return refusal(14, "PostDataInvalidException", str(error))
    except MissingError:
        return not_found()
    except RefusedError as error:
        problems = [{"Message": text} for text in error.messages]
        echo = xero_json.normalise({**(given[0] if given else {}), "ValidationErrors": problems})
        return refusal(10, "ValidationException", "A validation exception occurred", [echo])
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


def _nothing(*_: Any) -> list[Row] | None:
    return None


def _email(work: Work, endpoint: Endpoint, key: str, *_: Any) -> None:
    """Send an invoice to its contact: 204; nothing says more than that, and `SentToContact`."""
    row = row_of(work, endpoint, key)
    if row["Type"] != "ACCREC" or row["Status"] not in _MAILABLE:
        raise RefusedError("Only submitted, approved and paid sales invoices can be emailed.")
    contact = work.get("Contacts", row["Contact"]["ContactID"]) or {}
    persons = [p for p in contact.get("ContactPersons", ()) if p.get("IncludeInEmails")]
    to = [x["EmailAddress"] for x in (contact, *persons) if x.get("EmailAddress")]
    if not contact.get("EmailAddress"):
        raise RefusedError("The contact of this invoice has no email address.")
    books, today = work.books, work.books.today()
    if books.emailed.get(today, 0) >= books.email_cap:
        raise RefusedError(f"The daily limit of {books.email_cap} emails of this organisation is reached.")
    books.emailed[today] = books.emailed.get(today, 0) + 1
    row["SentToContact"] = True
    # with something paid, SentToContact does not move the stamp: one of Xero's blind spots
    work.put("Invoices", row, blind=bool(row["AmountPaid"]) and row["Status"] != "PAID")
    work.note("Invoices", row["InvoiceID"], "Invoice sent", f"{row['InvoiceNumber']} emailed to {', '.join(to)}")


def _online(work: Work, endpoint: Endpoint, key: str, *_: Any) -> list[Row]:
    row = row_of(work, endpoint, key)
    if row["Type"] != "ACCREC" or row["Status"] in {"DRAFT", "SUBMITTED", "DELETED", "VOIDED"}:
        raise RefusedError("An online invoice is available for approved sales invoices only.")
    return [{"OnlineInvoiceUrl": f"https://in.sandbox.example/{digest(row['InvoiceID'], 'online'):x}"[:64]}]


def _history(work: Work, endpoint: Endpoint, key: str, *_: Any) -> list[Row]:
    guid = row_of(work, endpoint, key)[endpoint.id_field]
    return list(reversed(work.books.history.get((endpoint.name, guid), [])))


def _note(work: Work, endpoint: Endpoint, key: str, given: list[Row], _: str | None) -> list[Row]:
    guid = row_of(work, endpoint, key)[endpoint.id_field]
    details = [str(item.get("Details") or "") for item in given]
    if not details or not all(details) or any(len(text) > _LONGEST_NOTE for text in details):
        raise RefusedError(f"Details must have between 1 and {_LONGEST_NOTE} characters.")
    add = work.books.add_history  # a note is permanent, and shows no person
    return [add(endpoint.name, guid, "Note", text, "System Generated") for text in details]


def _allocate(work: Work, endpoint: Endpoint, key: str, given: list[Row], _: str | None) -> list[Row]:
    if not given:
        raise RefusedError("At least one allocation must be specified.")
    return [allocations.allocate(work, endpoint.name, key, element) for element in given]


def _take_back(work: Work, endpoint: Endpoint, key: str, _: list[Row], guid: str | None) -> Row:
    return allocations.take_back(work, endpoint.name, key, str(guid))


def _add_options(work: Work, _: Endpoint, key: str, given: list[Row], __: str | None) -> list[Row]:
    return [chart_of_accounts.save_option(work, key, element) for element in given]


def _change_option(work: Work, _: Endpoint, key: str, given: list[Row], guid: str | None) -> list[Row]:
    return [chart_of_accounts.save_option(work, key, element, guid) for element in given]


def _delete_option(work: Work, _: Endpoint, key: str, __: list[Row], guid: str | None) -> list[Row]:
    return [chart_of_accounts.delete_option(work, key, str(guid))]


_Act = Callable[[Work, Endpoint, str, list[Row], str | None], list[Row] | Row | None]
_CREDITS = ("CreditNotes", "Prepayments", "Overpayments")
_INVOICES = ("Invoices",)
_KEPT = ("Invoices", "CreditNotes", "Contacts", "Payments", "BatchPayments", "BankTransactions",
         "BankTransfers", "ManualJournals", "Items", "Prepayments", "Overpayments")  # fmt: skip
_TRACKING = ("TrackingCategories",)
# part: method and whether the address goes on with an id: for which endpoints, and what is done
_PARTS: Mapping[str, Mapping[tuple[str, bool], tuple[tuple[str, ...], _Act]]] = {
    "email": {("POST", False): (_INVOICES, _email)},
    "onlineinvoice": {("GET", False): (_INVOICES, _online)},
    "history": {("GET", False): (_KEPT, _history), ("PUT", False): (_KEPT, _note)},
    "allocations": {("PUT", False): (_CREDITS, _allocate), ("DELETE", True): (_CREDITS, _take_back)},
    "options": {
        ("PUT", False): (_TRACKING, _add_options),
        ("POST", True): (_TRACKING, _change_option),
        ("DELETE", True): (_TRACKING, _delete_option),
    },
}
_PLURALS = {"history": "HistoryRecords", "onlineinvoice": "OnlineInvoices", "allocations": "Allocations",
            "options": "Options"}  # fmt: skip


def actions(work: Work, head: Row) -> Answer:
    """Return what this organisation may do (`/Organisation/Actions`)."""
    several = len(list(work.every("Currencies"))) > 1
    refused = set() if several else {"UseMulticurrency"}
    rows = [{"Name": name, "Status": "NOT-ALLOWED" if name in refused else "ALLOWED"} for name in ACTIONS]
    return 200, JSON, xero_json.envelope(head, "Actions", [xero_json.row_text(row).encode() for row in rows])
