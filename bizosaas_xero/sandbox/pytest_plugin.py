"""The pytest fixture `xero_sandbox`, for people who test an integration with Xero.

pytest finds it by itself where this package is installed with its extra `sandbox`; a run that does not use the
fixture imports nothing of the sandbox.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.server import SandboxServer

_MARKER = "xero_sandbox(**options): options of `bizosaas_xero.sandbox.serve` for the fixture `xero_sandbox`"
_DEFAULTS = {"invoices": 50, "limits": False}


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def xero_sandbox(request: pytest.FixtureRequest) -> "Iterator[SandboxServer]":
    """Serve a new local Xero for one test.

    It has 50 documents and enforces no rate limits; the marker `xero_sandbox` sets other options of `serve`. The
    test fails when a fault that it added struck no request.
    """
    from bizosaas_xero.sandbox import serve

    marker = request.node.get_closest_marker("xero_sandbox")
    options = {**_DEFAULTS, **(marker.kwargs if marker else {})}
    with serve(**options) as server:
        yield server
    unstruck = server.sandbox.faults.unstruck()
    if unstruck:
        pytest.fail(f"these faults struck no request: {unstruck}", pytrace=False)
