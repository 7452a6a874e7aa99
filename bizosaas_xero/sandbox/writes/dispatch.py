"""Writes: the handler of a request, the result of each element, and the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.queries.dialect import dialect_of
from bizosaas_xero.sandbox.queries.endpoints import Endpoint, row_shaper
from bizosaas_xero.sandbox.queries.single import complete_row
from bizosaas_xero.sandbox.writes import (
    bank_transactions,
    chart_of_accounts,
    contacts,
    documents,
    manual_journals,
    payments,
    quotes,
    request_bodies,
)
from bizosaas_xero.sandbox.writes.unit_of_work import NotFoundError, RefusedError, UnitOfWork
from bizosaas_xero.sandbox.writes.values import ZERO_ID

WriteAnswer = tuple[int, str, bytes]
JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
MAX_ELEMENTS = 500


class Saver(Protocol):
    """Creates or updates one element and returns its id."""

    def __call__(self, work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
        """Create or update.

        Args:
            work: The unit of work of the request.
            element: The element.
            create: PUT: it must be new.
            key: The id or number in the address.
        """


@dataclass(frozen=True)
class Writer:
    """How an endpoint is written.

    Attributes:
        save: Creates or updates one element.
        verbs: The methods it accepts without and with an id in the address.
        single: Accepts one element a request.
    """

    save: Saver
    verbs: tuple[str, str] = ("PUT POST", "POST")
    single: bool = False


WRITERS: dict[str, Writer] = {
    "Contacts": Writer(contacts.save_contact),
    "Invoices": Writer(documents.save_invoice),
    "CreditNotes": Writer(documents.save_credit_note),
    "Payments": Writer(payments.save_payment),
    "BatchPayments": Writer(payments.save_batch),
    "BankTransactions": Writer(bank_transactions.save_bank_transaction),
    "BankTransfers": Writer(bank_transactions.save_transfer),
    "ManualJournals": Writer(manual_journals.save_manual_journal),
    "Quotes": Writer(quotes.save_quote),
    "Accounts": Writer(chart_of_accounts.save_account, ("PUT", "POST"), single=True),
    "Items": Writer(chart_of_accounts.save_item),
    "TaxRates": Writer(chart_of_accounts.save_tax_rate, single=True),
    "Currencies": Writer(chart_of_accounts.save_currency, ("PUT", ""), single=True),
    "TrackingCategories": Writer(chart_of_accounts.save_category, ("PUT", "POST"), single=True),
}
DELETERS: dict[str, Callable[[UnitOfWork, str], Row | None]] = {
    "Accounts": chart_of_accounts.delete_account,
    "Items": chart_of_accounts.delete_item,
    "TrackingCategories": chart_of_accounts.delete_category,
}


@dataclass(frozen=True)
class WriteRequest:
    """A write request."""

    method: str
    key: str | None
    body: bytes
    content_type: str
    summarise: bool


def refusal_answer(number: int, kind: str, message: str, elements: list[Row] | None = None) -> WriteAnswer:
    """Return a 400 in Xero's form."""
    body: Row = {"ErrorNumber": number, "Type": kind, "Message": message}
    if elements is not None:
        body["Elements"] = elements
    return 400, JSON, xero_json.render(body).encode()


def not_found_answer() -> WriteAnswer:
    """Return Xero's 404, which is HTML."""
    return 404, HTML, b"The resource you're looking for cannot be found"


def answer_write(  # noqa: PLR0911 - one return a refusal
    work: UnitOfWork, endpoint: Endpoint, request: WriteRequest, head: Row
) -> WriteAnswer:
    """Answer a write; refused elements change nothing."""
    deleter = DELETERS.get(endpoint.name)
    if request.method == "DELETE" and deleter is not None and request.key is not None:
        return answer_delete(work, endpoint, request.key, head, deleter)
    writer = WRITERS.get(endpoint.name)
    if writer is None or request.method not in writer.verbs[request.key is not None].split():
        return 405, "text/plain; charset=utf-8", b"The HTTP method is not supported for this resource"
    try:
        elements = request_bodies.parse_elements(request.body, request.content_type, endpoint.plural_key)
    except request_bodies.BodyError as error:
        return refusal_answer(14, "PostDataInvalidException", str(error))
    if not elements:
        return refusal_answer(
            17, "NoDataProcessedException",
            "No data has been processed for this endpoint. "
            f"This endpoint is expecting {endpoint.plural_key} data to be specified in the request body.",
        )  # fmt: skip
    if writer.single and len(elements) > 1:
        return refusal_answer(
            10, "ValidationException", f"Only one of {endpoint.plural_key} can be written at a time.", []
        )
    if len(elements) > MAX_ELEMENTS:
        return refusal_answer(
            10, "ValidationException", f"At most {MAX_ELEMENTS} elements can be written at a time.", []
        )
    return write_elements(work, endpoint, elements, request, head, writer.save)


def answer_delete(
    work: UnitOfWork, endpoint: Endpoint, key: str, head: Row, deleter: Callable[[UnitOfWork, str], Row | None]
) -> WriteAnswer:
    """Remove a row."""
    work.begin()
    try:
        row = deleter(work, key)
    except NotFoundError:
        return not_found_answer()
    except RefusedError as error:
        problems = [{"Message": text} for text in error.messages]
        echo: Row = {endpoint.id_field: key, "ValidationErrors": problems}
        return refusal_answer(10, "ValidationException", "A validation exception occurred", [echo])
    work.commit()
    if row is None:
        return 204, "", b""
    return 200, JSON, xero_json.envelope(head, endpoint.plural_key, [xero_json.row_text(row).encode()])


def write_elements(
    work: UnitOfWork, endpoint: Endpoint, elements: list[Row], request: WriteRequest, head: Row, save: Saver
) -> WriteAnswer:
    """Write each element, and answer for all of them."""
    results: list[tuple[str | None, list[str], list[str]]] = []
    for element in elements:
        point = work.begin()
        try:
            guid = save(work, element, create=request.method == "PUT", key=request.key)
            results.append((guid, [], work.warnings))
        except NotFoundError:
            return not_found_answer()
        except RefusedError as error:
            work.roll_back(point)
            results.append((None, list(error.messages), []))
    failed = any(problems for _, problems, _ in results)
    if failed and request.summarise:
        if work.context.switches.partial_batch:
            work.commit()  # the refused elements were rolled back
        wrong = [
            _echo_element(work, endpoint, element, problems)
            for element, (_, problems, _) in zip(elements, results, strict=True)
            if problems
        ]
        return refusal_answer(10, "ValidationException", "A validation exception occurred", wrong)
    work.commit()
    dialect = dialect_of(work.context.switches, work.books)
    form = row_shaper(endpoint, "single", work.context.places, dialect)
    rows = []
    for element, (written, problems, warnings) in zip(elements, results, strict=True):
        row = (
            _echo_element(work, endpoint, element, problems)
            if written is None
            else dict(form(complete_row(work.books, endpoint.name, work.books.peek(endpoint.name, written))))
        )
        if not request.summarise:
            row = {**row, "StatusAttributeString": "ERROR" if problems else "WARNING" if warnings else "OK"}
        if warnings:
            row["Warnings"] = [{"Message": text} for text in warnings]
        rows.append(xero_json.row_text(row).encode())
    return 200, JSON, xero_json.envelope(head, endpoint.plural_key, rows)


def _echo_element(work: UnitOfWork, endpoint: Endpoint, element: Row, problems: list[str]) -> Row:
    """Return a refused element as it was sent, with its problems."""
    guid = element.get(endpoint.id_field)
    if not guid:
        guid = work.new_id() if work.context.switches.refused_ids == "invented" else ZERO_ID
    row: Row = xero_json.normalise({**element, endpoint.id_field: guid})
    if "LineItems" in element and isinstance(element["LineItems"], list):
        row["LineItems"] = [{**line, "ValidationErrors": []} for line in row["LineItems"] if isinstance(line, dict)]
    if "HasErrors" in row or endpoint.name in _HAVE_ERROR_FLAG:
        row["HasErrors"] = True
    return row | {"HasValidationErrors": True, "ValidationErrors": [{"Message": text} for text in problems]}


_HAVE_ERROR_FLAG = {"Invoices", "CreditNotes"}
