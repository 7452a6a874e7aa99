"""Whatever bytes come in: how they are given to a reader, and what may come out of it."""

from __future__ import annotations

import json
import os
import time

from hypothesis import HealthCheck, settings

from bizosaas_xero import plugin
from bizosaas_xero.spec import ConnectorError

WHERE = {
    "api_url": "http://localhost:1",
    "identity_url": "http://localhost:1",
    "login_url": "http://localhost:1",
}
ORGANISATION = "11111111-1111-4111-8111-111111111111"
CONNECTION = {
    "organisation_id": ORGANISATION,
    "access_token": "token",
    "settings": {**WHERE, "calls_per_minute": 0},
}
APP = {"client_id": "x", "client_secret": "s", "redirect_uri": "http://localhost/cb", "kind": "web"}
CURSOR = {"v": 1, "entity": "invoices", "org": ORGANISATION}
SOON, SOON_ON_A_BUSY_MACHINE = 5.0, 60.0

SEARCHING = os.environ.get("HYPOTHESIS_PROFILE") == "search"
calm = settings(max_examples=1000 if SEARCHING else 60, suppress_health_check=list(HealthCheck), deadline=None)


def read_or_refused(call, *given_):
    """Call, and let nothing through but a result or an error of the contract that is whole, and that soon."""
    began, worked = time.monotonic(), time.process_time()
    try:
        result = call(*given_)
    except ConnectorError as error:
        result = error
    if isinstance(result, ConnectorError):
        assert result.message
        assert result.remedy
        json.dumps(result.to_dict(), allow_nan=False)
        assert result.retry_after is None or 0 <= result.retry_after <= 86_400
    assert time.process_time() - worked < SOON
    assert time.monotonic() - began < SOON_ON_A_BUSY_MACHINE
    return result


def sync(name="invoices", cursor=None, **changes):
    return list(plugin.sync_entity({**CONNECTION, **changes}, name, cursor, {"max_wait": 0, "max_batches": 3}))
