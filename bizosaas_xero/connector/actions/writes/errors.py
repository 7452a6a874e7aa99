"""The complaint about one parameter."""

from __future__ import annotations

from bizosaas_xero.spec.errors import Invalid


def wrong(field: str, message: str, remedy: str | None = None, reason: str | None = None) -> Invalid:
    """Make the error for a parameter that does not fit the books; ``message`` follows the field's name."""
    return Invalid(
        f"{field}: {message}.",
        remedy=remedy,
        reason=reason,
        problems=[{"field": field, "message": message}],
    )
