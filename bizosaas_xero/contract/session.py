"""What a pytest session looks at: the connector that its options name, and its scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bizosaas_xero.contract import fixtures
from bizosaas_xero.contract.connector import MissingConnectorError, Subject, find
from bizosaas_xero.contract.scenarios import Scenario

if TYPE_CHECKING:
    from types import ModuleType

BARE = Scenario(name="no-request", hook="auth", steps=("wait 0",), http=False)
"""Stands for calls that must be refused before any request."""

_SUBJECT = pytest.StashKey[Subject]()
_SCENARIOS = pytest.StashKey[list[Scenario]]()


def subject_of(config: pytest.Config) -> Subject:
    """Return the connector that the options name; it is loaded once."""
    if _SUBJECT not in config.stash:
        name, contract = config.getoption("--bizosaas-connector"), config.getoption("--bizosaas-contract")
        if not name:
            raise pytest.UsageError("name a connector: --bizosaas-connector NAME")
        try:
            config.stash[_SUBJECT] = find(name, Path(contract) if contract else None)
        except MissingConnectorError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[_SUBJECT]


def scenarios_of(config: pytest.Config) -> list[Scenario]:
    """Return what the connector is shown: what its contract lists, and what its fixtures can show."""
    if _SCENARIOS not in config.stash:
        subject = subject_of(config)
        found = list(subject.contract.scenarios)
        missing = [] if recording(config) else subject.contract.missing()
        if missing:
            raise pytest.UsageError(f"cassettes are declared and missing (or of untold origin): {missing}")
        if subject.contract.transport == "none":
            found += fixtures.scenarios(subject, _fixtures(subject))
        part = config.getoption("--bizosaas-scenario")
        config.stash[_SCENARIOS] = [one for one in found if not part or part in one.name]
    return config.stash[_SCENARIOS]


def _fixtures(subject: Subject) -> ModuleType:
    try:
        return fixtures.module_of(subject.contract)
    except ImportError as error:
        raise pytest.UsageError(f"the fixtures of {subject.name} cannot be imported: {error}") from None


def recording(config: pytest.Config) -> bool:
    """Tell whether cassettes are written, not read."""
    return (config.getoption("--record-mode", None) or "none") != "none"
