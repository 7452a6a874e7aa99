"""Run benchmarks: `python -m contract_tests.benchmarks [NAME…] [--json FILE] [--check]`.

Without a name all but the million run. Each prints a table; `--json` also keeps the figures in a file.
`--check` runs a small form of each and fails where a ratio has become worse by a third: see `check.py`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from contract_tests.benchmarks import check, day, doing, report, speed, startup

BENCHMARKS: dict[str, Callable[[], report.Table]] = {
    "throughput": speed.throughput,
    "first-read": speed.first_read,
    "day": day.quiet_day,
    "memory": speed.memory,
    "million": lambda: speed.memory((1_000_000,)),
    "startup": startup.startup,
    "growth": day.growth,
    "actions": doing.actions,
}


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m contract_tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    parser.add_argument("--check", action="store_true", help="compare a small form with expected.toml")
    given = parser.parse_args()
    if given.check:
        sys.exit(check.main())
    for name in given.names or [name for name in BENCHMARKS if name != "million"]:
        table = BENCHMARKS[name]()
        print(table.text(), end="\n\n", flush=True)  # noqa: T201
        if given.json:
            report.save([table], given.json)


if __name__ == "__main__":
    main()
