"""The pytest plugin that measures what tests reach, forks for each mutant, and counts."""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import os
import pickle
import random
import select
import signal
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from contract_tests.mutation.mutants import Mutant, make_mutants

GRACE = 20
"""Seconds that a mutant gets beyond five times what its tests take unbroken; then it counts as killed."""


class Runner:
    """Runs tests against mutants of some modules, instead of pytest's own loop."""

    def __init__(
        self,
        files: list[str],
        *,
        draw: random.Random,
        sample: int,
        function: str,
        seconds: float,
        without: str,
        only: str = "",
    ) -> None:
        self._files, self._draw, self._sample = files, draw, sample
        self._function, self._seconds, self._without, self._only = function, seconds, without, only
        self._lines: dict[tuple[str, int], set[int]] = defaultdict(set)
        self._took: dict[int, float] = {}
        self._items: list[pytest.Item] = []
        self._killers: dict[str, list[int]] = defaultdict(list)
        self.results: dict[str, list[str]] = defaultdict(list)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Measure once, then try each mutant."""
        self._items = [item for item in session.items if not self._without or self._without not in item.nodeid]
        for file in self._files:
            _import_module(file)
        self._measure()
        for file in self._files:
            mutants = [each for each in make_mutants(file, Path(file).read_text("utf-8")) if self._is_wanted(each)]
            if self._sample and len(mutants) > self._sample:
                mutants = sorted(self._draw.sample(mutants, self._sample), key=lambda mutant: mutant.line)
            for mutant in mutants:
                self._note(mutant, *self._try(mutant))
        return True

    def report(self) -> str:
        """Return the figures."""
        counts = ", ".join(f"{len(found)} {outcome}" for outcome, found in sorted(self.results.items()))
        return f"\n{sum(map(len, self.results.values()))} mutants: {counts}\n"

    def _is_wanted(self, mutant: Mutant) -> bool:
        return self._function in mutant.function and (not self._only or _short(mutant) in self._only)

    def _note(self, mutant: Mutant, outcome: str, by: str) -> None:
        self.results[outcome].append(str(mutant))
        sys.__stdout__.write(f"{outcome:9} {_short(mutant)}  {by}\n")
        sys.__stdout__.flush()

    def _measure(self) -> None:
        """Run each test once, in a child, and keep which lines it reaches, how long it takes, and whether it passes."""
        answer = _in_child(self._measure_in_child, 3600)
        if answer is None:
            pytest.exit("the tests could not be measured")
        lines, self._took, failed = answer
        self._lines.update(lines)
        reached = sum(self._took.values())
        sys.__stdout__.write(f"{len(self._took)} tests in {reached:.0f} s; {len(failed)} fail unbroken: {failed}\n")

    def _measure_in_child(self) -> tuple[dict[tuple[str, int], set[int]], dict[int, float], list[str]]:
        lines: dict[tuple[str, int], set[int]] = defaultdict(set)
        took, failed, wanted = {}, [], set(self._files)
        current = -1

        def trace(frame: FrameType, event: str, _argument: object) -> Any:
            if frame.f_code.co_filename not in wanted:
                return None
            if event == "line":
                lines[frame.f_code.co_filename, frame.f_lineno].add(current)
            return trace

        for position, item in enumerate(self._items):
            current, began = position, time.monotonic()
            sys.settrace(trace)
            threading.settrace(trace)
            passed = _passes(item, None)
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            if passed:
                took[position] = time.monotonic() - began
            else:
                failed.append(item.nodeid)
        return dict(lines), took, failed

    def _try(self, mutant: Mutant) -> tuple[str, str]:
        reached: set[int] = set()
        for line in range(mutant.line, mutant.last_line + 1):
            reached |= self._lines.get((mutant.file, line), set())
        positions = self._choose(mutant.function, reached & self._took.keys())
        if not positions:
            return "untested", ""
        spent = sum(map(self._took.__getitem__, positions))
        answer = _in_child(lambda: _run_broken(mutant, [self._items[each] for each in positions]), GRACE + 5 * spent)
        if answer is None:
            return "killed", "(died or hung)"
        if answer < 0:
            return "SURVIVED", f"{len(positions)} of {len(reached)} tests"
        killer = positions[answer]
        self._killers[mutant.function] = [killer, *(each for each in self._killers[mutant.function] if each != killer)]
        return "killed", self._items[killer].nodeid

    def _choose(self, function: str, reaching: set[int]) -> list[int]:
        """Return tests within the time for one mutant: killers of the function's others, the shortest, and a spread."""
        by_time = sorted(reaching, key=self._took.__getitem__)
        spread = list(reaching)
        random.Random(function).shuffle(spread)  # noqa: S311 - which tests are run is no secret
        mixed = (each for pair in zip(by_time, spread, strict=True) for each in pair)
        chosen: list[int] = []
        left = self._seconds
        for position in dict.fromkeys([*self._killers[function], *mixed]):
            if position in reaching and (not chosen or self._took[position] <= left):
                chosen.append(position)
                left -= self._took[position]
        return chosen


def _short(mutant: Mutant) -> str:
    return os.path.relpath(str(mutant))


def _run_broken(mutant: Mutant, items: list[pytest.Item]) -> int:
    """Return which test fails; -1: none does."""
    _break(mutant)
    for position, item in enumerate(items):
        if not _passes(item, items[position + 1] if position + 1 < len(items) else None):
            return position
    return -1


def _passes(item: pytest.Item, following: pytest.Item | None) -> bool:
    return all(not report.failed for report in runtestprotocol(item, nextitem=following, log=False))


def _break(mutant: Mutant) -> None:
    """Give each living function of the module the code that it has in the mutant."""
    new = {(code.co_qualname, code.co_firstlineno): code for code in _codes(mutant.code)}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename == mutant.file:
            code = new.get((thing.__code__.co_qualname, thing.__code__.co_firstlineno))
            if code is not None and code != thing.__code__ and code.co_freevars == thing.__code__.co_freevars:
                thing.__code__ = code


def _codes(code: CodeType) -> list[CodeType]:
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return [code, *(found for child in inner for found in _codes(child))]


def _import_module(file: str) -> None:
    name = os.path.relpath(file).removesuffix(".py").replace(os.sep, ".")
    importlib.import_module(name)


def _in_child(work: Any, seconds: float) -> Any:
    """Return what a forked child returned; ``None``: it died, or took longer."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(reading)
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        try:
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(work(), pipe)
        finally:
            os._exit(0)
    os.close(writing)
    answer, end = b"", time.monotonic() + seconds
    with os.fdopen(reading, "rb") as pipe:
        while (left := end - time.monotonic()) > 0 and select.select([pipe], [], [], left)[0]:
            part = os.read(pipe.fileno(), 1 << 20)
            if not part:
                break
            answer += part
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return pickle.loads(answer) if answer else None  # noqa: S301 - our own child wrote it
