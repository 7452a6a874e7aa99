"""Parameters by which Xero selects rows of quotes, purchase orders and linked transactions, instead of `where`."""

import datetime as dt
from collections.abc import Iterator, Mapping

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.queries.filter_language import Comparison, Condition, QueryError, TextMethod

_CONTAINS = "contains"
_DATED = {"status": ("Status", "=="), "datefrom": ("Date", ">="), "dateto": ("Date", "<=")}
# of each endpoint: parameter in lower case, field and comparison
_PARAMETERS: dict[str, dict[str, tuple[str, str]]] = {
    "PurchaseOrders": _DATED,
    "Quotes": _DATED
    | {
        "contactid": ("Contact.ContactID", "=="),
        "expirydatefrom": ("ExpiryDate", ">="),
        "expirydateto": ("ExpiryDate", "<="),
        "quotenumber": ("QuoteNumber", _CONTAINS),
    },
    "LinkedTransactions": {
        "linkedtransactionid": ("LinkedTransactionID", "=="),
        "sourcetransactionid": ("SourceTransactionID", "=="),
        "targettransactionid": ("TargetTransactionID", "=="),
        "contactid": ("ContactID", "=="),
        "status": ("Status", "=="),
    },
}


def parameter_conditions(endpoint: str, lower_params: Mapping[str, str]) -> Iterator[Condition]:
    """Yield the conditions of a request's own parameters.

    Raises:
        QueryError: A date is none.
    """
    for name, (field, comparison) in _PARAMETERS.get(endpoint, {}).items():
        text = lower_params.get(name, "").strip()
        if not text:
            continue
        if comparison == _CONTAINS:
            yield TextMethod(field, _CONTAINS, text)
        else:
            yield Comparison(field, comparison, _day(text) if "Date" in field else text)


def _day(text: str) -> int:
    try:
        day = dt.date.fromisoformat(text[:10])
    except ValueError:
        raise QueryError(f"'{text}' is not a date") from None
    return xero_json.day_ms(day.year, day.month, day.day)
