"""Break one thing at a time, and see which breakage no test notices.

All tests are imported once. For each mutant the process forks; the child exchanges the code of the broken function
and runs the tests that reach the broken line, shortest first, until one fails. Only tests of this process count: what
a test starts as a process of its own runs the code unbroken.

    python -m contract_tests.mutation --mutate bizosaas_xero/host/actions/policy.py contract_tests/host/actions
"""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

import pytest

from contract_tests.mutation.runner import Runner


def main() -> int:
    """Run, and print each survivor and the figures."""
    parser = argparse.ArgumentParser(prog="python -m contract_tests.mutation", description=__doc__)
    parser.add_argument("--mutate", action="append", required=True, help="a module, by its path; may come again")
    parser.add_argument("--function", default="", help="only functions with this text in their names")
    parser.add_argument("--sample", type=int, default=0, help="only so many mutants of each module, drawn by --seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=30, help="for the tests of one mutant, as measured unbroken")
    parser.add_argument("--without", default="", help="leave out tests with this text in their names")
    parser.add_argument("--again", type=Path, help="only the survivors in this output of an earlier run")
    parser.add_argument("tests", nargs="+", help="files or folders of tests")
    options = parser.parse_args()
    runner = Runner(
        [str(Path(path).resolve()) for path in options.mutate],
        draw=random.Random(options.seed),  # noqa: S311 - which mutants are drawn is no secret
        sample=options.sample,
        function=options.function,
        seconds=options.seconds,
        without=options.without,
        only=_survivors(options.again) if options.again else "",
    )
    pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", *options.tests], plugins=[runner])
    sys.stdout.write(runner.report())
    return 0


def _survivors(output: Path) -> str:
    lines = output.read_text("utf-8").splitlines()
    return "\n".join(line for line in lines if line.startswith("SURVIVED"))


if __name__ == "__main__":
    sys.exit(main())
