"""What holds for every test."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings

from contract_tests.helpers.authorities import share_authorities
from contract_tests.helpers.order import put_longest_first

pytest_plugins = [
    f"contract_tests.helpers.fixtures.{name}"
    for name in ("sandbox", "xero", "host", "cli", "gateway", "distribution", "web", "open_id", "node")
]

share_authorities()

# A busy machine is no failure: no deadlines, and slow drawing is allowed. The quick tier draws the same
# examples each time, so that a change is judged by what it changes; the long tier searches for new ones.
_CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
settings.register_profile("steady", _CALM, derandomize=True)
settings.register_profile("search", _CALM, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


# A job in the background is started with SIGINT ignored, and its children inherit that: Ctrl-C could not be tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    if hasattr(config.option, "loadscopereorder"):  # by the number of tests in a file, which says little of its length
        config.option.loadscopereorder = False


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """What does not depend on the database (marker `any_database`) meets PostgreSQL among the long proofs only.

    Files that take long are begun first.
    """
    for item in items:
        kind = getattr(item, "callspec", None) and item.callspec.params.get("database_kind")
        if kind == "postgresql" and item.get_closest_marker("any_database"):
            item.add_marker(pytest.mark.slow)
    put_longest_first(items)


_FAULTS_MODULE = "bizosaas_xero.sandbox.http.faults"
_SERVING = {"sandbox_server", "shared_sandbox_server", "make_company"}


@pytest.fixture(autouse=True)
def _every_fault_strikes(request):
    """Fail a test whose sandbox faults struck no request; the marker `unstruck_faults` allows all or a part."""
    served = _SERVING.intersection(request.fixturenames)
    module = importlib.import_module(_FAULTS_MODULE) if served else sys.modules.get(_FAULTS_MODULE)
    if module is None:  # the sandbox is not imported: nothing of it can be used
        yield
        return
    added, add = [], module.Faults.add

    def record(self, *args, **details):
        added.append(add(self, *args, **details))
        return added[-1]

    with mock.patch.object(module.Faults, "add", record):
        yield
    unstruck = [fault.to_public() for fault in added if not fault.struck]
    marker = request.node.get_closest_marker("unstruck_faults")
    allowed = 0 if marker is None else marker.kwargs.get("part", 1) * len(added)
    if len(unstruck) > allowed:
        pytest.fail(f"these faults struck no request: {unstruck}", pytrace=False)


@pytest.fixture(autouse=True)
def no_sleep(request):
    """Retry as often as in earnest and do not sleep; the marker `attempts` lowers how often."""
    import stamina

    marker = request.node.get_closest_marker("attempts")
    with stamina.set_testing(True, attempts=marker.args[0] if marker else 10, cap=True):
        yield


@pytest.fixture(autouse=True)
def _clients_are_closed():
    """Close the connector's HTTP clients after each test: an open socket would fail another test."""
    yield
    module = sys.modules.get("bizosaas_xero.toolkit.http")
    if module is not None:
        module.close_clients()


@pytest.fixture(autouse=True)
def _processes_are_ended():
    """End what a test left running, and fail that test: noticed later, it would fail another one."""
    started, start = [], subprocess.Popen.__init__

    def record(self, *args, **options):
        start(self, *args, **options)
        if threading.current_thread() is threading.main_thread():  # a module's pool of threads works across tests
            started.append(self)

    with mock.patch.object(subprocess.Popen, "__init__", record):
        yield
    left = []
    for process in started:
        if getattr(process, "outlives_a_test", False):
            continue
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            left.append(process.args)
            process.kill()
            process.wait()
        for pipe in filter(None, (process.stdin, process.stdout, process.stderr)):
            pipe.close()
    if left:
        pytest.fail(f"this test left processes running: {left}", pytrace=False)
