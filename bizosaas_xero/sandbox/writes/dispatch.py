"""Writes: which handler a request means, what comes of each element, and how the answer looks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.queries.endpoints import Endpoint, shape
from bizosaas_xero.sandbox.writes import (
    bank_transactions,
    chart_of_accounts,
    contacts,
    documents,
    manual_journals,
    payments,
    request_bodies,
)
from bizosaas_xero.sandbox.writes.unit_of_work import MissingError, RefusedError, Work
from bizosaas_xero.sandbox.writes.values import ZERO_ID

Answer = tuple[int, str, bytes]
JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"
MOST_ELEMENTS = 500


class Saver(Protocol):
    """Creates or updates one element and returns its id."""

    def __call__(self, work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
        """Create or update.

        Args:
            work: What the request wants to change.
            given: The element.
            create: PUT: it must be new.
            key: The id or number in the address.
        """


@dataclass(frozen=True)
class Writer:
    """How an endpoint is written.

    Attributes:
        save: Creates or updates one element.
        verbs: The methods it takes without and with an id in the address.
        single: Takes one element a request.
    """

    save: Saver
    verbs: tuple[str, str] = ("PUT POST", "POST")
    single: bool = False


WRITERS: dict[str, Writer] = {
    "Contacts": Writer(contacts.save),
    "Invoices": Writer(documents.save_invoice),
    "CreditNotes": Writer(documents.save_credit_note),
    "Payments": Writer(payments.save),
    "BatchPayments": Writer(payments.save_batch),
    "BankTransactions": Writer(bank_transactions.save),
    "BankTransfers": Writer(bank_transactions.save_transfer),
    "ManualJournals": Writer(manual_journals.save),
    "Accounts": Writer(chart_of_accounts.save_account, ("PUT", "POST"), single=True),
    "Items": Writer(chart_of_accounts.save_item),
    "TaxRates": Writer(chart_of_accounts.save_tax_rate, single=True),
    "Currencies": Writer(chart_of_accounts.save_currency, ("PUT", ""), single=True),
    "TrackingCategories": Writer(chart_of_accounts.save_category, ("PUT", "POST"), single=True),
}
DELETERS: dict[str, Callable[[Work, str], Row | None]] = {
    "Accounts": chart_of_accounts.delete_account,
    "Items": chart_of_accounts.delete_item,
    "TrackingCategories": chart_of_accounts.delete_category,
}


@dataclass(frozen=True)
class Asked:
    """A write as it came in."""

    method: str
    key: str | None
    body: bytes
    content_type: str
    summarise: bool


def refusal(number: int, kind: str, message: str, elements: list[Row] | None = None) -> Answer:
    """Return a 400 in Xero's shape."""
    body: Row = {"ErrorNumber": number, "Type": kind, "Message": message}
    if elements is not None:
        body["Elements"] = elements
    return 400, JSON, xero_json.render(body).encode()


def not_found() -> Answer:
    """Return Xero's 404, which is HTML."""
    return 404, HTML, b"The resource you're looking for cannot be found"


def write(  # noqa: PLR0911 - one return a refusal
    work: Work, endpoint: Endpoint, asked: Asked, head: Row
) -> Answer:
    """Do a write: all of it or, for elements that are refused, nothing of them."""
    deleter = DELETERS.get(endpoint.name)
    if asked.method == "DELETE" and deleter is not None and asked.key is not None:
        return delete(work, endpoint, asked.key, head, deleter)
    writer = WRITERS.get(endpoint.name)
    if writer is None or asked.method not in writer.verbs[asked.key is not None].split():
        return 405, "text/plain; charset=utf-8", b"The HTTP method is not supported for this resource"
    try:
        given = request_bodies.elements(asked.body, asked.content_type, endpoint.key)
    except request_bodies.BodyError as error:
        return refusal(14, "PostDataInvalidException", str(error))
    if not given:
        return refusal(
            17, "NoDataProcessedException",
            "No data has been processed for this endpoint. "
            f"This endpoint is expecting {endpoint.key} data to be specified in the request body.",
        )  # fmt: skip
    if writer.single and len(given) > 1:
        return refusal(10, "ValidationException", f"Only one of {endpoint.key} can be written at a time.", [])
    if len(given) > MOST_ELEMENTS:
        return refusal(10, "ValidationException", f"At most {MOST_ELEMENTS} elements can be written at a time.", [])
    return run(work, endpoint, given, asked, head, writer.save)


def delete(work: Work, endpoint: Endpoint, key: str, head: Row, deleter: Callable[[Work, str], Row | None]) -> Answer:
    """Remove a row for good."""
    work.begin()
    try:
        row = deleter(work, key)
    except MissingError:
        return not_found()
    except RefusedError as error:
        problems = [{"Message": text} for text in error.messages]
        echo: Row = {endpoint.id_field: key, "ValidationErrors": problems}
        return refusal(10, "ValidationException", "A validation exception occurred", [echo])
    work.commit()
    if row is None:
        return 204, "", b""
    return 200, JSON, xero_json.envelope(head, endpoint.key, [xero_json.row_text(row).encode()])


def run(work: Work, endpoint: Endpoint, given: list[Row], asked: Asked, head: Row, save: Saver) -> Answer:
    """Write each element, then answer for all of them."""
    done: list[tuple[str | None, list[str], list[str]]] = []
    for element in given:
        point = work.begin()
        try:
            guid = save(work, element, create=asked.method == "PUT", key=asked.key)
            done.append((guid, [], work.warnings))
        except MissingError:
            return not_found()
        except RefusedError as error:
            work.back(point)
            done.append((None, list(error.messages), []))
    failed = any(problems for _, problems, _ in done)
    if failed and asked.summarise:
        wrong = [
            _echo(endpoint, element, problems)
            for element, (_, problems, _) in zip(given, done, strict=True)
            if problems
        ]
        return refusal(10, "ValidationException", "A validation exception occurred", wrong)
    work.commit()
    form = shape(endpoint, "full", places=work.who.places)
    rows = []
    for element, (written, problems, warnings) in zip(given, done, strict=True):
        row = (
            _echo(endpoint, element, problems)
            if written is None
            else dict(form(work.books.look(endpoint.name, written)))
        )
        if not asked.summarise:
            row = {**row, "StatusAttributeString": "ERROR" if problems else "WARNING" if warnings else "OK"}
        if warnings:
            row["Warnings"] = [{"Message": text} for text in warnings]
        rows.append(xero_json.row_text(row).encode())
    return 200, JSON, xero_json.envelope(head, endpoint.key, rows)


def _echo(endpoint: Endpoint, element: Row, problems: list[str]) -> Row:
    """Return a refused element as it came, with what is wrong with it."""
    row: Row = xero_json.normalise({**element, endpoint.id_field: element.get(endpoint.id_field) or ZERO_ID})
    if "LineItems" in element and isinstance(element["LineItems"], list):
        row["LineItems"] = [{**line, "ValidationErrors": []} for line in row["LineItems"] if isinstance(line, dict)]
    if "HasErrors" in row or endpoint.name in _FLAGGED:
        row["HasErrors"] = True
    return row | {"HasValidationErrors": True, "ValidationErrors": [{"Message": text} for text in problems]}


_FLAGGED = {"Invoices", "CreditNotes"}
