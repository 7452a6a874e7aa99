"""One strange row or page: the row is set apart and named, the rest is stored, and no row is lost."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import httpx
import pytest
import time_machine

from bizosaas_xero import plugin
from contract_tests.helpers.xero_account import refused

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
IDS = [f"0000000{number}-0000-4000-8000-000000000000" for number in range(1, 6)]


@pytest.fixture(autouse=True)
def _frozen_clock():
    with time_machine.travel(NOW, tick=False):
        yield


def ms(moment):
    return f"/Date({round(moment.timestamp() * 1000)}+0000)/"


def row(key, **fields):
    return {"InvoiceID": key, "Type": "ACCREC", "UpdatedDateUTC": ms(NOW - timedelta(days=1)), **fields}


def page(rows, *, count=None, number=1, size=1000, at=NOW, **more):
    body = {
        "DateTimeUTC": ms(at),
        "pagination": {"page": number, "pageSize": size, "itemCount": len(rows) if count is None else count},
        "Invoices": rows,
        **more,
    }
    return json.dumps({name: value for name, value in body.items() if value is not None}).encode()


class Xero:
    """Answers each request with the next of some bodies or responses; the last one repeats."""

    def __init__(self, *answers):
        self.answers, self.requests = list(answers), []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if callable(answer):
            answer = answer(request)
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, content=answer)


def sync(connection, entity="invoices", cursor=None, **options):
    """Return the records by key, the rejected rows, and the last batch."""
    records, rejected, last = {}, [], None
    for last in plugin.sync_entity(connection, entity, cursor, options):
        records |= {record.key: record for record in last.records}
        rejected += last.rejected
        last.model_dump_json()  # crosses a process, whatever is in it
    return records, rejected, last


STRANGE = {
    "a lone surrogate": (b'"x\\ud83d"', "Reference"),
    "bytes that are not UTF-8": (b'"caf\xe9"', "Reference"),
    "a raw control character": (b'"a\x01b"', "Reference"),
    "a raw line break": (b'"a\nb"', "Reference"),
    "NaN": (b"NaN", "Reference"),
    "minus infinity": (b"-Infinity", "Reference"),
    "a number beyond any calculation": (b"1e99999", "Reference"),
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_strange_value_sets_one_row_apart(answer_with, connection, name, mark):
    value, field = STRANGE[name]
    body = page([row(IDS[0]), row(IDS[1], Reference="HERE"), row(IDS[2])]).replace(b'"HERE"', value)
    xero = Xero(mark + body)
    answer_with(xero)
    records, [bad], last = sync(connection)
    assert set(records) == {IDS[0], IDS[2]}
    assert (bad.key, bad.reason.split(":")[0]) == (IDS[1], field)
    assert bad.raw["InvoiceID"] == IDS[1]
    assert last.stats.complete
    json.dumps(last.model_dump(mode="json")).encode()


def test_a_byte_order_mark_alone_costs_no_row(answer_with, connection):
    answer_with(Xero(b"\xef\xbb\xbf" + page([row(IDS[0]), row(IDS[1])])))
    records, rejected, _ = sync(connection)
    assert (set(records), rejected) == (set(IDS[:2]), [])


def test_a_strange_account_sets_one_row_apart_and_deletes_none(answer_with, connection):
    accounts = [{"AccountID": key, "Code": str(number), "Name": "N"} for number, key in enumerate(IDS)]
    good = json.dumps({"Accounts": accounts}).encode()
    answer_with(Xero(good))
    records, _, last = sync(connection, "accounts")
    assert len(records) == 5
    answer_with(Xero(good.replace(b'"N"', b'"N\\udc00"', 1)))
    records, [bad], last = sync(connection, "accounts", last.cursor)
    assert bad.key == IDS[0]
    assert not [record for record in last.records if record.op == "delete"]


@pytest.mark.parametrize(
    ("key", "problem"),
    [("a" * 257, "longer"), ("a\x00b", "cannot have"), ("a\u202eb", "cannot have"), ("", "missing"), (7, "missing")],
)
def test_an_id_that_no_host_can_store_sets_its_row_apart(answer_with, connection, key, problem):
    answer_with(Xero(page([row(key), row(IDS[1])])))
    records, [bad], _ = sync(connection)
    assert set(records) == {IDS[1]}
    assert bad.key is None
    assert problem in bad.reason
    assert bad.raw["InvoiceID"] == key


def test_a_row_damaged_once_is_requested_again_by_its_id(answer_with, connection):
    xero = Xero(page([row(IDS[0], Total="12,5x"), row(IDS[1])]), page([row(IDS[0], Total="12.50")]))
    answer_with(xero)
    records, rejected, last = sync(connection)
    assert set(records) == set(IDS[:2])
    assert not rejected
    assert xero.requests[1].url.params["where"] == f'InvoiceID==Guid("{IDS[0]}")'
    assert last.stats.calls == 2


def test_a_row_that_stays_damaged_is_requested_again_by_each_run(answer_with, connection):
    bad, nothing = [row(IDS[0], Total="x")], page([])
    answer_with(Xero(page([*bad, row(IDS[1])]), page(bad)))
    records, rejected, last = sync(connection)
    assert (set(records), [each.key for each in rejected]) == ({IDS[1]}, [IDS[0]])
    answer_with(Xero(nothing, page(bad)))
    records, rejected, last = sync(connection, cursor=last.cursor)
    assert (records, [each.key for each in rejected]) == ({}, [IDS[0]])
    answer_with(Xero(nothing, page([row(IDS[0], Total="1.00")])))
    records, rejected, last = sync(connection, cursor=last.cursor)
    assert (set(records), rejected) == ({IDS[0]}, [])
    xero = Xero(nothing)
    answer_with(xero)
    sync(connection, cursor=last.cursor)
    assert len(xero.requests) == 1


def test_a_request_by_id_that_is_refused_stops_nothing(answer_with, connection):
    answer_with(Xero(page([row(IDS[0], Total="x"), row(IDS[1])]), httpx.Response(400, json={"Message": "no"})))
    records, [bad], _ = sync(connection)
    assert (set(records), bad.key) == ({IDS[1]}, IDS[0])


# ---------------------------------------------------------------- what a response says of itself


@pytest.mark.parametrize("hours", [2, 24 * 300])
def test_a_response_time_ahead_of_rows_and_clock_is_not_believed(answer_with, connection, hours):
    answer_with(Xero(page([row(IDS[0])], at=NOW + timedelta(hours=hours))))
    _, _, last = sync(connection)
    assert datetime.fromisoformat(last.cursor["since"]) == NOW
    xero = Xero(page([]))
    answer_with(xero)
    sync(connection, cursor=last.cursor)
    assert xero.requests[0].headers["If-Modified-Since"] < f"{NOW:%Y-%m-%dT%H:%M:%S}"


def test_rows_newer_than_this_machines_clock_move_the_position(answer_with, connection):
    """This machine's clock is an hour slow: Xero's time is believed up to the newest row."""
    newest = NOW + timedelta(minutes=50)
    answer_with(Xero(page([row(IDS[0], UpdatedDateUTC=ms(newest))], at=NOW + timedelta(hours=1))))
    _, _, last = sync(connection)
    assert datetime.fromisoformat(last.cursor["since"]) == newest


def test_the_position_never_moves_back_in_an_incremental_read(answer_with, connection):
    answer_with(Xero(page([row(IDS[0], UpdatedDateUTC=ms(NOW + timedelta(hours=5)))], at=NOW + timedelta(hours=5))))
    _, _, first = sync(connection)
    answer_with(Xero(page([], at=NOW + timedelta(hours=6))))
    _, _, second = sync(connection, cursor=first.cursor)
    assert second.cursor["since"] == first.cursor["since"]


def test_a_304_does_not_move_the_position(answer_with, connection):
    answer_with(Xero(page([row(IDS[0])])))
    _, _, first = sync(connection)
    with time_machine.travel(NOW + timedelta(hours=1), tick=False):
        answer_with(Xero(httpx.Response(304, headers={"Date": "Sun, 29 Nov 2026 13:00:00 GMT"})))
        _, _, second = sync(connection, cursor=first.cursor)
    assert second.cursor["since"] == first.cursor["since"]
    assert second.cursor["checked_at"] > first.cursor["checked_at"]
    assert second.stats.complete


def test_everything_is_read_again_after_a_week_of_304s(answer_with, connection):
    answer_with(Xero(page([row(IDS[0])])))
    _, _, last = sync(connection)
    for day in range(1, 9):
        moment = NOW + timedelta(days=day)
        date_header = {"Date": moment.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        with time_machine.travel(moment, tick=False):
            answer_with(
                Xero(
                    lambda request, headers=date_header: (
                        httpx.Response(304, headers=headers)
                        if "If-Modified-Since" in request.headers
                        else page([row(IDS[0])])
                    )
                )
            )
            _, _, last = sync(connection, cursor=last.cursor)
    assert last.stats.kind == "reread"


def test_a_304_for_a_later_page_is_not_its_end(answer_with, connection):
    answer_with(Xero(page([row(IDS[0])])))
    _, _, last = sync(connection)
    connection["settings"]["page_size"] = 2
    answer_with(Xero(page([row(IDS[0]), row(IDS[1])], count=3, size=2), httpx.Response(304)))
    assert refused(sync, connection, cursor=last.cursor) == ("unavailable", "retry", "garbled_answer")


def test_a_resumed_read_whose_last_page_has_no_count_is_not_complete(answer_with, connection):
    connection["settings"]["page_size"] = 2
    answer_with(Xero(page([row(IDS[0]), row(IDS[1])], count=5, size=2)))
    _, _, paused = sync(connection, max_batches=1)
    short = page([row(IDS[2])], pagination=None)
    answer_with(Xero(short))
    assert refused(sync, connection, cursor=paused.cursor) == ("unavailable", "retry", "garbled_answer")
    whole = page([row(IDS[2]), row(IDS[3])], count=5, size=2, number=2)
    answer_with(Xero(short, whole, page([row(IDS[4])], count=5, size=2, number=3)))
    records, _, last = sync(connection, cursor=paused.cursor)
    assert set(records) == set(IDS[2:])
    assert last.stats.complete


def test_a_last_page_without_a_count_ends_the_list_where_earlier_pages_said(answer_with, connection):
    connection["settings"]["page_size"] = 2
    xero = Xero(page([row(IDS[0]), row(IDS[1])], count=3, size=2), page([row(IDS[2])], pagination=None))
    answer_with(xero)
    records, _, last = sync(connection)
    assert (set(records), last.stats.complete, len(xero.requests)) == (set(IDS[:3]), True, 2)


def test_a_full_page_without_a_count_does_not_end_the_list(answer_with, connection):
    connection["settings"]["page_size"] = 2
    first = page([row(IDS[0]), row(IDS[1])], count=5, size=2)
    bare = page([row(IDS[2]), row(IDS[3])], pagination=None)
    answer_with(Xero(first, bare, bare, page([row(IDS[4])], pagination=None)))  # page 2 is asked for twice
    records, _, last = sync(connection)
    assert (set(records), last.stats.complete) == (set(IDS[:5]), True)


def test_a_page_with_more_rows_than_it_announces_does_not_end_the_list(answer_with, connection):
    connection["settings"]["page_size"] = 2
    answer_with(Xero(page([row(IDS[0]), row(IDS[1])], count=0, size=2), page([row(IDS[2])], count=3, size=2, number=2)))
    records, _, _ = sync(connection)
    assert set(records) == set(IDS[:3])


def test_a_larger_page_size_than_asked_for_does_not_end_the_list(answer_with, connection):
    connection["settings"]["page_size"] = 2
    answer_with(
        Xero(page([row(IDS[0]), row(IDS[1])], count=3, size=900), page([row(IDS[2])], count=3, size=900, number=2))
    )
    records, _, last = sync(connection)
    assert set(records) == set(IDS[:3])
    assert last.stats.complete


def test_a_chart_of_accounts_that_comes_empty_deletes_nothing(answer_with, connection):
    answer_with(Xero(json.dumps({"Accounts": [{"AccountID": IDS[0]}]}).encode()))
    _, _, last = sync(connection, "accounts")
    answer_with(Xero(b'{"Accounts": []}'))
    assert refused(sync, connection, "accounts", last.cursor) == ("unavailable", "retry", "garbled_answer")


# ---------------------------------------------------------------- re-checks that Xero refuses


def transaction(key, **fields):
    return {"BankTransactionID": key, "Type": "SPEND", "UpdatedDateUTC": ms(NOW), **fields}


def transactions(rows):
    body = json.loads(page(rows))
    body["BankTransactions"] = body.pop("Invoices")
    return json.dumps(body).encode()


def too_many(_):
    return httpx.Response(
        400, json={"ErrorNumber": 51, "Type": "HighVolumeException", "Message": "Too many records for this filter."}
    )


def test_a_refused_recheck_delivers_the_increment_and_reads_by_ids(answer_with, connection):
    answer_with(Xero(transactions([transaction(IDS[0], IsReconciled=False)])))
    _, _, last = sync(connection, "bank_transactions")
    xero = Xero(
        transactions([transaction(IDS[1], IsReconciled=False)]),
        too_many,
        transactions([transaction(IDS[0], IsReconciled=True)]),
    )
    answer_with(xero)
    records, _, last = sync(connection, "bank_transactions", last.cursor, recheck=[IDS[0]])
    assert set(records) == {IDS[0], IDS[1]}
    assert records[IDS[0]].data["IsReconciled"] is True
    assert "1 of 1" in last.stats.warnings[0]
    assert "Too many records" in last.stats.warnings[0]
    assert xero.requests[2].url.params["where"] == f'BankTransactionID==Guid("{IDS[0]}")'


def test_another_part_of_many_keys_is_read_each_day(answer_with, connection):
    answer_with(Xero(transactions([])))
    _, _, last = sync(connection, "bank_transactions")
    keys = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(700)]
    asked = []

    def by_ids(request):
        where = request.url.params.get("where", "")
        if where == "IsReconciled==false":
            return too_many(request)
        asked.extend(key for key in keys if key in where)
        return transactions([])

    connection["settings"]["reread_days"] = 0
    for day in range(3):
        with time_machine.travel(NOW + timedelta(days=day), tick=False):
            answer_with(Xero(by_ids))
            _, _, last = sync(connection, "bank_transactions", last.cursor, recheck=keys)
            assert len(asked) == 300 * (day + 1)
            assert "300 of 700" in last.stats.warnings[0]
    assert set(asked) == set(keys)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(429, headers={"Retry-After": "40000", "X-Rate-Limit-Problem": "day"}), "rate_limited"),
        (httpx.Response(401, json={"Detail": "TokenExpired"}), "auth_expired"),
        (httpx.Response(500), "unavailable"),
    ],
)
def test_a_failed_recheck_delivers_the_increment_before_its_error(answer_with, connection, answer, code):
    answer_with(Xero(transactions([])))
    _, _, last = sync(connection, "bank_transactions")
    answer_with(Xero(transactions([transaction(IDS[0])]), answer))
    batches = plugin.sync_entity(connection, "bank_transactions", last.cursor, {"recheck": [IDS[1]]})
    batch = next(batches)
    assert [record.key for record in batch.records] == [IDS[0]]
    assert batch.has_more
    with pytest.raises(Exception, match=r".") as caught:
        next(batches)
    assert caught.value.code == code


# ---------------------------------------------------------------- dates


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("/Date(1397390400000+1200)/", date(2014, 4, 14)),  # 24 recorded invoices, with DateString 2014-04-14
        ("/Date(1397433600000+0000)/", date(2014, 4, 14)),
        ("/Date(1397433600000-0500)/", date(2014, 4, 14)),  # midnight UTC: the day itself
        ("/Date(1397451600000-0500)/", date(2014, 4, 14)),  # midnight in New York
        ("/Date(1397385000000+1330)/", date(2014, 4, 14)),
        ("/Date(16756675200000+0000)/", date(2500, 12, 31)),
        ("2500-12-31T00:00:00", date(2500, 12, 31)),
        ("2206-11-01T00:00:00", date(2206, 11, 1)),
        ("0202-11-01T00:00:00", date(202, 11, 1)),
        ("9999-12-31T00:00:00", date(9999, 12, 31)),
        ("0001-01-01T00:00:00", date(1, 1, 1)),
    ],
)
def test_any_date_of_the_calendar_is_synced_as_the_local_day(answer_with, connection, text, day):
    answer_with(Xero(page([row(IDS[0], DueDate=text)])))
    records, rejected, last = sync(connection)
    assert not rejected
    assert records[IDS[0]].data["DueDate"] == day
    assert last.model_dump(mode="json")["records"][0]["data"]["DueDate"] == day.isoformat()
