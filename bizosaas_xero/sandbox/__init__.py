"""A local imitation of Xero: login, tokens, organisations, lists, limits, and faults on demand.

Start one with `serve`, with the pytest fixture `xero_sandbox`, or with the command `bizosaas-xero sandbox`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.core.clock import Clock
    from bizosaas_xero.sandbox.core.store import Store
    from bizosaas_xero.sandbox.server import Sandbox, SandboxServer, serve

__all__ = ["Clock", "Sandbox", "SandboxServer", "Store", "serve"]

# imported on first use: pytest loads this package in every run, for its plugin
_MODULES = {"Clock": "core.clock", "Store": "core.store"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'server')}"), name)
