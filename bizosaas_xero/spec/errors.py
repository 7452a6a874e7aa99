"""The errors a connector may raise, and what a host does about each.

A host decides on two strings and never on these classes, so that it needs no import of this package:

``code``
    What went wrong. Stable; one per class below.
``recovery``
    What the host does next:

    ============= ====================================================================================
    ``refresh``   call ``auth`` with step ``refresh``, save the new grant, then repeat the call
    ``reconnect`` stop, and ask the person to authorise again (``remedy`` says how)
    ``wait``      call again after ``retry_after`` seconds; do not hold a worker for it
    ``retry``     repeat later with growing pauses; nothing was lost
    ``restart``   start the operation again: a sync without its cursor, a write with a new plan
    ``fix``       repeating is useless until the person or the caller has changed something
    ``none``      nothing can be done; continue without it
    ============= ====================================================================================

The tree::

    ConnectorError               connector_error           none
    ├── AuthExpired              auth_expired              refresh
    ├── ReconnectRequired        reconnect_required        reconnect
    ├── MissingScope             missing_scope             reconnect
    ├── Misconfigured            misconfigured             fix
    ├── OrganisationUnavailable  organisation_unavailable  reconnect
    ├── RateLimited              rate_limited              wait
    ├── Unavailable              unavailable               retry
    ├── CursorRejected           cursor_rejected           restart
    ├── Invalid                  invalid                   fix
    ├── NotFound                 not_found                 none
    └── Conflict                 conflict                  restart
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Literal, Self

Recovery = Literal["refresh", "reconnect", "wait", "retry", "restart", "fix", "none"]

SUBJECT = "{path} {message}."
"""The summary of :meth:`ConnectorError.field` for a message such as "must be a date"."""


class ConnectorError(Exception):
    """Base of every error that crosses a hook.

    Args:
        message: What happened, for a person. Never holds a token or a secret.
        remedy: What the person should do. Defaults to the remedy of the class.
        reason: A stable word, finer than ``code`` (such as ``invalid_client``), for hosts that show a help page;
            hosts may ignore it.
        retry_after: Seconds after which repeating makes sense, when that is known.
        correlation_id: The provider's id of the failed request, for its support.
        problems: For :class:`Invalid`: pairs of field path and complaint.
        scopes: For :class:`MissingScope`: the permissions that are missing.
        features: The entities or actions that the error concerns; others may still work. Empty: the whole connection.
        cost: What the call had cost when it failed: ``calls`` and ``bytes``, and where the provider said it
            ``day_left``, as in :class:`~bizosaas_xero.spec.models.Stats`. ``None`` where it made no calls.

    Every error survives ``pickle`` and can be rebuilt from ``to_dict()`` with :func:`error_from_dict`.
    """

    # Not ClassVar: an error with an unknown code, rebuilt from its dictionary, keeps its own two values.
    code: str = "connector_error"
    recovery: Recovery = "none"
    default_remedy: ClassVar[str] = "Contact support and name the correlation id."

    def __init__(  # noqa: PLR0913 (all but the message are given by name)
        self,
        message: str,
        *,
        remedy: str | None = None,
        reason: str | None = None,
        retry_after: float | None = None,
        correlation_id: str | None = None,
        problems: Iterable[Mapping[str, str]] = (),
        scopes: Iterable[str] = (),
        features: Iterable[str] = (),
        cost: Mapping[str, int | None] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or self.default_remedy
        self.reason = reason or self.code
        self.retry_after = retry_after
        self.correlation_id = correlation_id
        self.problems = [dict(problem) for problem in problems]
        self.scopes = list(scopes)
        self.features = list(features)
        self.cost = dict(cost) if cost else None

    @classmethod
    def field(
        cls,
        path: str,
        message: str,
        remedy: str | None = None,
        *,
        reason: str | None = None,
        summary: str = "{path}: {message}.",
    ) -> Self:
        """Make the error for one wrong field; mostly an :class:`Invalid`.

        Args:
            path: The field's path, such as ``params.due_date``.
            message: What is wrong, without a final period.
            remedy: What the person should do.
            reason: A finer, stable word.
            summary: The error's own message, in which ``{path}`` and ``{message}`` are replaced. :data:`SUBJECT` for
                a message of which the field is the subject.
        """
        text = summary.replace("{path}", path).replace("{message}", message)
        return cls(text, remedy=remedy, reason=reason, problems=[{"field": path, "message": message}])

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}(code={self.code!r}, reason={self.reason!r}, message={self.message!r})"

    def __reduce__(self) -> tuple[Callable[..., ConnectorError], tuple[dict[str, Any]]]:
        return error_from_dict, (self.to_dict(),)

    def to_dict(self) -> dict[str, Any]:
        """Return the error as JSON values: every attribute above, with ``code`` and ``recovery``."""
        return {
            "code": self.code,
            "reason": self.reason,
            "recovery": self.recovery,
            "message": self.message,
            "remedy": self.remedy,
            "retry_after": self.retry_after,
            "correlation_id": self.correlation_id,
            "problems": self.problems,
            "scopes": self.scopes,
            "features": self.features,
            "cost": self.cost,
        }


class AuthExpired(ConnectorError):
    """The access token is no longer accepted; the grant behind it may still be good."""

    code = "auth_expired"
    recovery = "refresh"
    default_remedy = "Nothing to do: the platform renews the access by itself and continues."


class ReconnectRequired(ConnectorError):
    """The grant is gone (expired, revoked, replaced) or was never given; a person must authorise again."""

    code = "reconnect_required"
    recovery = "reconnect"
    default_remedy = "Authorise again, and allow access when asked."


class MissingScope(ConnectorError):
    """The grant lacks a permission that the operation needs. ``scopes`` names it."""

    code = "missing_scope"
    recovery = "reconnect"
    default_remedy = "Authorise again so that the missing permission can be granted."


class Misconfigured(ConnectorError):
    """The app, its credentials, its redirect address or a user's role is set up wrongly."""

    code = "misconfigured"
    recovery = "fix"
    default_remedy = "Check the app's settings."


class OrganisationUnavailable(ConnectorError):
    """The organisation is not reachable through this grant: disconnected, reset, or the wrong one."""

    code = "organisation_unavailable"
    recovery = "reconnect"
    default_remedy = "Choose the organisation again, or authorise again if it is not offered."


class RateLimited(ConnectorError):
    """A limit of the provider is used up and waiting for it would take longer than ``max_wait``."""

    code = "rate_limited"
    recovery = "wait"
    default_remedy = "Nothing to do: work continues by itself once the limit is free again."


class Unavailable(ConnectorError):
    """The provider, or the network to it, does not work at the moment; nothing was lost."""

    code = "unavailable"
    recovery = "retry"
    default_remedy = "Nothing to do: the platform tries again later."


class CursorRejected(ConnectorError):
    """The cursor is damaged, or of another entity or version; start that entity without one."""

    code = "cursor_rejected"
    recovery = "restart"
    default_remedy = "Nothing to do: the next sync of this entity reads everything again."


class Invalid(ConnectorError):
    """An input is wrong. ``problems`` lists ``{"field": path, "message": complaint}``."""

    code = "invalid"
    recovery = "fix"
    default_remedy = "Correct the named fields and try again."


class NotFound(ConnectorError):
    """The named thing (entity, action, record) does not exist."""

    code = "not_found"
    recovery = "none"
    default_remedy = "Check the name."


class Conflict(ConnectorError):
    """The books changed since the plan was made, or another process is doing the same write."""

    code = "conflict"
    recovery = "restart"
    default_remedy = "Look at the new state and plan again."


ERRORS: dict[str, type[ConnectorError]] = {
    kind.code: kind
    for kind in (
        AuthExpired,
        ReconnectRequired,
        MissingScope,
        Misconfigured,
        OrganisationUnavailable,
        RateLimited,
        Unavailable,
        CursorRejected,
        Invalid,
        NotFound,
        Conflict,
    )
}
"""Every error class by its ``code``."""


def error_from_dict(data: Mapping[str, Any]) -> ConnectorError:
    """Rebuild an error from its ``to_dict()``.

    An unknown ``code`` gives a plain ``ConnectorError`` that keeps its own ``code`` and ``recovery``.
    """
    kind = ERRORS.get(str(data.get("code")), ConnectorError)
    error = kind(
        str(data.get("message", "")),
        remedy=data.get("remedy"),
        reason=data.get("reason"),
        retry_after=data.get("retry_after"),
        correlation_id=data.get("correlation_id"),
        problems=data.get("problems") or (),
        scopes=data.get("scopes") or (),
        features=data.get("features") or (),
        cost=data.get("cost"),
    )
    error.code = str(data.get("code") or kind.code)
    error.recovery = data.get("recovery") or kind.recovery
    return error
