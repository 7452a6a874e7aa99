"""The real Xero as the stage of those scenarios that can be played there without harm.

Nothing is written and nothing is ended: scenarios that need a fault, a change, another consent or the end of
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
from bizosaas_xero.contract.replay import inputs_of
from bizosaas_xero.contract.scenarios import Scenario

SIGNED_IN = "BIZOSAAS_RECORD_SIGNED_IN"
"""Names the file, readable for its owner alone, in which ``record`` leaves app, grant and organisation."""

_HARMLESS = {"organisations", "check"}
_SALT = secrets.token_bytes(16)  # pseudonyms of real data must not be guessable


def can_be_played(scenario: Scenario, faults: Mapping[str, Any]) -> bool:
    """Tell whether a scenario comes about by itself at the real Xero."""
    if not scenario.http or scenario.expect.error or scenario.expect.status or scenario.expect.rejected:
        return False
    if scenario.name in faults or scenario.change:
        return False
    if scenario.hook == "run_action":
        return scenario.script == "read"
    return scenario.hook != "auth" or set(scenario.steps) <= _HARMLESS


class Stage:
    """One scenario at the real Xero; see :class:`bizosaas_xero.contract.recording.Stage`."""

    frozen = False
    salt = _SALT

    def __init__(self, subject: Subject, scenario: Scenario) -> None:
        self._named = inputs_of(subject.contract, scenario)
        self._signed_in = json.loads(Path(os.environ[SIGNED_IN]).read_text(encoding="utf-8"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    @property
    def bases(self) -> Mapping[str, Mapping[str, str]]:
        """Other bases than Xero's, such as a sandbox that poses as it."""
        settings = self._signed_in["settings"]
        places = {"/connect/": "https://identity.xero.com", "": "https://api.xero.com"}
        return dict.fromkeys(settings.values(), places)

    def inputs(self) -> Inputs:
        """Return the real credentials, where the scenario has invented ones."""
        known, named = self._signed_in, self._named
        connection = dict(named.connection) | {
            "organisation_id": known["organisation_id"],
            "access_token": known["grant"]["access_token"],
            "settings": {**named.settings, **known["settings"]},
        }
        return Inputs(known["app"], known["grant"], connection, connection["settings"])

    def consent(self, url: str) -> str:
        """Refuse: no scenario played here asks for one."""
        raise NotImplementedError(url)

    def happens(self, event: str) -> None:
        """Let nothing happen: everything is as it is."""
