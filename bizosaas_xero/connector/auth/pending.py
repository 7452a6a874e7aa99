"""A consent that was begun and not yet finished: one opaque secret, good once and for half an hour."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import UTC, datetime, timedelta
from threading import Lock

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from bizosaas_xero.connector.auth import errors
from bizosaas_xero.spec.errors import Invalid
from bizosaas_xero.spec.models import App

LIFETIME = timedelta(minutes=30)


class Pending(BaseModel):
    """What has to be known when the person comes back."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    client_id: str
    redirect_uri: str
    scopes: list[str]
    state: str
    verifier: str | None
    expires_at: AwareDatetime


# The host forgets a pending consent once it is used, and Xero refuses a used code. This closes the gap for a
# host that forgets to forget: states used in this process, with their ends.
_spent: dict[str, datetime] = {}
_lock = Lock()


def begin(client_id: str, redirect_uri: str, scopes: list[str], *, use_pkce: bool) -> Pending:
    """Make a new pending consent with a fresh state, and a proof key where one is used."""
    return Pending(
        client_id=client_id,
        redirect_uri=redirect_uri,
        scopes=scopes,
        state=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(64) if use_pkce else None,
        expires_at=datetime.now(UTC) + LIFETIME,
    )


def seal(pending: Pending) -> str:
    """Return the pending consent as the opaque text that the host keeps."""
    return base64.urlsafe_b64encode(pending.model_dump_json().encode()).decode()


def open_sealed(text: str, app: App) -> Pending:
    """Read what :func:`seal` wrote.

    Raises:
        Invalid: It is damaged, or of another app.
        ReconnectRequired: It has expired or was used.
    """
    try:
        pending = Pending.model_validate_json(base64.urlsafe_b64decode(text.encode()))
    except (ValidationError, binascii.Error, ValueError):
        raise _invalid("is damaged") from None
    if pending.client_id != app.client_id:
        raise _invalid("belongs to another client id")
    now = datetime.now(UTC)
    if pending.expires_at <= now:
        raise errors.consent_spent("it was begun more than 30 minutes ago")
    with _lock:
        if pending.state in _spent:
            raise errors.consent_spent("it was used already")
    return pending


def spend(pending: Pending) -> None:
    """Note that a consent was used, so that it is not used again."""
    now = datetime.now(UTC)
    with _lock:
        for state in [state for state, end in _spent.items() if end <= now]:
            del _spent[state]
        _spent[pending.state] = pending.expires_at


def _invalid(complaint: str) -> Invalid:
    return Invalid(
        f"request.pending {complaint}.",
        remedy="Choose Authorize with Xero again.",
        reason="pending_damaged",
        problems=[{"field": "request.pending", "message": complaint}],
    )
