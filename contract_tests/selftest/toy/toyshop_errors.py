"""What the shop's refusals mean."""

from __future__ import annotations

from bizosaas_xero.spec import AuthExpired, Invalid, Misconfigured, ReconnectRequired, Unavailable


def meaning(refused):
    """Turn a refusal of the shop into an error of the contract."""
    if refused.status == 401:
        return AuthExpired("The shop did not accept the token.")
    if refused.word == "invalid_grant":
        return ReconnectRequired("The access to the shop has ended.", reason="grant_ended")
    if refused.word == "invalid_client":
        return Misconfigured("The shop does not accept the client id and secret.")
    return Unavailable("The shop is closed at the moment.", retry_after=5)


def invalid(field, message):
    return Invalid(f"{field} {message}.", problems=[{"field": field, "message": message}])
