"""What a write is before it is done: its steps, what they do to the books, its hash and its mark.

An action that writes describes itself as a :class:`Draft`, made anew from the world each time it is asked. A
plan is a draft shown to a person; a commit makes the draft again and goes on only if its hash is the same.
How the steps are sent is told in :mod:`bizosaas_xero.connector.actions.writes.execute`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from bizosaas_xero.connector.actions.books import Books, Row
from bizosaas_xero.spec.errors import Invalid
from bizosaas_xero.spec.models import Control, Plan

MARK = "{write}"
"""Stands in a step for the write's mark, which is not known before the hash is."""

ZERO, ONE = Decimal(0), Decimal(1)

_encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode


def encode_json(body: Any) -> bytes:
    """Write a body as JSON: always the same bytes, amounts as numbers with their exact digits."""
    return _encode(body)


def make_mark(*parts: str) -> str:
    """Return the mark of a write: short, the same for the same parts, and nothing can be read from it."""
    return f"bz-{hashlib.sha256(encode_json(parts)).hexdigest()[:20]}"


@dataclass(frozen=True)
class Write:
    """One intended write: who wants it, and under which key it is done once.

    Args:
        organisation_id: In whose books.
        action: The action's name.
        business_key: The intent, as the host names it; ``None`` while only a plan is asked for.
        mark: What documents made by this write carry, so that it is found again.
        requester: Who asked.
        approver: Who allowed it.
    """

    organisation_id: str
    action: str
    business_key: str | None
    mark: str
    requester: str | None = None
    approver: str | None = None

    @classmethod
    def from_control(cls, organisation_id: str, action: str, control: Control) -> Write:
        """Return the write that a control names.

        Raises:
            Invalid: It has no mode, or lacks what the mode needs.
        """
        if control.mode is None:
            raise _missing("mode", "a write needs one: `plan`, `commit` or `run`")
        if control.mode == "commit" and not control.plan_hash:
            raise _missing("plan_hash", "`commit` needs the hash of the plan that is to be done")
        if control.mode == "run" and not control.business_key:
            raise _missing("business_key", "`run` needs one: it keeps a repeated call from writing twice")
        key = control.business_key or control.plan_hash or ""
        return cls(
            organisation_id=organisation_id,
            action=action,
            business_key=control.business_key,
            mark=make_mark(organisation_id, action, key),
            requester=control.requester,
            approver=control.approver,
        )

    def history_note(self, what: str) -> str:
        """Return the text for Xero's History, of at most 2,500 characters."""
        who = f" asked for by {self.requester}" if self.requester else ""
        allowed = f", approved by {self.approver}" if self.approver else ""
        key = f" Key: {self.business_key}." if self.business_key else ""
        return f"{what}{who}{allowed}.{key} [{self.mark}]"[:2500]


def _missing(name: str, message: str) -> Invalid:
    return Invalid(
        f"control.{name} is missing: {message}.", problems=[{"field": f"control.{name}", "message": message}]
    )


@dataclass(frozen=True)
class Step:
    """One request of a write.

    Args:
        name: What it makes; later steps name its id as ``{name}`` in their path and body.
        method: PUT (create only) or POST.
        path: Under ``/api.xro/2.0/``.
        body: As Xero takes it; :data:`MARK` stands for the write's mark.
        collection: The key of the answer under which the written element is; empty: no answer is needed.
        id_field: The element's id.
        shape: The shape by which the element is typed.
        query: Of the address.
        find: Looks for what this step makes, by the mark; used before it is sent and when an answer was lost.
        at_most_once: When it is not known whether it happened, it is not tried again (an e-mail).
    """

    name: str
    method: str
    path: str
    body: Mapping[str, Any]
    collection: str = ""
    id_field: str = ""
    shape: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    find: Callable[[Books, Mapping[str, str]], Row | None] | None = None
    at_most_once: bool = False

    def request(self) -> dict[str, Any]:
        """Return the request as a plan shows it: JSON values, amounts with their exact digits."""
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
        steps: What makes it, in order; the last one's element is what the write is about.
        after: What follows once it is made and found to be as meant, such as the e-mail; for the plan.
        effect: What the books gain: account, debit or credit, tax. A draft document has none.
        warnings: What a person should know before saying yes.
        undo: How to take it back.
        summary: All of it in words, as Markdown.
        acts: What of it a policy may want a person for.
        amount: Money it is about, in base currency; ``None``: not known.
        expect: Fields of the written element and what they must be, or something is wrong.
        facts: What it rests upon and no request shows; part of the hash.
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
        """Return what identifies this draft: the same world, parameters and business key give the same."""
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

    def plan(self, write: Write, organisation: str, currency: str) -> Plan:
        """Return the draft as a plan for a person."""
        hashed = self.hash(write)
        mark = write.mark
        if write.business_key is None:  # a commit without a key is known by the plan it does
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
    """Return a request with the names in it replaced: the mark, and ids that earlier steps gave."""
    if isinstance(value, str):
        for name, known in names.items():
            value = value.replace(f"{{{name}}}", known)
        return value
    if isinstance(value, Mapping):
        return {key: fill_placeholders(inner, names) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [fill_placeholders(inner, names) for inner in value]
    return value


def to_json(value: Any) -> Any:
    """Return JSON values: amounts as strings with all their digits."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {key: to_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(inner) for inner in value]
    return value
