"""What holds for every test."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# A busy machine is no failure: no deadlines, and slow drawing is allowed. The quick tier draws the same
# examples each time, so that a change is judged by what it changes; the long tier searches for new ones.
_CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.register_profile("steady", _CALM, derandomize=True)
settings.register_profile("search", _CALM, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
