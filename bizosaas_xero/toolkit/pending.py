"""A consent that was started and not yet finished: one opaque secret, valid once and for 30 minutes."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import UTC, datetime, timedelta
from threading import Lock

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from bizosaas_xero.spec.errors import Invalid, ReconnectRequired
from bizosaas_xero.toolkit import reasons

MAX_AGE = timedelta(minutes=30)


class Pending(BaseModel):
    """What the callback needs when the user comes back from the service's page."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    client_id: str
    redirect_uri: str
    scopes: list[str]
    state: str
    verifier: str | None
    expires_at: AwareDatetime


# A host deletes a pending consent once it is used, and services refuse a used code. For a host that keeps it, this
# remembers the states used in this process until they expire.
_used_states: dict[str, datetime] = {}
_lock = Lock()


def new_pending(client_id: str, redirect_uri: str, scopes: list[str], *, use_pkce: bool) -> Pending:
    """Return a new pending consent with a random state and, with PKCE, a code verifier."""
    return Pending(
        client_id=client_id,
        redirect_uri=redirect_uri,
        scopes=scopes,
        state=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(64) if use_pkce else None,
        expires_at=datetime.now(UTC) + MAX_AGE,
    )


def encode_pending(pending: Pending) -> str:
    """Return the pending consent as the opaque text that the host stores."""
    return base64.urlsafe_b64encode(pending.model_dump_json().encode()).decode()


def decode_pending(text: str, client_id: str, remedy: str) -> Pending:
    """Decode what :func:`encode_pending` returned.

    Args:
        text: The opaque text.
        client_id: The app that wants to finish the consent.
        remedy: What the user does when it cannot be finished; part of the error.

    Raises:
        Invalid: The text is damaged, or belongs to another app.
        ReconnectRequired: The consent has expired or was used.
    """
    try:
        pending = Pending.model_validate_json(base64.urlsafe_b64decode(text.encode()))
    except (ValidationError, binascii.Error, ValueError):
        raise _invalid_pending("is damaged", remedy) from None
    if pending.client_id != client_id:
        raise _invalid_pending("belongs to another client id", remedy)
    now = datetime.now(UTC)
    if pending.expires_at <= now:
        raise _unusable("it was started more than 30 minutes ago", remedy)
    with _lock:
        if pending.state in _used_states:
            raise _unusable("it was already used", remedy)
    return pending


def mark_used(pending: Pending) -> None:
    """Remember that a consent was used, so that it cannot be used again."""
    now = datetime.now(UTC)
    with _lock:
        for state in [state for state, end in _used_states.items() if end <= now]:
            del _used_states[state]
        _used_states[pending.state] = pending.expires_at


def _invalid_pending(complaint: str, remedy: str) -> Invalid:
    return reasons.PENDING_DAMAGED.field("request.pending", complaint, remedy=remedy)


def _unusable(cause: str, remedy: str) -> ReconnectRequired:
    return reasons.CONSENT_SPENT(remedy=remedy, cause=cause)
