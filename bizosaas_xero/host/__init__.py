"""The embedded host: for people who have no platform, and the example for those who write one.

It imports the contract (:mod:`bizosaas_xero.spec`) and never a connector's insides; whatever is installed in
the entry point group ``bizosaas.connectors`` runs in it. Its public names are those of ``host.host.__all__``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bizosaas_xero.host.host import *  # noqa: F403 (its __all__ is the one list of public names)


def __getattr__(name: str) -> Any:
    # Loaded on first use: discovery or the key alone need no SQLAlchemy. Modules are not among them.
    is_module = name.startswith("_") or find_spec(f"{__name__}.{name}")
    host = None if is_module else import_module(f"{__name__}.host")
    if host is None or name not in host.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(host, name)
