"""A host's view of one person who connected to the sandbox: plain dicts only."""

from __future__ import annotations

import json
import pickle
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from bizosaas_xero import plugin

REDIRECT = "http://localhost:8377/callback"


def calls(box, path="/api.xro/"):
    """Requests that the sandbox answered: it notes one after its answer, so others may be noted late."""
    return [line for line in list(box.sandbox.log) if path in line["path"]]


class Account:
    def __init__(self, box, kind="web", **settings) -> None:
        self.box = box
        info = box.info
        self.settings = {key: info[key] for key in ("api_url", "identity_url", "login_url")}
        # The client's own counting of calls has its own tests; here the sandbox's limits speak.
        self.settings |= {"calls_per_minute": 0, **settings}
        known = info["apps"][kind]
        self.app = {
            "client_id": known["client_id"],
            "client_secret": known["client_secret"],
            "redirect_uri": REDIRECT,
            "kind": known["kind"],
        }
        self.grant: dict = {}
        self.organisations: list[dict] = []

    def auth(self, step, **more):
        return plugin.auth({"step": step, "app": self.app, "settings": self.settings, **more})

    def connect(self, scopes=None, **consent):
        if self.app["kind"] == "custom":
            result = self.auth("client_credentials")
        else:
            begun = self.auth("authorize", scopes=scopes).model_dump(mode="json")
            url = self.box.sandbox.consent(begun["url"], **consent)
            result = self.auth("callback", pending=begun["pending"], callback_url=url)
        return self.keep(result)

    def keep(self, result):
        stored = result.model_dump(mode="json")
        self.grant = stored["grant"]
        self.organisations = stored["organisations"] or self.organisations
        return self

    def refresh(self):
        return self.keep(self.auth("refresh", grant=self.grant))

    @property
    def organisation_id(self):
        return self.organisations[0]["id"]

    def connection(self, **changes):
        return {
            "organisation_id": self.organisation_id,
            "access_token": self.grant["access_token"],
            "scopes": self.grant["scopes"],
            "settings": self.settings,
            **changes,
        }

    def sync(self, entity, cursor=None, **options):
        return plugin.sync_entity(self.connection(), entity, cursor, options)


def refused(call, *args, **more):
    """Return code, recovery and reason of the error that a call ends in; the rest of it must be whole."""
    with pytest.raises(Exception, match=r".") as caught:
        call(*args, **more)
    error = caught.value
    assert type(error).__module__ == "bizosaas_xero.spec.errors"
    assert error.message.strip()
    assert error.remedy.strip()
    assert pickle.loads(pickle.dumps(error)).to_dict() == error.to_dict()  # noqa: S301 (our own bytes)
    json.dumps(error.to_dict())
    return error.code, error.recovery, error.reason


def callback(account, scopes=None, **changes):
    """Consent, and return what the step ``callback`` needs; the address's query with changes, or without."""
    begun = account.auth("authorize", scopes=scopes).model_dump(mode="json")
    url = account.box.sandbox.consent(begun["url"])
    parts = urlsplit(url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    url = parts._replace(query=urlencode({k: v for k, v in query.items() if v is not None})).geturl()
    return {"pending": begun["pending"], "callback_url": url}
