"""Writing contacts: PUT refuses a name that exists, POST updates the contact that has it."""

import re
from collections.abc import Mapping
from typing import Any

from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.posting import ZERO
from bizosaas_xero.sandbox.writes import values
from bizosaas_xero.sandbox.writes.unit_of_work import NotFoundError, RefusedError, UnitOfWork

_TEXT_FIELDS = {
    "Name": 255, "FirstName": 255, "LastName": 255, "EmailAddress": 255, "ContactNumber": 50,
    "AccountNumber": 50, "TaxNumber": 50, "CompanyNumber": 50, "Website": 255, "SkypeUserName": 255,
    "BankAccountDetails": 255, "AccountsReceivableTaxType": 50, "AccountsPayableTaxType": 50,
    "SalesDefaultAccountCode": 10, "PurchasesDefaultAccountCode": 10,
}  # fmt: skip
_ADDRESS_FIELDS = {"AddressLine1": 500, "AddressLine2": 500, "AddressLine3": 500, "AddressLine4": 500, "City": 255,
            "Region": 255, "PostalCode": 50, "Country": 50, "AttentionTo": 255}  # fmt: skip
_DEFAULT_KINDS = {"PhoneType": "DEFAULT", "AddressType": "POBOX"}  # of an entry without its kind
_PHONE_FIELDS = {"PhoneNumber": 50, "PhoneAreaCode": 10, "PhoneCountryCode": 20}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_MAX_PERSONS = 5
_IDENTIFY_MESSAGE = (
    "The Contact must contain at least 1 of the following elements to identify the contact: "
    "Name, ContactID, ContactNumber"
)


def save_contact(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create a contact, or update it unless `create` is set, and return its id."""
    old = _find_existing(work, element, create=create, key=key)
    row = old or _new_row(work)
    for name, max_chars in _TEXT_FIELDS.items():
        if name in element:
            row[name] = values.parse_text(work, element, name, max_chars)
    row["Name"] = str(row.get("Name") or "").strip()
    if not row["Name"]:
        work.problems.append(
            _IDENTIFY_MESSAGE if not element.get("ContactNumber") else "The contact name cannot be empty."
        )
    if row.get("EmailAddress") and not _EMAIL.fullmatch(row["EmailAddress"]):
        work.problems.append("Email address must be valid.")
    _set_status(work, element, row)
    _check_unique_name(work, row)
    _set_lists(work, element, row)
    if element.get("DefaultCurrency"):
        row["DefaultCurrency"] = check_currency(work, element, "DefaultCurrency")
    for name in ("PaymentTerms", "DiscountPercentage"):
        if element.get(name):
            row[name] = element[name]
    work.raise_problems()
    work.put("Contacts", row)
    work.add_note("Contacts", row["ContactID"], "Edited" if old else "Created", "")
    return str(row["ContactID"])


def _find_existing(work: UnitOfWork, element: Mapping[str, Any], *, create: bool, key: str | None) -> Row | None:
    if key is not None:
        row = work.get("Contacts", key) or next(iter(work.find("Contacts", "ContactNumber", key)), None)
        if row is None:
            raise NotFoundError(key)
        return row
    guid, number = str(element.get("ContactID") or "").lower(), str(element.get("ContactNumber") or "")
    if guid and guid != values.ZERO_ID:
        row = work.get("Contacts", guid)
        if row is None:
            raise RefusedError("The contact with the specified contact details has been archived or does not exist")
        if create:
            raise RefusedError("A contact with the specified ContactID already exists.")
        return row
    numbered = [row for row in work.find("Contacts", "ContactNumber", number) if number]
    if numbered and create:
        raise RefusedError(
            f"The contact number {number} is already assigned to another contact."
            " The contact number must be unique across all contacts."
        )
    if numbered:
        return numbered[0]
    named = _find_active(work, str(element.get("Name") or ""))
    if named and create:
        raise RefusedError(_name_taken_message(str(element["Name"])))
    return named[0] if named else None


def _find_active(work: UnitOfWork, name: str) -> list[Row]:
    namesakes = work.find("Contacts", "Name", name) if name.strip() else []
    return [row for row in namesakes if row["ContactStatus"] == "ACTIVE"]


def _name_taken_message(name: str) -> str:
    return (
        f"The contact name {name} is already assigned to another contact. "
        "The contact name must be unique across all active contacts."
    )


def _new_row(work: UnitOfWork) -> Row:
    return {
        "ContactID": work.new_id(),
        "ContactStatus": "ACTIVE",
        "Name": "",
        "FirstName": "",
        "LastName": "",
        "EmailAddress": "",
        "BankAccountDetails": "",
        "Addresses": [
            {"AddressType": kind, "City": "", "Region": "", "PostalCode": "", "Country": ""}
            for kind in ("STREET", "POBOX")
        ],
        "Phones": [
            {"PhoneType": kind, "PhoneNumber": "", "PhoneAreaCode": "", "PhoneCountryCode": ""}
            for kind in ("DDI", "DEFAULT", "FAX", "MOBILE")
        ],
        "ContactGroups": [],
        "IsSupplier": False,
        "IsCustomer": False,
        "ContactPersons": [],
        "HasAttachments": False,
        "HasValidationErrors": False,
    }


def _set_status(work: UnitOfWork, element: Mapping[str, Any], row: Row) -> None:
    status = str(element.get("ContactStatus") or row["ContactStatus"]).upper()
    if status not in {"ACTIVE", "ARCHIVED"}:
        work.problems.append(f"The ContactStatus '{status}' is not valid.")
    row["ContactStatus"] = status


def _check_unique_name(work: UnitOfWork, row: Row) -> None:
    if row["ContactStatus"] != "ACTIVE":
        return
    for other in _find_active(work, row["Name"]):
        if other["ContactID"] != row["ContactID"]:
            work.problems.append(_name_taken_message(row["Name"]))
            return


def _set_lists(work: UnitOfWork, element: Mapping[str, Any], row: Row) -> None:
    if "Addresses" in element:
        row["Addresses"] = _merge_by_kind(work, element, row["Addresses"], "Addresses", "AddressType", _ADDRESS_FIELDS)
    if "Phones" in element:
        row["Phones"] = _merge_by_kind(work, element, row["Phones"], "Phones", "PhoneType", _PHONE_FIELDS)
    if "ContactPersons" in element:
        persons = values.children(element, "ContactPersons")
        if len(persons) > _MAX_PERSONS:
            work.problems.append("A contact can have at most 5 contact persons.")
        row["ContactPersons"] = [
            {
                **{name: str(p.get(name) or "") for name in ("FirstName", "LastName", "EmailAddress")},
                "IncludeInEmails": values.parse_flag(p, "IncludeInEmails"),
            }
            for p in persons
        ]


def _merge_by_kind(
    work: UnitOfWork, element: Mapping[str, Any], old: list[Row], name: str, kind: str, fields: Mapping[str, int]
) -> list[Row]:
    by_kind = {row[kind]: row for row in old}
    for part in values.children(element, name):
        kind_value = str(part.get(kind) or _DEFAULT_KINDS[kind])
        if kind_value not in by_kind and not (kind == "AddressType" and kind_value == "DELIVERY"):
            work.problems.append(f"The {kind} '{kind_value}' is not valid.")
            continue
        # an entry of the same kind is replaced
        by_kind[kind_value] = {kind: kind_value} | {
            f: values.parse_text(work, part, f, max_chars) for f, max_chars in fields.items() if f in part
        }
    return list(by_kind.values())


def resolve_document_contact(work: UnitOfWork, element: Mapping[str, Any], *, required: bool = True) -> Row | None:
    """Return the contact inside a document.

    Only a ContactID leaves the contact as it is. Any other field changes it, drops contact persons that are
    not listed; an unknown name creates a contact. That is how Xero reads a document's contact.
    """
    part = values.child(element, "Contact")
    guid = str(part.get("ContactID") or "").lower()
    if not any(part.get(name) for name in ("ContactID", "ContactNumber", "Name")):
        if required:
            work.problems.append("A Contact must be specified for this type of transaction")
        return None
    if guid and guid != values.ZERO_ID and work.get("Contacts", guid) is None:
        work.problems.append("The contact with the specified contact details has been archived or does not exist")
        return None
    changes = {name: value for name, value in part.items() if name in _TEXT_FIELDS or name in _LIST_FIELDS}
    if set(changes) - {"ContactNumber"} or not guid:
        existing = _find_existing(work, part, create=False, key=None)
        persons: Row = {} if existing is None or list(changes) == ["Name"] else {"ContactPersons": []}
        if existing is None or any(existing.get(name) != value for name, value in changes.items()):
            guid = save_contact(work, {"ContactID": guid, **persons, **changes}, create=False)
        else:
            guid = existing["ContactID"]
    row = work.get("Contacts", guid)
    if row is None or row["ContactStatus"] != "ACTIVE":
        work.problems.append("The contact with the specified contact details has been archived or does not exist")
        return None
    return row


_LIST_FIELDS = {"Addresses", "Phones", "ContactPersons"}


def contact_stub(contact: Row) -> Row:
    """Return a contact as part of a document."""
    return {
        "ContactID": contact["ContactID"],
        "Name": contact["Name"],
        "Addresses": [],
        "Phones": [],
        "ContactGroups": [],
        "ContactPersons": [],
        "HasValidationErrors": False,
    }


def check_currency(work: UnitOfWork, element: Mapping[str, Any], name: str = "CurrencyCode", default: str = "") -> str:
    """Return the currency of an element; the organisation must have it."""
    code = str(element.get(name) or default or work.books.currency).upper()
    if work.get("Currencies", code) is None:
        work.problems.append(f"Organisation is not subscribed to currency {code}")
    return code


def change_balance(work: UnitOfWork, contact_id: str, *, sales: bool, due: object, overdue: object) -> None:
    """Change the balances of a contact; Xero does not move the contact's timestamp for it."""
    row = work.get("Contacts", contact_id)
    if row is None:
        return
    row["IsCustomer" if sales else "IsSupplier"] = True
    balances = row.setdefault("Balances", {})
    for side in ("AccountsReceivable", "AccountsPayable"):
        balances.setdefault(side, {"Outstanding": ZERO, "Overdue": ZERO})
    side = balances["AccountsReceivable" if sales else "AccountsPayable"]
    side["Outstanding"] += due
    side["Overdue"] += overdue
    work.put("Contacts", row, blind=True)
