"""The real brain-gateway, from a checkout that BRAIN_GATEWAY_SRC names, on a PostgreSQL database of its own.

What fills its tables with examples is left out: those files look like they hold live credentials. Nothing of it is read
or changed here; the environment must hold its requirements (``contract_tests/distribution/gateway_pins.txt``).
"""

from __future__ import annotations

import os
import sys
import types
import warnings
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

SERVER = "postgresql://postgres@127.0.0.1:5432"
DATABASE = "bizosaas_real_gateway"
LEFT_OUT = {
    "app.seeds": "",
    "app.seeds.connectors": "seed_connectors",
    "seed_mcp": "seed_mcp_registry",
    "seed_subscription_plans": "seed_subscription_plans",
}


def source() -> Path | None:
    """Return where the gateway's code is; ``None``: it is not given."""
    given = os.environ.get("BRAIN_GATEWAY_SRC")
    return Path(given) if given else None


@lru_cache
def load() -> types.SimpleNamespace:
    """Import the gateway once, and make its tables."""
    import psycopg

    folder = source()
    assert folder is not None
    with psycopg.connect(f"{SERVER}/postgres", autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {DATABASE}")
    os.environ |= {"DATABASE_URL": f"{SERVER}/{DATABASE}", "USE_VAULT": "false", "LOG_LEVEL": "ERROR"}
    sys.path.insert(0, str(folder))
    for name, function in LEFT_OUT.items():
        module = sys.modules[name] = types.ModuleType(name)
        if function:
            setattr(module, function, lambda: None)
    before = Path.cwd()
    os.chdir(folder)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the gateway's own code and pins
            main = import_module("main")
            import_module("init_db").init_db()
    finally:
        os.chdir(before)
    dependencies = import_module("app.dependencies")
    return types.SimpleNamespace(
        app=main.app,
        registry=import_module("app.connectors.registry").ConnectorRegistry,
        get_current_user=dependencies.get_current_user,
        get_secret_service=dependencies.get_secret_service,
        session=import_module("app.database").SessionLocal,
        user=import_module("app.domain.ports.identity_port").AuthenticatedUser,
    )


def clean(given: Any) -> None:
    """Take out what a test registered and mounted."""
    given.app.router.routes[:] = given.routes
    given.app.router.lifespan_context = given.lifespan
    for name in set(given.registry._connectors) - given.names:
        del given.registry._connectors[name]
        del given.registry._configs[name]
