"""What a person reads: nothing untrue, nothing left unsaid, nothing of the libraries beneath."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bizosaas_xero.cli.commands.status import show_status
from bizosaas_xero.cli.output import LATER, OK, PERSON, Output
from bizosaas_xero.host import open_host

pytestmark = pytest.mark.xero_sandbox(invoices=120, limits=False)
"""A sandbox of its own: in a shared one the same sign-in also reaches what other tests connected."""


def words(done):
    return " ".join((done.stdout + done.stderr).split())


def clear(person):
    httpx.delete(f"{person.sandbox['api_url']}/_sandbox/faults").raise_for_status()


def test_before_the_first_reading_status_says_what_to_run(in_process_person):
    assert "Nothing was synced yet. Sync with: bizosaas-xero sync" in words(in_process_person.run("status"))


def test_what_nobody_reads_is_told(in_process_person, monkeypatch, capsys):
    in_process_person.json("sync", "accounts", "contacts")
    for name, value in in_process_person.environ.items():
        monkeypatch.setenv(name, value)
    for later, late in ((timedelta(minutes=50), False), (timedelta(hours=3), True)):
        assert show_status(Output(as_json=False), lambda later=later: datetime.now(UTC) + later) == OK
        said = capsys.readouterr().out
        assert ("Overdue: contacts, accounts." in said) == late
        assert ("sync --watch" in said) == late


def test_a_used_up_limit_is_not_called_calls_that_are_left(in_process_person):
    in_process_person.json("sync", "accounts")
    assert "calls made" in words(in_process_person.run("status")) or "1 call made" in words(
        in_process_person.run("status")
    )
    in_process_person.fault("rate_limit", problem="day", retry_after=4000, times=None)
    in_process_person.run("sync", "accounts")
    shown = words(in_process_person.run("status"))
    assert "A rate limit is reached: syncing resumes automatically in 1 hour." in shown
    assert " left." not in shown
    examined = in_process_person.run("doctor")
    assert examined.returncode == LATER
    assert "Not everything could be examined now" in words(examined)
    assert "No problems found" not in words(examined)
    assert examined.stderr == ""


def test_a_request_that_is_repeated_prints_nothing(connected_person):
    connected_person.fault("status", status=503, times=1)
    done = connected_person.run("sync", "accounts")
    assert (done.returncode, done.stderr) == (0, "")


def test_connecting_again_clears_what_waited_for_it(in_process_person):
    in_process_person.json("sync", "accounts")
    in_process_person.fault("disconnect")
    assert in_process_person.run("sync", "accounts").returncode == PERSON
    told = in_process_person.run("doctor")
    assert told.returncode == PERSON
    assert "Here: bizosaas-xero connect" in words(told)
    assert "clock" not in told.stdout, "the clock is not what is wrong"
    watcher = in_process_person.start("sync", "--watch")
    first = [watcher.stdout.readline() for _ in range(2)]
    assert first[0].startswith("Keeping up to date")
    assert "not connected any more" in first[1], "an organisation that is not kept up to date is named"
    watcher.terminate()
    watcher.communicate(timeout=20)
    shown = in_process_person.json("status", code=PERSON)["connections"][0]
    assert shown["state"] != "active"
    assert "Your sign-ins no longer reach an organisation." in words(in_process_person.run("organisations"))
    clear(in_process_person)
    assert in_process_person.connect()[0] == 0
    shown = in_process_person.json("status", code=OK)["connections"][0]
    assert {item["problem"] for item in shown["entities"]} == {None}
    assert next(item for item in shown["entities"] if item["entity"] == "accounts")["next_due"] is not None
    with open_host(in_process_person.home, environ={}) as host:
        assert {job.info.name for job in host.scheduler.list_jobs() if job.due <= datetime.now(UTC)} >= {"accounts"}


def test_each_wrong_decision_has_a_line_of_its_own(in_process_person):
    done = in_process_person.run(
        "configure", "--interval", "invoices=5", "--interval", "x=1", "--timezone", "Nowhere/X"
    )
    assert "3 are wrong" in words(done)
    lines = [line.strip() for line in done.stderr.splitlines()]
    starts = (
        "intervals.invoices: must be 0",
        "intervals.x: is none of",
        "timezone: 'Nowhere/X' is not a time zone",
    )
    assert all(any(line.startswith(start) for line in lines) for start in starts)


def test_nothing_to_watch_and_no_later_event_are_said(in_process_person):
    off = [f"--interval={name}=0" for name in ("invoices", "bills", "contacts", "accounts", "payments")]
    in_process_person.json("configure", *off, "--interval=bank_transactions=0")
    watcher = in_process_person.start("sync", "--watch")
    assert "Keeping up" in watcher.stdout.readline()
    assert "every interval is 0" in watcher.stdout.readline()
    watcher.terminate()
    watcher.communicate(timeout=20)
    assert "No events since event number 5." in words(in_process_person.run("events", "--since", "5"))
