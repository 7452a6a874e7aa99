"""Writing contacts: PUT refuses a name that exists, POST updates whoever has it."""

import re
from collections.abc import Mapping
from typing import Any

from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.ledger.ledger import ZERO
from bizosaas_xero.sandbox.writes import values
from bizosaas_xero.sandbox.writes.unit_of_work import MissingError, RefusedError, Work

_TEXTS = {
    "Name": 255, "FirstName": 255, "LastName": 255, "EmailAddress": 255, "ContactNumber": 50,
    "AccountNumber": 50, "TaxNumber": 50, "CompanyNumber": 50, "Website": 255, "SkypeUserName": 255,
    "BankAccountDetails": 255, "AccountsReceivableTaxType": 50, "AccountsPayableTaxType": 50,
    "SalesDefaultAccountCode": 10, "PurchasesDefaultAccountCode": 10,
}  # fmt: skip
_ADDRESS = {"AddressLine1": 500, "AddressLine2": 500, "AddressLine3": 500, "AddressLine4": 500, "City": 255,
            "Region": 255, "PostalCode": 50, "Country": 50, "AttentionTo": 255}  # fmt: skip
_PHONE = {"PhoneNumber": 50, "PhoneAreaCode": 10, "PhoneCountryCode": 20}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_MOST_PERSONS = 5
_IDENTIFY = (
    "The Contact must contain at least 1 of the following elements to identify the contact: "
    "Name, ContactID, ContactNumber"
)


def save(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None = None) -> str:
    """Create a contact, or update it when `create` is not insisted on, and return its id."""
    old = _existing(work, given, create=create, key=key)
    row = old or _new(work)
    for name, longest in _TEXTS.items():
        if name in given:
            row[name] = values.text(work, given, name, longest)
    row["Name"] = str(row.get("Name") or "").strip()
    if not row["Name"]:
        work.problems.append(_IDENTIFY if not given.get("ContactNumber") else "The contact name cannot be empty.")
    if row.get("EmailAddress") and not _EMAIL.fullmatch(row["EmailAddress"]):
        work.problems.append("Email address must be valid.")
    _status(work, given, row)
    _unique(work, row)
    _lists(work, given, row)
    if given.get("DefaultCurrency"):
        row["DefaultCurrency"] = currency(work, given, "DefaultCurrency")
    for name in ("PaymentTerms", "DiscountPercentage"):
        if given.get(name):
            row[name] = given[name]
    work.refuse_if_wrong()
    work.put("Contacts", row)
    work.note("Contacts", row["ContactID"], "Edited" if old else "Created", "")
    return str(row["ContactID"])


def _existing(work: Work, given: Mapping[str, Any], *, create: bool, key: str | None) -> Row | None:
    if key is not None:
        row = work.get("Contacts", key) or next(iter(work.find("Contacts", "ContactNumber", key)), None)
        if row is None:
            raise MissingError(key)
        return row
    guid, number = str(given.get("ContactID") or "").lower(), str(given.get("ContactNumber") or "")
    if guid and guid != values.ZERO_ID:
        row = work.get("Contacts", guid)
        if row is None:
            raise RefusedError("The contact with the specified contact details has been archived or does not exist")
        if create:
            raise RefusedError("A contact with the specified ContactID already exists.")
        return row
    found = [row for row in work.find("Contacts", "ContactNumber", number) if number]
    if found and create:
        raise RefusedError(
            f"The contact number {number} is already assigned to another contact."
            " The contact number must be unique across all contacts."
        )
    if found:
        return found[0]
    named = _active(work, str(given.get("Name") or ""))
    if named and create:
        raise RefusedError(_taken(str(given["Name"])))
    return named[0] if named else None


def _active(work: Work, name: str) -> list[Row]:
    found = work.find("Contacts", "Name", name) if name.strip() else []
    return [row for row in found if row["ContactStatus"] == "ACTIVE"]


def _taken(name: str) -> str:
    return (
        f"The contact name {name} is already assigned to another contact. "
        "The contact name must be unique across all active contacts."
    )


def _new(work: Work) -> Row:
    return {
        "ContactID": work.id(),
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


def _status(work: Work, given: Mapping[str, Any], row: Row) -> None:
    status = str(given.get("ContactStatus") or row["ContactStatus"]).upper()
    if status not in {"ACTIVE", "ARCHIVED"}:
        work.problems.append(f"The ContactStatus '{status}' is not valid.")
    row["ContactStatus"] = status


def _unique(work: Work, row: Row) -> None:
    if row["ContactStatus"] != "ACTIVE":
        return
    for other in _active(work, row["Name"]):
        if other["ContactID"] != row["ContactID"]:
            work.problems.append(_taken(row["Name"]))
            return


def _lists(work: Work, given: Mapping[str, Any], row: Row) -> None:
    if "Addresses" in given:
        row["Addresses"] = _by_kind(work, given, row["Addresses"], "Addresses", "AddressType", _ADDRESS)
    if "Phones" in given:
        row["Phones"] = _by_kind(work, given, row["Phones"], "Phones", "PhoneType", _PHONE)
    if "ContactPersons" in given:
        persons = values.parts(given, "ContactPersons")
        if len(persons) > _MOST_PERSONS:
            work.problems.append("A contact can have at most 5 contact persons.")
        row["ContactPersons"] = [
            {
                **{name: str(p.get(name) or "") for name in ("FirstName", "LastName", "EmailAddress")},
                "IncludeInEmails": values.flag(p, "IncludeInEmails"),
            }
            for p in persons
        ]


def _by_kind(
    work: Work, given: Mapping[str, Any], old: list[Row], name: str, kind: str, fields: Mapping[str, int]
) -> list[Row]:
    made = {row[kind]: row for row in old}
    for sent in values.parts(given, name):
        which = str(sent.get(kind) or "")
        if which not in made and not (kind == "AddressType" and which == "DELIVERY"):
            work.problems.append(f"The {kind} '{which}' is not valid.")
            continue
        # a kind that is sent is replaced whole
        made[which] = {kind: which} | {f: values.text(work, sent, f, most) for f, most in fields.items() if f in sent}
    return list(made.values())


def of_document(work: Work, given: Mapping[str, Any], *, required: bool = True) -> Row | None:
    """Return the contact inside a document.

    Only a ContactID leaves the contact as it is. Any other field changes it, drops contact persons that are
    not listed, and a name nobody has makes a new contact: that is how Xero reads a document's contact.
    """
    sent = values.part(given, "Contact")
    guid = str(sent.get("ContactID") or "").lower()
    if not any(sent.get(name) for name in ("ContactID", "ContactNumber", "Name")):
        if required:
            work.problems.append("A Contact must be specified for this type of transaction")
        return None
    if guid and guid != values.ZERO_ID and work.get("Contacts", guid) is None:
        work.problems.append("The contact with the specified contact details has been archived or does not exist")
        return None
    changes = {name: value for name, value in sent.items() if name in _TEXTS or name in _LISTS}
    if set(changes) - {"ContactNumber"} or not guid:
        known = _existing(work, sent, create=False, key=None)
        persons: Row = {} if known is None or list(changes) == ["Name"] else {"ContactPersons": []}
        if known is None or any(known.get(name) != value for name, value in changes.items()):
            guid = save(work, {"ContactID": guid, **persons, **changes}, create=False)
        else:
            guid = known["ContactID"]
    row = work.get("Contacts", guid)
    if row is None or row["ContactStatus"] != "ACTIVE":
        work.problems.append("The contact with the specified contact details has been archived or does not exist")
        return None
    return row


_LISTS = {"Addresses", "Phones", "ContactPersons"}


def stub(contact: Row) -> Row:
    """Return a contact as it stands inside a document."""
    return {
        "ContactID": contact["ContactID"],
        "Name": contact["Name"],
        "Addresses": [],
        "Phones": [],
        "ContactGroups": [],
        "ContactPersons": [],
        "HasValidationErrors": False,
    }


def currency(work: Work, given: Mapping[str, Any], name: str = "CurrencyCode", default: str = "") -> str:
    """Return the currency asked for; the organisation must have it."""
    code = str(given.get(name) or default or work.books.currency).upper()
    if work.get("Currencies", code) is None:
        work.problems.append(f"Organisation is not subscribed to currency {code}")
    return code


def owe(work: Work, contact_id: str, *, sales: bool, due: object, overdue: object) -> None:
    """Change what a contact owes or is owed; Xero does not move the contact's stamp for it."""
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
