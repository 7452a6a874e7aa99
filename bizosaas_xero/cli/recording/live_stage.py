"""The real Xero as the stage of scenarios that can be played there without harm.

Nothing is written and no access is ended: scenarios that need a fault, a change, another consent or the end of
access stay synthetic.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.observation import Inputs
from bizosaas_xero.contract.replay import inputs_for
from bizosaas_xero.contract.scenarios import Scenario

SIGNED_IN_VARIABLE = "BIZOSAAS_RECORD_SIGNED_IN"
"""Names the file, readable for its owner alone, in which ``record`` leaves app, grant and organisation."""

_HARMLESS_STEPS = {"organisations", "check"}
_SALT = secrets.token_bytes(16)  # pseudonyms of real data must not be guessable


def can_be_played(scenario: Scenario, faults: Mapping[str, Any]) -> bool:
    """Return whether a scenario happens at the real Xero without faults, changes or writes."""
    if not scenario.http or scenario.expect.error or scenario.expect.status or scenario.expect.rejected:
        return False
    if scenario.name in faults or scenario.change:
        return False
    if scenario.hook == "run_action":
        return scenario.script == "read"
    return scenario.hook != "auth" or set(scenario.steps) <= _HARMLESS_STEPS


class Stage:
    """One scenario at the real Xero; see :class:`bizosaas_xero.contract.recording.Stage`."""

    frozen = False
    salt = _SALT

    def __init__(self, subject: Subject, scenario: Scenario) -> None:
        self._invented = inputs_for(subject.contract, scenario)
        self._signed_in = json.loads(Path(os.environ[SIGNED_IN_VARIABLE]).read_text(encoding="utf-8"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def bases(self) -> Mapping[str, Mapping[str, str]]:
        """Bases other than Xero's, such as those of a sandbox."""
        settings = self._signed_in["settings"]
        places = {"/connect/": "https://identity.xero.com", "": "https://api.xero.com"}
        return dict.fromkeys(settings.values(), places)

    def inputs(self) -> Inputs:
        """Return the real credentials in place of the scenario's invented ones."""
        real, invented = self._signed_in, self._invented
        connection = dict(invented.connection) | {
            "organisation_id": real["organisation_id"],
            "access_token": real["grant"]["access_token"],
            "settings": {**invented.settings, **real["settings"]},
        }
        return Inputs(real["app"], real["grant"], connection, connection["settings"])

    def consent(self, url: str) -> str:
        """Refuse: no scenario that is played here asks for a consent."""
        raise NotImplementedError(url)

    def happens(self, event: str) -> None:
        """Ignore the event: nothing is changed at the real Xero."""
