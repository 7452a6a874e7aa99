"""What docs/brain-gateway.md shows is true."""

from __future__ import annotations

import asyncio
import re
import sys
import types
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from bizosaas_xero.adapters.brain_gateway import ApprovalRequest
from bizosaas_xero.adapters.brain_gateway.actions import CONTROL_KEYS
from bizosaas_xero.adapters.brain_gateway.bridge import Bridge
from bizosaas_xero.adapters.brain_gateway.config import BridgeConfig
from bizosaas_xero.adapters.brain_gateway.stores import MemoryStore
from bizosaas_xero.adapters.brain_gateway.sync import PARAMS
from contract_tests.adapters.brain_gateway import changes, stand_in
from contract_tests.helpers.fake_connector import Clock, Fake
from contract_tests.helpers.paths import ROOT

pytestmark = pytest.mark.xero_sandbox(invoices=150, seed=9)

TEXT = (ROOT / "docs" / "brain-gateway.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def module(monkeypatch, name, **content):
    made = types.ModuleType(name)
    vars(made).update(content)
    monkeypatch.setitem(sys.modules, name, made)


def test_the_lines_to_add_register_what_is_installed(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("BIZOSAAS_SECRET_KEY", Fernet.generate_key().decode())
    engine, registry = sa.create_engine(f"sqlite:///{tmp_path / 'gateway.db'}"), stand_in.new_registry()
    for name in ("app", "app.connectors"):
        module(monkeypatch, name)
    module(monkeypatch, "app.connectors.base", **vars(stand_in))
    module(monkeypatch, "app.connectors.oauth_mixin", OAuthMixin=stand_in.OAuthMixin)
    module(monkeypatch, "app.connectors.registry", ConnectorRegistry=registry)
    module(monkeypatch, "app.database", engine=engine)
    exec(SNIPPETS[0], {})  # noqa: S102 (our own documentation)
    assert "xero loaded" in capsys.readouterr().out
    assert registry.get_connector_class("xero").__name__ == "XeroConnector"
    # Once more: the name is taken by now, and is not taken over.
    exec(SNIPPETS[0], {})  # noqa: S102 (our own documentation)
    assert "xero failed the gateway has a connector of this name already" in capsys.readouterr().out
    engine.dispose()


def test_the_documented_changes_fit_the_stand_in():
    """Each is made to a source, whole; and what it is made to works without it as well (``test_pains``)."""
    files = [file for file, _ in changes.changes()]
    assert files == [
        "app/routers/oauth.py",
        "app/api/connectors.py",
        "app/api/connectors.py",
        "app/activities/connector.py",
    ]
    for file, diff in changes.changes():
        added = {row[1:] for row in diff.splitlines() if row.startswith("+")}
        assert added <= set(changes.source_of(file, changed=True).splitlines())
        assert not added <= set(changes.source_of(file, changed=False).splitlines())


@pytest.mark.parametrize(
    "diff",
    [
        " not there\n+new\n",
        "-x = 1\n+x = 2\n",  # occurs twice
        "x = 3\n",
    ],
)
def test_a_change_that_does_not_fit_fails(diff):
    with pytest.raises(AssertionError):
        changes.applied("import y\nx = 1\nx = 1\n", diff)


def test_the_changed_activity_reads_and_the_unchanged_one_cannot(gateway):
    gateway.connect()

    def read(*, changed):
        given = (gateway.registry, gateway.registration, gateway.secret_service)
        made = stand_in.load("app/activities/connector.py", *given, changed=changed)
        return asyncio.run(made.sync_connector_data("xero", gateway.tenant, "invoices"))

    assert read(changed=False)["error"]["reason"] == "not_connected"
    first, second = read(changed=True), read(changed=True)
    assert first["count"] > 0
    assert not set(first["keys"]) & set(second["keys"])  # the cursor was kept


def test_every_pain_of_the_table_has_its_test():
    numbers = re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 12)]
    here = Path(__file__).parent
    files = (here / "test_pains.py", ROOT / "contract_tests" / "distribution" / "test_distribution.py")
    tests = "".join(path.read_text(encoding="utf-8") for path in files)
    assert [number for number in numbers if f"def test_pain_{number}_" not in tests] == []


def test_the_approver_of_the_example_approves_what_was_approved():
    known = {"approvals": {("t", "h"): "ann"}}
    exec(SNIPPETS[1], known)  # noqa: S102 (our own documentation)
    request = ApprovalRequest("t", "xero", "o", "pay", {}, {}, "h", "k")
    assert known["approve"](request) == "ann"


def test_the_webhooks_of_the_example_are_mounted():
    mounted = {}
    app = types.SimpleNamespace(mount=mounted.__setitem__)
    exec(SNIPPETS[2], {"app": app, "key": "k", "received": []})  # noqa: S102 (our own documentation)
    assert list(mounted) == ["/webhooks/xero"]


def test_every_name_of_the_bridges_own_is_told():
    bridge = Bridge(Fake(Clock()).connector(), BridgeConfig(store=MemoryStore()))
    for name in (*bridge.reserved, *CONTROL_KEYS, *PARAMS):
        assert f"`{name}`" in TEXT, name


def test_a_connector_that_uses_such_a_name_is_refused_with_the_reason():
    from bizosaas_xero.spec import Action

    fake = Fake(Clock())
    empty = {"title": "", "description": "", "result": {}, "effect": "read"}
    fake.actions = [
        Action(name="disconnect", params={}, **empty),
        Action(name="pay", params={"properties": {"mode": {}}}, **empty),
    ]
    assert Bridge(fake.connector(), BridgeConfig(store=MemoryStore())).find_name_conflicts() == "disconnect, pay.mode"
