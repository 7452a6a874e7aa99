"""Asking the person at the client (MCP elicitation): they see the plan, and say approve or refuse.

In the protocol of 2025 the server sends a request of its own; since 2026-07-28 it ends the call with a
question, and the client calls again with the answer. Such a question is remembered here under a secret that
is good once: what an agent passes as arguments never counts as an answer.
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

from bizosaas_xero.host import Asked
from bizosaas_xero.host.actions.plan_markdown import markdown, visible
from bizosaas_xero.host.actions.policy import Verdict

Context = ServerRequestContext[Any, Any]
Answer = Literal["approve", "refuse"]

LIFE = timedelta(minutes=15)
"""How long a question waits for its answer."""

MOST = 50
"""Questions that wait at the same time."""

_NAME = "decision"
_SCHEMA = {
    "type": "object",
    "properties": {
        _NAME: {
            "type": "string",
            "title": "Your decision",
            "description": "Nothing is written unless you choose approve.",
            "enum": ["refuse", "approve"],
        }
    },
    "required": [_NAME],
}


@dataclass(frozen=True)
class _Question:
    connection_id: str
    plan: str
    requester: str
    until: datetime


class Person:
    """The person at the client.

    Args:
        name: Who they are; ``None``: nobody knows, and so they cannot approve here.
        now: The clock.
    """

    def __init__(self, name: str | None, now: Callable[[], datetime]) -> None:
        self.name = name
        self._now = now
        self._questions: dict[str, _Question] = {}

    def can_answer(self, context: Context) -> bool:
        """Tell whether the person is known, and their client shows them questions."""
        able = context.session.client_capabilities
        if self.name is None or able is None or able.elicitation is None:
            return False
        forms = able.elicitation.form is not None or able.elicitation.url is None  # {} means forms
        return forms and (_modern(context) or context.session.can_send_request)

    async def ask(
        self, context: Context, asked: Asked, verdict: Verdict, requester: str
    ) -> Answer | InputRequiredResult | None:
        """Show a plan to the person.

        Returns:
            What they said; ``None`` if they decided nothing; or the end of this call, with the question.
        """
        message = (
            f"{visible(requester)} asks you, {visible(self.name or '')}, to approve this. Nothing is written "
            f"unless you choose approve.\n\n{markdown(asked, verdict)}"
        )
        if _modern(context):
            form = ElicitRequestFormParams(message=message, requested_schema=_SCHEMA)
            state = self._remember(asked, requester)
            return InputRequiredResult(input_requests={_NAME: ElicitRequest(params=form)}, request_state=state)
        try:
            answer = await context.session.elicit_form(message, _SCHEMA, context.request_id)
        except (MCPError, ValidationError):
            return None  # the client could not show it, or its answer is none: nobody said yes
        return _said(answer)

    def is_asked(self, params: CallToolRequestParams) -> bool:
        """Tell whether a call answers a question that waits."""
        return params.request_state in self._questions

    def answered(self, params: CallToolRequestParams, asked: Asked, requester: str) -> Answer | Literal[""] | None:
        """Return the answer that a call carries to a question of ours about this very plan.

        Returns:
            What they said; empty if they decided nothing; ``None`` if the call carries no such answer.
        """
        question = self._questions.pop(params.request_state or "", None)
        if question is None or question.until <= self._now():
            return None
        if (question.connection_id, question.plan, question.requester) != (
            asked.connection_id,
            asked.plan.hash,
            requester,
        ):
            return None
        answer = (params.input_responses or {}).get(_NAME)
        return (_said(answer) or "") if isinstance(answer, ElicitResult) else ""

    def _remember(self, asked: Asked, requester: str) -> str:
        now = self._now()
        alive = {key: each for key, each in self._questions.items() if each.until > now}
        self._questions = dict(list(alive.items())[-MOST + 1 :])
        state = secrets.token_urlsafe(32)
        self._questions[state] = _Question(asked.connection_id, asked.plan.hash, requester, now + LIFE)
        return state


def _modern(context: Context) -> bool:
    return context.protocol_version in MODERN_PROTOCOL_VERSIONS


def _said(answer: ElicitResult) -> Answer | None:
    """Return what the form says. Closing or declining the question decides nothing."""
    said = (answer.content or {}).get(_NAME) if answer.action == "accept" else None
    return "approve" if said == "approve" else "refuse" if said == "refuse" else None
