"""Signing xero-node in to a sandbox through a browser."""

from __future__ import annotations

import contextlib

from contract_tests.sandbox.reports.test_endpoint import SCOPES as REPORT_SCOPES

VERSION = "20.0.0"
CALLBACK = "http://localhost:8742/callback"
ACCOUNTING_SCOPES = [
    *("accounting.settings", "accounting.contacts", "accounting.invoices", "accounting.payments"),
    *("accounting.banktransactions", "accounting.manualjournals"),
    *(scope for scope in REPORT_SCOPES.split() if "reports" in scope),
]
SIGN_IN_SCOPES = ["openid", "profile", "email", "offline_access", *ACCOUNTING_SCOPES]


@contextlib.contextmanager
def signed_in(start, server, **consent):
    """Yield a client that a person signed in."""
    app = server.info["apps"]["web"]
    with start(app, redirectUris=[CALLBACK], scopes=SIGN_IN_SCOPES, state="s-1") as node:
        url = node.call("buildConsentUrl")
        assert url.startswith("https://login.xero.com/identity/connect/authorize?")
        node.token = node.call("apiCallback", server.sandbox.consent(url, **consent))
        node.tenant = server.info["organisations"][0]["id"]
        yield node
