"""A pytest plugin: every sandbox that the tests start has switches turned. `test_switches.py` loads it.

`SANDBOX_SWITCHES` holds the settings as JSON, such as `{"ims_inclusive": false}`. No product code reads it.
"""

import json
import os

from bizosaas_xero.sandbox import state
from bizosaas_xero.sandbox.switches import Switches

_GIVEN = json.loads(os.environ["SANDBOX_SWITCHES"])
_STARTED: list[Switches] = []


def _turned() -> Switches:
    switches = Switches()
    for name, value in _GIVEN.items():
        switches.set(name, value)
    _STARTED.append(switches)
    return switches


def pytest_configure():
    """Let every new sandbox begin with these settings."""
    state.Switches = _turned


def pytest_terminal_summary(terminalreporter):
    """Say how many sandboxes did: a run without any proves nothing."""
    terminalreporter.write_line(f"sandboxes with switches turned: {len(_STARTED)}")
