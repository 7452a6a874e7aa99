"""Checks that must not stop an answer: without permission for a report, the figures are given unchecked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bizosaas_xero.spec.errors import AuthExpired, ConnectorError, RateLimited, ReconnectRequired

T = TypeVar("T")

_REASONS = {
    "missing_scope": "the permission to read it was not granted.",
    "misconfigured": "the Xero user who connected may not read it.",
    "organisation_unavailable": "Xero refused to give it to the user who connected.",
}
"""The reasons in terms of the report; the errors name the whole action."""


def read_optional(read: Callable[[], T]) -> tuple[T | None, str | None]:
    """Return what is read, or ``None`` and the reason.

    Raises:
        AuthExpired: The token expired; the action can be repeated with a new one.
        ReconnectRequired: The grant is gone.
        RateLimited: A limit is reached; the action can be repeated later.
    """
    try:
        return read(), None
    except (AuthExpired, ReconnectRequired, RateLimited):
        raise
    except ConnectorError as error:
        return None, _REASONS.get(error.code, error.message)
