"""The pytest plugin: options only, so that it costs nothing where no connector is looked at."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the contract kit."""
    group = parser.getgroup("bizosaas", "contract kit of integration connectors")
    group.addoption(
        "--bizosaas-connector",
        metavar="NAME",
        help="The connector to check: an entry point's name or a module.",
    )
    group.addoption("--bizosaas-contract", metavar="FILE", help="Its contract.toml, if not in its package.")
    group.addoption("--bizosaas-scenario", metavar="PART", help="Only scenarios with this in their names.")
    group.addoption("--bizosaas-report", metavar="FILE", help="Write what was found as JSON.")
    group.addoption("--bizosaas-world", metavar="MODULE", help="What is recorded, with --record-mode=rewrite.")


def pytest_configure(config: pytest.Config) -> None:
    """Write the report, if it is wanted, and forget settings that somebody exported for the connector."""
    name = config.getoption("--bizosaas-connector")
    if name and (config.getoption("--record-mode", None) or "none") == "none":
        # XERO_API_URL, for one, would lead a replay to another address than the recorded one.
        exported = [key for key in os.environ if key.startswith(f"{name.upper()}_")]
        kept = {key: os.environ.pop(key) for key in exported}
        config.add_cleanup(lambda: os.environ.update(kept))
    report = config.getoption("--bizosaas-report")
    if report:
        from bizosaas_xero.contract.reporter import Reporter

        config.pluginmanager.register(Reporter(Path(report)), "bizosaas-reporter")


def pytest_collection(session: pytest.Session) -> None:
    """Find the connector before anything else: without one, nothing was looked at."""
    if session.config.getoption("--bizosaas-connector"):
        from bizosaas_xero.contract.session import scenarios_of

        here = str(session.config.invocation_params.dir)
        if here not in sys.path:  # a module that is not installed is looked for where pytest was called
            sys.path.insert(0, here)
        scenarios_of(session.config)
