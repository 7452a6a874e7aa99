"""Fixtures of the clauses: the connector under test, and its observation in each scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from bizosaas_xero.contract import fixtures, replay
from bizosaas_xero.contract.clause_registry import NO_SCENARIO, Broken, Clause
from bizosaas_xero.contract.connector import Subject
from bizosaas_xero.contract.observation import Observation, World
from bizosaas_xero.contract.player import play
from bizosaas_xero.contract.recording import record
from bizosaas_xero.contract.scenarios import Scenario
from bizosaas_xero.contract.scrub import Scrubber
from bizosaas_xero.contract.session import BARE, get_scenarios, get_subject

if TYPE_CHECKING:
    from vcr import VCR


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize each clause with the scenarios that show it."""
    clause: Clause | None = getattr(metafunc.function, "__clause__", None)
    if clause is None:
        return
    subject = get_subject(metafunc.config)
    exemptions = [row for row in subject.contract.exempt if row.clause == clause.id]
    if "seen" not in metafunc.fixturenames:
        for row in exemptions:
            mark = pytest.mark.xfail(strict=True, reason=row.reason, raises=Broken)
            metafunc.definition.add_marker(mark)
        return
    shows = clause.shown_by or (lambda _scenario: False)
    showing = [scenario for scenario in get_scenarios(metafunc.config) if shows(scenario)]
    params = []
    for scenario in showing:
        reasons = [row.reason for row in exemptions if row.scenario in (None, scenario.name)]
        marks = [pytest.mark.xfail(strict=True, reason=reason, raises=Broken) for reason in reasons]
        params.append(pytest.param(scenario, id=scenario.name, marks=marks))
    metafunc.parametrize("seen", params or [pytest.param(None, id=NO_SCENARIO)], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse a run that collected no clause: it would report success."""
    clauses = [item for item in items if hasattr(getattr(item, "function", None), "__clause__")]
    if config.getoption("--bizosaas-connector") and not clauses:
        raise pytest.UsageError("no clause was collected")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Any:
    """Report a broken ``should`` without failing the run."""
    clause: Clause | None = getattr(pyfuncitem.function, "__clause__", None)
    try:
        return (yield)
    except Broken as complaint:
        if clause is None or clause.severity == "must" or pyfuncitem.get_closest_marker("xfail"):
            raise
        pytest.xfail(f"should: {complaint}")


def pytest_recording_configure(config: pytest.Config, vcr: VCR) -> None:
    """Register the kit's matchers with VCR."""
    if config.getoption("--bizosaas-connector"):
        for name, matcher in replay.matchers(get_subject(config).contract).items():
            vcr.register_matcher(name, matcher)


@pytest.fixture(scope="session")
def subject(pytestconfig: pytest.Config) -> Subject:
    """The connector under test."""
    subject = get_subject(pytestconfig)
    reporter = pytestconfig.pluginmanager.get_plugin("bizosaas-reporter")
    if reporter is not None:
        reporter.about = {
            "connector": subject.name, "target": subject.target, "version": subject.version,
            "import_ms": subject.probe.get("ms"), "scenarios": len(get_scenarios(pytestconfig)),
        }  # fmt: skip
    return subject


@pytest.fixture(scope="session")
def vcr_config(subject: Subject) -> dict[str, Any]:
    """The configuration of VCR: how cassettes are matched and scrubbed."""
    return replay.vcr_config(Scrubber(headers=replay.matched_headers(subject.contract)))


@pytest.fixture(scope="session")
def vcr_cassette_dir(subject: Subject) -> str:
    """The folder of the connector's cassettes."""
    return str(subject.contract.cassette_folder)


Player = Callable[[Scenario], Observation]


@pytest.fixture(scope="session")
def player(
    subject: Subject, vcr_config: dict[str, Any], vcr_cassette_dir: str, pytestconfig: pytest.Config
) -> Iterator[Player]:
    """Return a function that plays a scenario once and returns its observation."""
    played: dict[str, Observation] = {}
    record_mode = pytestconfig.getoption("--record-mode", None) or "none"
    stage = import_module(pytestconfig.getoption("--bizosaas-world")) if record_mode != "none" else None

    def observe(scenario: Scenario) -> Observation:
        if scenario.name not in played:
            if stage is not None and scenario.http:
                played[scenario.name] = record(subject, scenario, stage.Stage, vcr_cassette_dir, pytestconfig)
            else:
                played[scenario.name] = _replay(subject, scenario, vcr_config, vcr_cassette_dir, pytestconfig)
        return played[scenario.name]

    yield observe
    played.clear()


def _replay(
    subject: Subject, scenario: Scenario, vcr: dict[str, Any], folder: str, config: pytest.Config
) -> Observation:
    from pytest_recording._vcr import use_cassette
    from pytest_recording.network import blocking_context

    contract = subject.contract
    with replay.freeze_time(scenario.frozen or contract.frozen) as traveller:
        if contract.transport == "none" and scenario is not BARE:
            module = fixtures.load_fixtures(contract)
            return play(subject, scenario, fixtures.Fixtures(subject, scenario, module, traveller))
        with (
            blocking_context(),
            use_cassette(scenario.name, folder, "none", [], vcr, config) as cassette,
        ):
            return play(subject, scenario, replay.Replay(contract, scenario, cassette, traveller))


@pytest.fixture
def seen(request: pytest.FixtureRequest, subject: Subject, player: Player) -> Observation:
    """The observation of this test's scenario."""
    if request.param is None:
        clause: Clause = request.function.__clause__
        excuse = clause.unless(subject)
        if excuse:
            pytest.skip(excuse)
        raise Broken("no scenario in its contract.toml shows this")
    return player(request.param)


@pytest.fixture
def world(
    subject: Subject, vcr_config: dict[str, Any], vcr_cassette_dir: str, pytestconfig: pytest.Config
) -> Iterator[World]:
    """A world without recorded answers, for calls that must be refused before any request."""
    from pytest_recording._vcr import use_cassette
    from pytest_recording.network import blocking_context

    with replay.freeze_time(subject.contract.frozen) as traveller:
        if subject.contract.transport == "none":
            yield fixtures.Fixtures(subject, BARE, fixtures.load_fixtures(subject.contract), traveller)
            return
        with (
            blocking_context(),
            use_cassette(BARE.name, vcr_cassette_dir, "none", [], vcr_config, pytestconfig) as cassette,
        ):
            yield replay.Replay(subject.contract, BARE, cassette, traveller)
