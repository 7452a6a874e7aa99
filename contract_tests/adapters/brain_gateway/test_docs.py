"""What docs/brain-gateway.md shows is true."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import types
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from bizosaas_xero.adapters import brain_gateway
from bizosaas_xero.adapters.brain_gateway.config import BridgeConfig
from bizosaas_xero.adapters.brain_gateway.work import CONTROL_KEYS, PARAMS, RESERVED
from contract_tests.adapters.brain_gateway import real, stand_in
from contract_tests.helpers.paths import ROOT

pytestmark = pytest.mark.xero_sandbox(invoices=150, seed=9)

TEXT = (ROOT / "docs" / "brain-gateway.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def package(monkeypatch, tmp_path):
    """The gateway's modules under their own names, made of the stand-in's."""
    if real.source() is not None:
        pytest.skip("the real gateway has these names")
    registry = type("ConnectorRegistry", (stand_in.ConnectorRegistry,), {"_connectors": {}, "_configs": {}})
    registry.__module__ = "app.connectors.registry"
    engine = types.SimpleNamespace(url=f"sqlite:///{tmp_path / 'gateway.db'}")
    for name, content in {
        "app": {},
        "app.connectors": {},
        "app.connectors.base": vars(stand_in),
        "app.connectors.oauth_mixin": {"OAuthMixin": stand_in.OAuthMixin},
        "app.connectors.registry": {"ConnectorRegistry": registry},
        "app.database": {"engine": engine},
        "app.dependencies": vars(stand_in),
    }.items():
        module = types.ModuleType(name)
        vars(module).update({key: value for key, value in content.items() if not key.startswith("__")})
        monkeypatch.setitem(sys.modules, name, module)
    return registry


def test_the_lines_to_add_mount_what_is_installed(package):
    app, registry = FastAPI(), package
    for snippet, known in zip(SNIPPETS, ({"app": app}, {}), strict=True):
        exec(snippet, known)  # noqa: S102 (our own documentation)
        assert known["done"].problem == ""
        assert [(row.name, row.status) for row in known["done"].rows][-1] == ("xero", "loaded") or not known.get("app")
        known["done"].close()
    assert registry.get_connector_class("xero").__name__ == "XeroConnector"
    # The second time the name is taken by now, and is not taken over.
    assert known["done"].rows[-1].reason == "the gateway has a connector of this name already"
    paths = {getattr(route, "path", "") for route in app.router.routes}
    assert {"/api/auth/callback/{connector}", "/bizosaas", "/api/connectors/xero/connect"} <= paths


def test_the_link_of_the_portal_is_a_page(gateway):
    [url] = re.findall(r'href="([^"]+)"', re.findall(r"^```html\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)[0])
    assert gateway("GET", urlsplit(url).path).status_code == 200


def test_every_argument_and_name_is_told():
    options = set(inspect.signature(brain_gateway.register_connectors).parameters) | set(
        BridgeConfig.__dataclass_fields__
    )
    hidden = {"registry", "gateway", "report", "environ", "options", "now"}  # for tests, or in the lines above
    for name in (options - hidden) | {"schedules"}:
        assert f"| `{name}` |" in TEXT, name
    for name in (*RESERVED, *CONTROL_KEYS, *PARAMS):
        assert f"`{name}`" in TEXT or f"?{name}=" in TEXT, name


def test_every_test_of_the_table_is_there():
    here = Path(__file__).parent
    tests = {
        node.name
        for path in here.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    told = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(told) >= 12
    assert told <= tests


def test_the_stand_in_imports_nothing_of_ours():
    tree = ast.parse((Path(__file__).parent / "stand_in.py").read_text(encoding="utf-8"))
    imported = [
        name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in [getattr(node, "module", None), *(alias.name for alias in node.names)]
        if name
    ]
    assert "fastapi" in imported
    assert not [name for name in imported if "bizosaas" in name]


def test_webhooks_are_verified_over_the_raw_body():
    import base64
    import hashlib
    import hmac

    from bizosaas_xero.adapters.brain_gateway.webhooks import WebhookReceiver
    from contract_tests.helpers.gateway import running

    received = []
    app = FastAPI()
    app.mount("/webhooks/xero", WebhookReceiver("the-key", received.append))
    body = b'{"events": [ ], "entropy": "\\u00e4"}'

    def signed(content, key=b"the-key"):
        return {"x-xero-signature": base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()}

    with running(app) as http:

        def post(content, headers) -> httpx.Response:
            return http.post("/webhooks/xero/", content=content, headers=headers)

        right = post(body, signed(body))
        assert (right.status_code, right.content) == (200, b"")
        assert post(body, signed(body, b"another")).status_code == 401
        assert post(body + b" ", signed(body)).status_code == 401
        assert post(body, {}).status_code == 401
        assert post(b"{", signed(b"{")).status_code == 400
        big = b" " * 1_000_001
        assert post(big, signed(big)).status_code == 413
        assert http.get("/webhooks/xero/").status_code == 405
    assert received == [{"events": [], "entropy": "ä"}]
    with pytest.raises(ValueError, match="key"):
        WebhookReceiver("", received.append)
