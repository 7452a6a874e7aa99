"""Tokens of an OpenID Connect issuer: signature, issuer, audience, times and nonce, checked with joserfc."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from bizosaas_xero.web import reasons

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
"""Signatures that are accepted: those with a key pair. ``none``, and a secret that both sides know, are not."""

CLOCK_DIFFERENCE_SECONDS = 60
"""By how much the issuer's clock may differ from ours."""

MAX_TOKEN_LENGTH = 16_384


def verify_token(
    token: str,
    find_keys: Callable[[bool], KeySet],
    *,
    issuer: str,
    audience: str,
    now: datetime,
    nonce: str | None = None,
) -> Mapping[str, Any]:
    """Return the claims of a token that the issuer made for us.

    Args:
        token: A JWT.
        find_keys: Gives the issuer's keys; with ``True`` it asks the issuer again, as it may have new ones.
        issuer: Who must have made it.
        audience: For whom.
        now: The time.
        nonce: For an ID token: the one that was sent.

    Raises:
        Invalid: It is not such a token (``sign_in_refused``); the message says what is wrong.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise reasons.SIGN_IN_REFUSED(cause="the token is too long")
    claims = _decode(token, find_keys)
    must: dict[str, Any] = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": audience},
        "sub": {"essential": True},
        "exp": {"essential": True},
        "iat": {"essential": True},
    }
    if nonce is not None:
        must["nonce"] = {"essential": True, "value": nonce}
    try:
        jwt.JWTClaimsRegistry(int(now.timestamp()), CLOCK_DIFFERENCE_SECONDS, **must).validate(claims)
    except JoseError as error:
        raise reasons.SIGN_IN_REFUSED(cause=f"the token is not valid ({error.description or error.error})") from None
    if nonce is not None and claims.get("azp", audience) != audience:
        raise reasons.SIGN_IN_REFUSED(cause="the token was made for another application")
    return claims


def _decode(token: str, find_keys: Callable[[bool], KeySet]) -> dict[str, Any]:
    for again in (False, True):
        try:
            return dict(jwt.decode(token, find_keys(again), algorithms=ALGORITHMS).claims)
        except InvalidKeyIdError:
            continue  # the issuer may have a new key
        except (JoseError, ValueError) as error:
            raise reasons.SIGN_IN_REFUSED(cause=f"the token cannot be verified ({_name(error)})") from None
    raise reasons.SIGN_IN_REFUSED(cause="the token is signed with a key that the sign-in service does not publish")


def _name(error: Exception) -> str:
    return error.error if isinstance(error, JoseError) else "it cannot be read"
