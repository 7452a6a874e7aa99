"""A local imitation of Xero: login, tokens, organisations, lists, limits, and faults on demand.

Start one with `serve`, or from the command line with `bizosaas-xero sandbox`.
"""

from bizosaas_xero.sandbox.core.clock import Clock
from bizosaas_xero.sandbox.core.store import Store
from bizosaas_xero.sandbox.server import Sandbox, SandboxServer, serve

__all__ = ["Clock", "Sandbox", "SandboxServer", "Store", "serve"]
