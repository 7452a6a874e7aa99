"""Several processes of the gateway share one store: of all that need an expired grant, one renews it."""

from __future__ import annotations

import asyncio
import multiprocessing
from datetime import UTC, datetime
from functools import partial

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from bizosaas_xero.adapters.brain_gateway import register_connectors
from bizosaas_xero.adapters.brain_gateway.file_store import FileStore
from bizosaas_xero.adapters.brain_gateway.sql_store import SqlStore
from contract_tests.adapters.brain_gateway import stand_in
from contract_tests.adapters.brain_gateway.test_pains import edit_grant, renewals
from contract_tests.helpers.gateway import settings_of

pytestmark = pytest.mark.xero_sandbox(invoices=150, seed=9)

PROCESSES = 4


def open_store(kind, folder, key):
    environ = {"BIZOSAAS_SECRET_KEY": key}
    if kind == "file":
        return FileStore(folder, environ=environ)
    return SqlStore(sa.create_engine(f"sqlite:///{folder}/kept.db"), environ=environ)


def work(opened, settings, credentials, ready, answers):
    """Be a worker of the gateway: make an object for a request, as its routes do."""
    registry = stand_in.new_registry()
    register_connectors(
        base_connector=stand_in.BaseConnector,
        connector_config=stand_in.ConnectorConfig,
        connector_type=stand_in.ConnectorType,
        connector_status=stand_in.ConnectorStatus,
        oauth_mixin=stand_in.OAuthMixin,
        registry=registry,
        store=opened(),
        settings={"xero": settings},
        names=["xero"],
    )
    made = registry.create_connector("xero", "tenant-1", credentials)
    ready.wait(60)
    answers.put(asyncio.run(made.perform_action("get_organisation", {}))["status"])


@pytest.mark.parametrize("kind", ["file", pytest.param("sql", marks=pytest.mark.slow)])
def test_an_expired_grant_is_renewed_once(start_gateway, shared_sandbox_server, tmp_path, kind):
    opened = partial(open_store, kind, str(tmp_path), Fernet.generate_key().decode())
    gateway = start_gateway(store=opened())
    gateway.connect()
    [credentials] = gateway.secrets.values()
    edit_grant(gateway, expires_at=datetime.now(UTC).isoformat())
    before = renewals(gateway, shared_sandbox_server)
    spawn = multiprocessing.get_context("spawn")
    ready, answers = spawn.Barrier(PROCESSES), spawn.Queue()
    given = (opened, settings_of(shared_sandbox_server), credentials, ready, answers)
    running = [spawn.Process(target=work, args=given) for _ in range(PROCESSES)]
    for each in running:
        each.start()
    told = [answers.get(timeout=60) for _ in running]
    for each in running:
        each.join(30)
    assert told == ["success"] * PROCESSES
    assert renewals(gateway, shared_sandbox_server) == before + 1
