"""One renewal of a grant at a time, however long it takes."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from bizosaas_xero.adapters.brain_gateway import MemoryStore
from bizosaas_xero.adapters.brain_gateway.config import BridgeConfig
from bizosaas_xero.adapters.brain_gateway.grants import TenantAccess
from bizosaas_xero.host.storage import ownership
from bizosaas_xero.spec import Unavailable
from contract_tests.helpers.fake_connector import Clock, Fake


@pytest.fixture
def tenant_access():
    clock = Clock()
    fake, store = Fake(clock), MemoryStore(clock.now)
    made = TenantAccess(fake.connector(), BridgeConfig(store=store, now=clock.now, sleep=clock.sleep))
    made.save_app("t", {"client_id": "app", "kind": "custom"})
    made.save_grant("t", made.auth("t", {"step": "client_credentials"}))
    made.fake, made.clock = fake, clock
    return made


def test_a_renewal_that_takes_longer_than_its_lease_is_sent_once(tenant_access, monkeypatch):
    monkeypatch.setattr(ownership, "HEARTBEAT_INTERVAL", timedelta(milliseconds=5))
    refused = []

    def slowly():
        for _ in range(4):  # twice as long as the lease
            before = tenant_access.find("t").lease
            tenant_access.clock.sleep(ownership.LEASE_DURATION.total_seconds() / 2)
            give_up = time.monotonic() + 20
            while tenant_access.find("t").lease == before:
                assert time.monotonic() < give_up, "no heartbeat"
                time.sleep(0.005)
            with pytest.raises(Unavailable) as caught:  # another asks meanwhile
                tenant_access.get_valid("t")
            refused.append(caught.value.reason)

    tenant_access.fake.on_refresh = slowly
    tenant_access.clock.sleep(3600)
    minted = tenant_access.fake.minted
    fresh = tenant_access.get_valid("t")
    assert refused == ["refresh_running"] * 4
    assert tenant_access.fake.minted == minted + 1
    assert tenant_access.find("t").lease is None
    assert tenant_access.find("t").grant == fresh
