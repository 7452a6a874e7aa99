"""The clock that the kit sets for a scenario is given back."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from bizosaas_xero.contract import replay


def test_after_a_scenario_time_goes_on_as_before():
    """time-machine before 2.18 left ``time.monotonic`` at the wall clock, for as long as the process lived.

    Timeouts that are kept in too small a number then ran out at once, about four times in ten: psycopg could
    not connect for a minute, then could for another.
    """
    wall, steady = time.time(), time.monotonic()
    with replay.freeze_time(datetime(2020, 1, 1, tzinfo=UTC)):
        assert datetime.now(UTC).year == 2020
        time.sleep(3600)  # by itself
        assert datetime.now(UTC).hour == 1
    assert 0 <= time.time() - wall < 600
    assert 0 <= time.monotonic() - steady < 600
