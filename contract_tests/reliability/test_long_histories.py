"""Long histories of work, syncs, breaks and resumptions; and that a broken sync does not pass them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta

import pytest
import stamina
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from bizosaas_xero.connector.sync import list_reader
from bizosaas_xero.connector.sync import run as sync_run
from bizosaas_xero.connector.sync.run import SyncRun
from contract_tests.reliability.histories import Books

# A break may come after the last request of a read, and hypothesis draws when.
pytestmark = pytest.mark.unstruck_faults

LONG = {"max_examples": 150, "stateful_step_count": 60}


def run(**more):
    calm = settings(deadline=None, suppress_health_check=list(HealthCheck), **more)
    with stamina.set_testing(True, attempts=2, cap=True):
        run_state_machine_as_test(Books, settings=calm)


def test_after_each_whole_sync_the_tables_are_the_books():
    run(max_examples=6, stateful_step_count=20)


def test_a_change_is_read_when_both_clocks_were_ahead_of_it():
    books = Books()
    try:
        books.first(name="invoices", behind=1800)
        books.sync_while_the_servers_clock_is_ahead(name="payments", place=75)
    finally:
        books.teardown()


@pytest.mark.slow
def test_after_each_whole_sync_of_many_long_histories_the_tables_are_the_books():
    run(**LONG)


# ---------------------------------------------------------------- broken on purpose


def watermark_too_far(patch):
    finished = SyncRun._finished_cursor

    def late(self, reading, **how):
        cursor = finished(self, reading, **how)
        return cursor.with_changes(since=cursor.since + timedelta(hours=1))

    patch(SyncRun, "_finished_cursor", late)


def watermark_of_our_own_clock(patch):
    finished = SyncRun._finished_cursor

    def ours(*given, **how):
        return finished(*given, **how).with_changes(since=sync_run.datetime.now(UTC))

    patch(SyncRun, "_finished_cursor", ours)


def blindly_complete(patch):
    patch(sync_run, "_completeness", lambda *_: (True, 0))


def last_page_dropped(patch):
    blindly_complete(patch)
    made = list_reader.parse_page

    def emptied(number, *given):
        page = made(number, *given)
        return replace(page, rows=[]) if page.last and number > 1 else page

    patch(list_reader, "parse_page", emptied)


def resumed_a_page_late(patch):
    blindly_complete(patch)
    begun = SyncRun._next_read

    def late(self, **how):
        reading = begun(self, **how)
        return reading.model_copy(update={"page": reading.page + 1}) if reading.page > 1 else reading

    patch(SyncRun, "_next_read", late)


def pages_in_the_order_of_the_stamp(patch):
    blindly_complete(patch)
    init = SyncRun.__init__

    def made(self, entity, *given, **more):
        init(self, replace(entity, order=entity.order and "UpdatedDateUTC"), *given, **more)

    patch(SyncRun, "__init__", made)


def voided_and_archived_left_out(patch):
    decoded = list_reader.decode_rows
    gone = {"VOIDED", "DELETED", "ARCHIVED"}

    def decode(*given, **how):
        records, rejected = decoded(*given, **how)
        states = ("Status", "ContactStatus")
        return [each for each in records if not gone & {each.data.get(name) for name in states}], rejected

    patch(list_reader, "decode_rows", decode)


def deletions_not_told(patch):
    batched = SyncRun._make_batch

    def batch(self, records, *given, **more):
        return batched(self, [each for each in records if each.op != "delete"], *given, **more)

    patch(SyncRun, "_make_batch", batch)


def unreadable_rows_not_told(patch):
    decoded = list_reader.decode_rows
    patch(list_reader, "decode_rows", lambda *given, **how: (decoded(*given, **how)[0], []))


def clock_that_went_back_not_seen(patch):
    patch(SyncRun, "_check_clock", lambda *_: None)


def never_read_again(patch):
    patch(SyncRun, "_reread_is_due", lambda _: False)


def flags_not_looked_at_again(patch):
    patch(list_reader.ListReader, "read_recheck", lambda *_: None)


AT_ONCE = [last_page_dropped, voided_and_archived_left_out]
LATER = [
    watermark_too_far,
    watermark_of_our_own_clock,
    resumed_a_page_late,
    pages_in_the_order_of_the_stamp,
    unreadable_rows_not_told,
    clock_that_went_back_not_seen,
    never_read_again,
    flags_not_looked_at_again,
    deletions_not_told,
]
SLOW = [pytest.param(broken, marks=pytest.mark.slow) for broken in LATER]


@pytest.mark.parametrize("broken", AT_ONCE + SLOW, ids=lambda broken: broken.__name__)
def test_a_deliberately_broken_sync_is_found(broken, monkeypatch):
    broken(monkeypatch.setattr)
    with pytest.raises(AssertionError, match="the table is not the books"):
        run(
            **LONG,
            phases=[Phase.generate],
            report_multiple_bugs=False,  # one is enough
            database=None,
            print_blob=False,
            derandomize=True,
        )
