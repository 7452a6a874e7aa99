"""The connector and the scenarios of a pytest session, as its options name them."""

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
"""The scenario of calls that must be refused before any request."""

_SUBJECT = pytest.StashKey[Subject]()
_SCENARIOS = pytest.StashKey[list[Scenario]]()


def get_subject(config: pytest.Config) -> Subject:
    """Return the connector that the options name; it is loaded once.

    Raises:
        pytest.UsageError: no connector is named, or it cannot be found.
    """
    if _SUBJECT not in config.stash:
        name, contract = config.getoption("--bizosaas-connector"), config.getoption("--bizosaas-contract")
        if not name:
            raise pytest.UsageError("name a connector: --bizosaas-connector NAME")
        try:
            config.stash[_SUBJECT] = find(name, Path(contract) if contract else None)
        except MissingConnectorError as error:
            raise pytest.UsageError(str(error)) from None
    return config.stash[_SUBJECT]


def get_scenarios(config: pytest.Config) -> list[Scenario]:
    """Return the scenarios that its contract lists, and those that its fixtures can show."""
    if _SCENARIOS not in config.stash:
        subject = get_subject(config)
        scenarios = list(subject.contract.scenarios)
        missing = [] if recording(config) else subject.contract.missing()
        if missing:
            raise pytest.UsageError(f"declared cassettes are missing, or their provenance: {missing}")
        if subject.contract.transport == "none":
            scenarios += fixtures.scenarios(subject, _fixtures(subject))
        part = config.getoption("--bizosaas-scenario")
        config.stash[_SCENARIOS] = [scenario for scenario in scenarios if not part or part in scenario.name]
    return config.stash[_SCENARIOS]


def _fixtures(subject: Subject) -> ModuleType:
    try:
        return fixtures.load_fixtures(subject.contract)
    except ImportError as error:
        raise pytest.UsageError(f"the fixtures of {subject.name} cannot be imported: {error}") from None


def recording(config: pytest.Config) -> bool:
    """Return whether cassettes are recorded, not replayed."""
    return (config.getoption("--record-mode", None) or "none") != "none"
