"""Small, realistic breakages of the Xero connector, by edits of its modules, its door or its contract.

A row: the clause that must kill it, what is wrong, and the edits (module or ``contract.toml``, old, new).
"""

from __future__ import annotations

TOML = "contract.toml"


def _without(name):
    """An edit that takes one scenario out of the contract."""
    return (TOML, f'[[scenarios]]\nname = "{name}"\n', None)


XEROS = [
    ("sync.cursor-sent", "forgets If-Modified-Since", [("client", "        if since:\n", "        if False:\n")]),
    ("replay.only-recorded", "orders by the stamp, newest first", [("sync", '} ASC"', '} DESC"')]),
    ("replay.only-recorded", "forgets which organisation", [("client", '            "Xero-Tenant-Id": self._connection.organisation_id,\n', "")]),
    ("replay.only-recorded", "sends the old token after a refresh", [("oauth", "refresh_token=stored)", "refresh_token=stored[:-1])")]),
    ("replay.all-played", "does not look the organisation up", [("connections", 'if not scopes.missing(granted, "accounts"):', "if False:")]),
    ("replay.no-stray-cassette", "a cassette is left over", [_without("invoices-page-by-page")]),
    ("auth.steps-covered", "nothing shows how it disconnects", [_without("organisation-disconnected-twice"), _without("everything-revoked")]),
    ("sync.entities-covered", "an entity is not shown", [_without("payments-first-read")]),
    ("actions.covered", "offers an action that nobody has seen", [("plugin", "@hookimpl\ndef list_actions", "@hookimpl\ndef list_actions(connection):\n    return [Action(name='strange', title='S', description='Does a strange thing.', params={}, result={}, effect='read')]\n\n\ndef _list_actions")]),
    ("sync.every-page-read", "stops after two pages", [("paging", "last = number >= math.ceil(", "last = number >= 2 or number >= math.ceil(")]),
    ("sync.decimals-exact", "amounts go through float", [("decode", "float_hook=Decimal)", "float_hook=lambda text: Decimal(str(float(text))))")]),
    ("sync.stamps-aware", "drops the time zone", [("decode", '    "stamps": (datetime, stamp),', '    "stamps": (datetime, lambda text: stamp(text).replace(tzinfo=None)),')]),
    ("sync.cursor-sent", "the cursor is this machine's time", [("sync", "started = reading.started or self._cursor.since\n", "started = self._now() + timedelta(hours=2)\n")]),
    ("errors.as-expected", "a broken answer is an empty page", [("client", "        if response.status_code != httpx.codes.OK:\n            error", "        if response.status_code >= 500:\n            return Answer({}, None)\n        if response.status_code != httpx.codes.OK:\n            error")]),
    ("errors.as-expected", "the day's limit is waited for", [("client", "        if seconds > self._wait_left:\n            raise error\n", "")]),
    ("errors.limit-says-when", "a limit does not say when", [("answers", "reason=reason, retry_after=retry_after)", "reason=reason)")]),
    ("errors.as-expected", "every 403 is a lost organisation", [("client", "if isinstance(error, OrganisationUnavailable) and self._is_connected():", "if False:")]),
    ("errors.as-expected", "the missing scope is not recognised", [("answers", '"insufficent_scope" in challenge or "insufficient_scope" in challenge or _speaks_of_scope(response)', "False")]),
    ("errors.never-foreign", "httpx's exceptions come out", [("client", "        raise answers.garbled(response) from None\n    if not", "        raise\n    if not")]),
    ("auth.refresh-replaces", "keeps the old refresh token", [("oauth", 'kept = {"identity": grant.identity', 'kept = {"refresh_token": grant.refresh_token, "identity": grant.identity')]),
    ("auth.no-secret-shown", "logs the token", [("client", '        return {\n            "Authorization"', '        import logging\n\n        logging.getLogger(__name__).info("asking with %s", self._token)\n        return {\n            "Authorization"')]),
    ("auth.no-secret-shown", "an error quotes the token", [("connections", "    raise answers.organisation_unavailable()", "    error = answers.organisation_unavailable()\n    error.message += token\n    raise error")]),
    ("auth.state-checked", "the state is not checked", [("oauth", 'if not hmac.compare_digest(came.get("state", "").encode(), pending.state.encode()):', "if False:")]),
    ("auth.pending-expires", "a consent never ends", [("consent", "    if pending.expires_at <= now:\n", "    if False:\n")]),
    ("auth.pending-single-use", "a consent can be used twice", [("consent", "        if pending.state in _spent:\n", "        if False:\n")]),
    ("auth.authorize-state", "the state is always the same", [("consent", "state=secrets.token_urlsafe(32)", 'state="a-state-that-is-long-enough"')]),
    ("sync.cursor-foreign", "takes any entity's cursor", [("cursor", "if (cursor.entity, cursor.org) != (entity, organisation):", "if cursor.org != organisation:")]),
    ("sync.rejected-reported", "drops what it cannot read", [("sync", "                bad.append((index, key, str(error)))\n                continue", "                continue")]),
    ("sync.resume-equals-whole", "a cursor is one page too far", [("sync", '"page": page.number + 1', '"page": page.number + 2')]),
]  # fmt: skip
