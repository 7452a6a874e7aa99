"""Long histories of work, syncs, breaks and resumptions; and that a broken sync does not pass them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import stamina
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from bizosaas_xero.connector.sync import paging
from bizosaas_xero.connector.sync import run as sync_run
from bizosaas_xero.connector.sync.run import Run
from contract_tests.reliability.histories import Books

LONG = {"max_examples": 150, "stateful_step_count": 60}


def run(**more):
    calm = settings(deadline=None, suppress_health_check=list(HealthCheck), **more)
    with stamina.set_testing(True, attempts=2, cap=True):
        run_state_machine_as_test(Books, settings=calm)


def test_after_each_whole_sync_the_tables_are_the_books():
    run(max_examples=6, stateful_step_count=20)


@pytest.mark.slow
def test_after_each_whole_sync_of_many_long_histories_the_tables_are_the_books():
    run(**LONG)


# ---------------------------------------------------------------- broken on purpose


def watermark_too_far(patch):
    finished = Run._finished

    def late(self, reading):
        cursor = finished(self, reading)
        return cursor.moved(since=cursor.since + timedelta(hours=1))

    patch(Run, "_finished", late)


def watermark_of_our_own_clock(patch):
    finished = Run._finished
    patch(Run, "_finished", lambda *given: finished(*given).moved(since=datetime.now(UTC)))


def blindly_complete(patch):
    patch(sync_run, "_completeness", lambda *_: (True, 0))


def last_page_dropped(patch):
    blindly_complete(patch)
    made = paging.page_of

    def emptied(number, *given):
        page = made(number, *given)
        return replace(page, rows=[]) if page.last and number > 1 else page

    patch(paging, "page_of", emptied)


def resumed_a_page_late(patch):
    blindly_complete(patch)
    begun = Run._begin

    def late(self, **how):
        reading = begun(self, **how)
        return reading.model_copy(update={"page": reading.page + 1}) if reading.page > 1 else reading

    patch(Run, "_begin", late)


def pages_in_the_order_of_the_stamp(patch):
    blindly_complete(patch)
    init = Run.__init__

    def made(self, entity, *given, **more):
        init(self, replace(entity, order=entity.order and "UpdatedDateUTC"), *given, **more)

    patch(Run, "__init__", made)


def voided_and_archived_left_out(patch):
    decoded = Run._decode
    gone = {"VOIDED", "DELETED", "ARCHIVED"}

    def decode(self, *given):
        records, rejected = decoded(self, *given)
        states = ("Status", "ContactStatus")
        return [each for each in records if not gone & {each.data.get(name) for name in states}], rejected

    patch(Run, "_decode", decode)


def deletions_not_told(patch):
    batched = Run._batch

    def batch(self, records, *given, **more):
        return batched(self, [each for each in records if each.op != "delete"], *given, **more)

    patch(Run, "_batch", batch)


def unreadable_rows_not_told(patch):
    decoded = Run._decode
    patch(Run, "_decode", lambda *given: (decoded(*given)[0], []))


def clock_that_went_back_not_seen(patch):
    patch(Run, "_check_clock", lambda *_: None)


def never_read_again(patch):
    patch(Run, "_reread_is_due", lambda _: False)


def flags_not_looked_at_again(patch):
    patch(Run, "_recheck", lambda *_: None)


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
def test_a_sync_broken_on_purpose_is_found(broken, monkeypatch):
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
