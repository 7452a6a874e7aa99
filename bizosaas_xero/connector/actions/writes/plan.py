"""A write before it is done: its steps, their effect on the books, its hash and its mark.

An action that writes describes itself as a :class:`Draft`, computed from the books at the time of the call. A
plan is a draft shown to a person; a commit computes the draft again and continues only if its hash is the same.
:mod:`bizosaas_xero.connector.actions.writes.execute` sends the steps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.connector.actions.models import is_control
from bizosaas_xero.spec.errors import Invalid
from bizosaas_xero.spec.models import Control, Plan

MARK = "{write}"
"""The placeholder in a step for the write's mark, which is not known before the hash is."""

ZERO, ONE = Decimal(0), Decimal(1)

MAX_NOTE_LENGTH = 2500
"""Characters of a History note (Xero's OpenAPI file)."""

_encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode

_MISSING = "{path} is missing: {message}."


def encode_json(body: Any) -> bytes:
    """Encode a body as JSON: always the same bytes, amounts as numbers with their exact digits."""
    return _encode(body)


def make_mark(*parts: str) -> str:
    """Return the mark of a write: short, equal for equal parts, and a hash, so that it reveals nothing."""
    return f"bz-{hashlib.sha256(encode_json(parts)).hexdigest()[:20]}"


@dataclass(frozen=True)
class Write:
    """One intended write: who requested it, and the key under which it is done once.

    Args:
        organisation_id: In whose books.
        action: The action's name.
        business_key: The intent, as the host names it; ``None`` while only a plan is asked for.
        mark: Text in every document that this write makes; by it the document is found again.
        requester: Who requested it.
        approver: Who approved it.
    """

    organisation_id: str
    action: str
    business_key: str | None
    mark: str
    requester: str | None = None
    approver: str | None = None

    @classmethod
    def from_control(cls, organisation_id: str, action: str, control: Control) -> Write:
        """Return the write that a control describes.

        Raises:
            Invalid: The control has no mode, or lacks a key that the mode needs.
        """
        if control.mode is None:
            raise Invalid.field("control.mode", "a write needs `plan`, `commit` or `run`", summary=_MISSING)
        if control.mode == "commit" and not control.plan_hash:
            raise Invalid.field("control.plan_hash", "`commit` needs the hash of the plan", summary=_MISSING)
        if control.mode == "run" and not control.business_key:
            raise Invalid.field(
                "control.business_key", "`run` needs it, so that a repeated call does not write twice", summary=_MISSING
            )
        key = control.business_key or control.plan_hash or ""
        return cls(
            organisation_id=organisation_id,
            action=action,
            business_key=control.business_key,
            mark=make_mark(organisation_id, action, key),
            requester=control.requester,
            approver=control.approver,
        )

    def history_note(self, text: str) -> str:
        """Return the note for a document's History in Xero."""
        requester = f" asked for by {self.requester}" if self.requester else ""
        approver = f", approved by {self.approver}" if self.approver else ""
        key = f" Key: {self.business_key}." if self.business_key else ""
        ending = f"{requester}{approver}.{key} [{self.mark}]"
        note = f"{text[: MAX_NOTE_LENGTH - len(ending)]}{ending}"
        return "".join(character for character in note if not is_control(character))


Find = Callable[[Books, Mapping[str, str]], Row | None]


@dataclass(frozen=True)
class Step:
    """One request of a write.

    Args:
        name: What the request makes; later steps use the new id as ``{name}`` in their path and body.
        method: PUT (create only) or POST.
        path: Under ``/api.xro/2.0/``.
        body: As Xero takes it, with :data:`MARK` in the place of the write's mark.
        collection: The key of the answer that holds the written element; empty: the answer is not needed.
        id_field: The element's id.
        shape: The shape by which the element is typed.
        query: Of the address.
        find: Looks for what this step makes, by the mark: before the request, and after an answer was lost.
        at_most_once: Not sent again when it is unknown whether it happened (an e-mail).
    """

    name: str
    method: str
    path: str
    body: Mapping[str, Any]
    collection: str = ""
    id_field: str = ""
    shape: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    find: Find | None = None
    at_most_once: bool = False

    @classmethod
    def create(cls, name: str, shape: str, element: Mapping[str, Any], find: Find, **query: str) -> Step:
        """Return the step that adds one element to Xero's list of this shape."""
        path, body = f"{shape}s", {f"{shape}s": [element]}
        return cls(name, "PUT", path, body, path, f"{shape}ID", shape, query, find)

    def request(self) -> dict[str, Any]:
        """Return the request for a plan: JSON values, amounts with their exact digits."""
        return {
            "step": self.name,
            "method": self.method,
            "path": f"/api.xro/2.0/{self.path}",
            "query": dict(self.query),
            "body": to_json(dict(self.body)),
        }


@dataclass(frozen=True)
class Draft:
    """A write as it would be done now.

    Args:
        steps: The requests, in order; the last one's element is the result of the write.
        after: Requests that follow once that element is as expected, such as the e-mail; shown in the plan.
        effect: Postings to the ledger: account, debit or credit, tax. A draft document has none.
        warnings: What a person should know before approving.
        undo: How to reverse it.
        summary: A description for a person, as Markdown.
        acts: The parts that a policy may want a person to approve.
        amount: The money involved, in base currency; ``None``: not known.
        expect: Fields of the written element and their expected values; a tuple holds the values that may come.
        facts: What the draft depends on and no request shows; part of the hash.
    """

    steps: tuple[Step, ...]
    after: tuple[Step, ...] = ()
    effect: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()
    undo: str = ""
    summary: str = ""
    acts: tuple[str, ...] = ()
    amount: Decimal | None = None
    expect: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def hash(self, write: Write) -> str:
        """Return the draft's hash: equal books, parameters and business key give an equal hash."""
        material = {
            "organisation": write.organisation_id,
            "action": write.action,
            "business_key": write.business_key,
            "requests": [step.request() for step in (*self.steps, *self.after)],
            "effect": to_json(list(self.effect)),
            "warnings": self.warnings,
            "acts": self.acts,
            "amount": to_json(self.amount),
            "facts": to_json(dict(self.facts)),
        }
        return hashlib.sha256(encode_json(material)).hexdigest()

    def to_plan(self, write: Write, organisation: str, currency: str) -> Plan:
        """Return the draft as a plan for a person."""
        hashed = self.hash(write)
        mark = write.mark
        if write.business_key is None:  # without a key, a commit is identified by its plan
            mark = make_mark(write.organisation_id, write.action, hashed)
        return Plan(
            hash=hashed,
            organisation=organisation,
            requests=[fill_placeholders(step.request(), {"write": mark}) for step in (*self.steps, *self.after)],
            effect=[to_json(dict(line)) for line in self.effect],
            warnings=list(self.warnings),
            undo=self.undo,
            summary=self.summary,
            acts=list(self.acts),
            amount=self.amount,
            currency=currency,
        )


def fill_placeholders(value: Any, names: Mapping[str, str]) -> Any:
    """Return a request with its placeholders replaced: the mark, and ids that earlier steps returned."""
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, Mapping):
        return {key: fill_placeholders(inner, names) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [fill_placeholders(inner, names) for inner in value]
    return value


def to_json(value: Any) -> Any:
    """Return JSON values: amounts become strings with all their digits."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {key: to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    return value
