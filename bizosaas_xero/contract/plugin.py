"""The pytest plugin: it adds options, and loads the kit only if a connector is named."""

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
    group.addoption("--bizosaas-scenario", metavar="PART", help="Only scenarios with this text in their names.")
    group.addoption("--bizosaas-report", metavar="FILE", help="Write the report as JSON.")
    group.addoption("--bizosaas-world", metavar="MODULE", help="The stage to record from, with --record-mode=rewrite.")


def pytest_configure(config: pytest.Config) -> None:
    """Register the reporter, and hide environment settings of the connector during a replay."""
    name = config.getoption("--bizosaas-connector")
    if name and (config.getoption("--record-mode", None) or "none") == "none":
        # XERO_API_URL, for example, would direct a replay to another address than the recorded one.
        names = [key for key in os.environ if key.startswith(f"{name.upper()}_")]
        hidden = {key: os.environ.pop(key) for key in names}
        config.add_cleanup(lambda: os.environ.update(hidden))
    report = config.getoption("--bizosaas-report")
    if report:
        from bizosaas_xero.contract.reporter import Reporter

        config.pluginmanager.register(Reporter(Path(report)), "bizosaas-reporter")


def pytest_collection(session: pytest.Session) -> None:
    """Find the connector before the clauses are collected, so that a wrong name is reported first."""
    if session.config.getoption("--bizosaas-connector"):
        from bizosaas_xero.contract.session import get_scenarios

        here = str(session.config.invocation_params.dir)
        if here not in sys.path:  # a module that is not installed is imported from the current folder
            sys.path.insert(0, here)
        get_scenarios(session.config)
