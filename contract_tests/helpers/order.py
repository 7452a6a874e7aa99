"""The order of files of tests: those that take longest first, so that none is left to one core at the end."""

from __future__ import annotations

from contract_tests.helpers.paths import ROOT

LONGEST = (
    "reliability/test_matrix.py",
    "docs/test_blocks.py",
    "reliability/test_soak.py",
    "cli/test_secrets.py",
    "web/test_browser.py",
    "contract/test_writes.py",
    "contract/test_doors.py",
    "cli/test_disk.py",
    "cli/test_bad_input.py",
    "cli/test_journeys.py",
    "contract/test_record.py",
    "adapters/mcp/test_reading.py",
    "sandbox/test_histories.py",
    "reliability/test_long_histories.py",
)
"""Each takes some ten seconds of processor or more, under `contract_tests`."""


def put_longest_first(items) -> None:
    """Sort collected tests; those of other files stay in their order."""
    rank = {ROOT / "contract_tests" / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))
