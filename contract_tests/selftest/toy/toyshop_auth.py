"""How the toy connector gets access, keeps it and ends it."""

from __future__ import annotations

import base64
import json
import logging
import secrets
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

from pydantic import SecretStr
from toyshop_errors import invalid, meaning
from toyshop_source import Refused, now, shop

from bizosaas_xero.spec import (
    AuthRequest,
    AuthResult,
    Grant,
    Organisation,
    ReconnectRequired,
    hookimpl,
    parse,
)

log = logging.getLogger(__name__)
SPENT = set()


def seal(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def mint(app, given, refresh_of=None):
    secret = app.client_secret.get_secret_value() if app.client_secret else None
    try:
        token = shop.token({**given, "client_secret": secret})
    except Refused as refused:
        raise meaning(refused) from None
    begun = now()
    return Grant(
        identity=f"{app.client_id}:shop",
        client_id=app.client_id,
        kind=app.kind,
        access_token=token["access_token"],
        refresh_token=token.get("refresh_token"),
        obtained_at=begun,
        expires_at=begun + timedelta(seconds=token["expires_in"]),
        scopes=["read", "write"],
    )


def organisations(grant):
    try:
        found = shop.organisations(grant.access_token.get_secret_value())
    except Refused as refused:
        raise meaning(refused) from None
    return [Organisation(id=one["id"], name=one["name"]) for one in found]


def authorize(asked):
    state = secrets.token_urlsafe(24)
    end = (now() + timedelta(minutes=30)).isoformat()
    pending = seal({"state": state, "end": end, "salt": secrets.token_urlsafe(8)})
    query = urlencode({"state": state, "redirect_uri": asked.app.redirect_uri, "client_id": asked.app.client_id})
    return AuthResult(step=asked.step, url=f"https://shop.example.com/allow?{query}", pending=SecretStr(pending))


def callback(asked):
    pending = json.loads(base64.urlsafe_b64decode(asked.pending.get_secret_value()))
    came = parse_qs(urlsplit(asked.callback_url.get_secret_value()).query)
    if datetime.fromisoformat(pending["end"]) <= now():
        raise ReconnectRequired("This consent was begun too long ago.")
    if came.get("state") != [pending["state"]]:
        raise invalid("request.callback_url", "holds another state than was sent")
    if pending["state"] in SPENT:
        raise ReconnectRequired("This consent was used already.")
    grant = mint(asked.app, {"grant_type": "authorization_code", "code": came["code"][0]})
    SPENT.add(pending["state"])
    return AuthResult(step=asked.step, grant=grant, organisations=organisations(grant))


def client_credentials(asked):
    grant = mint(asked.app, {"grant_type": "client_credentials"})
    return AuthResult(step=asked.step, grant=grant, organisations=organisations(grant))


def refresh(asked):
    if asked.settings.get("forget_secret"):
        asked.app.client_secret = None
    if asked.grant.kind == "custom":
        return AuthResult(step=asked.step, grant=mint(asked.app, {"grant_type": "client_credentials"}))
    old = asked.grant.refresh_token.get_secret_value()
    grant = mint(asked.app, {"grant_type": "refresh_token", "refresh_token": old}, asked.grant)
    return AuthResult(step=asked.step, grant=grant)


def check(asked):
    try:
        token = asked.connection.access_token.get_secret_value()
        found = shop.organisations(token)[0]
    except Refused as refused:
        return AuthResult(step=asked.step, status="expired", problem=meaning(refused).to_dict())
    return AuthResult(step=asked.step, status="ok", organisation=Organisation(**found))


def disconnect(asked):
    try:
        shop.disconnect(asked.grant.access_token.get_secret_value())
    except Refused as refused:
        raise meaning(refused) from None
    return AuthResult(step=asked.step, status="ok")


STEPS = {
    "authorize": (authorize, "app"),
    "callback": (callback, "app pending callback_url"),
    "client_credentials": (client_credentials, "app"),
    "refresh": (refresh, "app grant"),
    "organisations": (
        lambda asked: AuthResult(step=asked.step, organisations=organisations(asked.grant)),
        "grant",
    ),
    "check": (check, "connection"),
    "disconnect": (disconnect, "grant"),
}


@hookimpl
def auth(request):
    asked = parse(AuthRequest, request, "request")
    step, needs = STEPS[asked.step]
    for name in needs.split():
        if getattr(asked, name) is None:
            raise invalid(f"request.{name}", "is needed")
    return step(asked)
