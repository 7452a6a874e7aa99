"""Asking the person at the client (MCP elicitation): they see the plan, and approve or refuse it.

In the protocol of 2025 the server sends a request of its own; since 2026-07-28 it ends the call with a
question, and the client calls again with the answer. Such a question is stored here under a secret that
can be used once: an agent's arguments never count as an answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from bizosaas_xero.host import StoredPlan
from bizosaas_xero.host.actions.plan_markdown import plan_to_markdown
from bizosaas_xero.host.actions.policy import PolicyDecision
from bizosaas_xero.host.text import make_visible

Context = ServerRequestContext[Any, Any]
Decision = Literal["approve", "refuse"]

QUESTION_LIFETIME = timedelta(minutes=15)
"""How long a question waits for its answer."""

MAX_QUESTIONS = 50
"""Questions that wait at the same time; a new one replaces the oldest."""

_FIELD = "decision"
_SCHEMA = {
    "type": "object",
    "properties": {
        _FIELD: {
            "type": "string",
            "title": "Your decision",
            "description": "Nothing is written unless you choose approve.",
            "enum": ["refuse", "approve"],
        }
    },
    "required": [_FIELD],
}


@dataclass(frozen=True)
class _Question:
    connection_id: str
    plan_hash: str
    requester: str
    expires_at: datetime


class Elicitor:
    """Asks the person at the client to decide about a plan.

    Args:
        name: The person's name; ``None`` if it is not known: then they cannot approve here.
        now: The clock.
    """

    def __init__(self, name: str | None, now: Callable[[], datetime]) -> None:
        self.name = name
        self._now = now
        self._questions: dict[str, _Question] = {}

    def can_ask(self, context: Context) -> bool:
        """Return whether the person is known, and their client shows questions."""
        capabilities = context.session.client_capabilities
        if self.name is None or capabilities is None or capabilities.elicitation is None:
            return False
        # An empty capability means forms.
        forms = capabilities.elicitation.form is not None or capabilities.elicitation.url is None
        return forms and (_is_modern(context) or context.session.can_send_request)

    async def ask(
        self, context: Context, plan: StoredPlan, policy: PolicyDecision, requester: str
    ) -> Decision | InputRequiredResult | None:
        """Show a plan to the person.

        Returns:
            Their decision; ``None`` if they did not decide; or, in the protocol of 2026, the result that ends this
            call with the question.
        """
        message = (
            f"{make_visible(requester)} asks you, {make_visible(self.name or '')}, to approve this. Nothing is written "
            f"unless you choose approve.\n\n{plan_to_markdown(plan, policy)}"
        )
        if _is_modern(context):
            form = ElicitRequestFormParams(message=message, requested_schema=_SCHEMA)
            state = self._store_question(plan, requester)
            return InputRequiredResult(input_requests={_FIELD: ElicitRequest(params=form)}, request_state=state)
        try:
            answer = await context.session.elicit_form(message, _SCHEMA, context.request_id)
        except (MCPError, ValidationError):
            return None  # the client could not show the form, or sent an answer of another shape
        return _read_decision(answer)

    def answers_question(self, params: CallToolRequestParams) -> bool:
        """Return whether a call answers a question that is waiting."""
        return params.request_state in self._questions

    def take_answer(
        self, params: CallToolRequestParams, plan: StoredPlan, requester: str
    ) -> Decision | Literal[""] | None:
        """Return the answer that a call carries to our question about this plan; it can be used once.

        Returns:
            The decision; an empty text if the person did not decide; ``None`` if the call carries no such answer.
        """
        question = self._questions.pop(params.request_state or "", None)
        if question is None or question.expires_at <= self._now():
            return None
        if (question.connection_id, question.plan_hash, question.requester) != (
            plan.connection_id,
            plan.plan.hash,
            requester,
        ):
            return None
        answer = (params.input_responses or {}).get(_FIELD)
        return (_read_decision(answer) or "") if isinstance(answer, ElicitResult) else ""

    def _store_question(self, plan: StoredPlan, requester: str) -> str:
        now = self._now()
        waiting = {state: question for state, question in self._questions.items() if question.expires_at > now}
        self._questions = dict(list(waiting.items())[-MAX_QUESTIONS + 1 :])
        state = secrets.token_urlsafe(32)
        self._questions[state] = _Question(plan.connection_id, plan.plan.hash, requester, now + QUESTION_LIFETIME)
        return state


def _is_modern(context: Context) -> bool:
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS


def _read_decision(answer: ElicitResult) -> Decision | None:
    """Return the decision in a form; closing or declining the form decides nothing."""
    value = (answer.content or {}).get(_FIELD) if answer.action == "accept" else None
    return "approve" if value == "approve" else "refuse" if value == "refuse" else None
