"""The events of webhooks: one for each change of a row, with no more of the row than Xero sends."""

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.xero_json import Row

# entity: its event category, and the fields of the row that events add under `data`
CATEGORIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "Contacts": ("CONTACT", ()),
    "Invoices": ("INVOICE", ()),
    "CreditNotes": ("CREDITNOTE", ("Type", "Status")),
    "Prepayments": ("PREPAYMENT", ("Type", "Status", "UpdatedDateUTCString")),
    "Overpayments": ("OVERPAYMENT", ("Type", "Status", "UpdatedDateUTCString")),
    "Payments": ("PAYMENT", ()),
}
DEFAULT_CATEGORIES = ("CONTACT", "INVOICE")  # the newer categories must be configured
# the fields of an invoice that a payment changes
_PAYMENT_FIELDS = {"AmountDue", "AmountPaid", "FullyPaidOnDate", "Payments", "Status", "UpdatedDateUTC",
         "UpdatedDateUTCString"}  # fmt: skip


def event_time(ms: int, layout: str) -> str:
    """Return the time of an event in one of the layouts that Xero was seen to send."""
    digits = f"{ms % 1000 // 10:02d}" if layout == "two_digits" else f"{ms % 1000:03d}"
    return f"{xero_json.iso_second(ms)[:-1]}.{digits}{'Z' if layout == 'zulu' else ''}"


def is_payment(before: Row | None, after: Row) -> bool:
    """Return whether an invoice changed by a payment alone."""
    if before is None:
        return False
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    return "AmountPaid" in changed and changed <= _PAYMENT_FIELDS


def make_event(base_url: str, tenant: str, entity: str, guid: str, row: Row, time: str, *, new: bool) -> Row:
    """Return the event of a new or changed row."""
    category, extra = CATEGORIES[entity]
    event: Row = {
        "resourceUrl": f"{base_url}/api.xro/2.0/{entity}/{guid}",
        "resourceId": guid,
        "tenantId": tenant,
        "tenantType": "ORGANISATION",
        "eventCategory": category,
        "eventType": "CREATE" if new else "UPDATE",
        "eventDateUtc": time,
    }
    data = {name: row[name] for name in extra if name in row}
    return event | {"data": data} if data else event
