"""Signing in with an OpenID Connect issuer of this process: going there, coming back, and what the pages saw."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import SecretStr

from bizosaas_xero.web.guard import VISIT
from bizosaas_xero.web.people import OpenIdSettings
from contract_tests.helpers.issuer import CLIENT, ISSUER, SECRET

ORIGIN = "https://books.example"
SETTINGS = OpenIdSettings(ISSUER, CLIENT, SecretStr(SECRET))


class Moment:
    def __init__(self):
        self.now = datetime(2026, 11, 30, 9, tzinfo=UTC)

    def __call__(self):
        return self.now


def leave(team_visitor, path="/sign-in"):
    """Go to the issuer; return its address."""
    return team_visitor.send("GET", path, follow=False).headers["location"]


def come_back(team_visitor, target):
    return team_visitor.get(target.removeprefix(ORIGIN))


def sign_in(team_visitor, issuer, path="/sign-in", **given):
    return come_back(team_visitor, issuer.authorize(leave(team_visitor, path), **given))


def seen_by_pages(pages):
    """Note the identity of each request that reaches the pages."""
    seen, inner = [], pages.asgi._app

    async def spy(scope, receive, send):
        seen.append(scope[VISIT].identity)
        await inner(scope, receive, send)

    pages.asgi._app = spy
    return seen
