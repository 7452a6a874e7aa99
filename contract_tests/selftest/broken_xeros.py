"""Small, realistic breakages of the Xero connector, each at one function or constant of its modules.

A breakage names the clause that must kill it, what is wrong, and the address of what it replaces. Its function is
given what stands at the address and returns what shall stand there. An address that leads nowhere is an error.

The tests read the tables. Each broken connector, in a process of its own, has a copy of this file beside itself and
calls :func:`break_connector`.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, NamedTuple

import httpx

MODULES = {
    "client": "bizosaas_xero.connector.http.client",
    "cursor": "bizosaas_xero.connector.sync.cursor",
    "decode": "bizosaas_xero.connector.records.decode",
    "errors": "bizosaas_xero.connector.http.errors",
    "manifest": "bizosaas_xero.connector.manifest",
    "oauth": "bizosaas_xero.connector.auth.oauth",
    "organisations": "bizosaas_xero.connector.auth.organisations",
    "paging": "bizosaas_xero.connector.sync.paging",
    "pending": "bizosaas_xero.toolkit.pending",
    "plugin": "bizosaas_xero.plugin",
    "sync": "bizosaas_xero.connector.sync.run",
    "token": "bizosaas_xero.toolkit.oauth",
    "transport": "bizosaas_xero.connector.http.transport",
}
"""Where each module of the connector is. The only place to change when one moves."""


class Patch(NamedTuple):
    """A breakage: `make` turns what stands at the address (`module:name.name`) into what shall stand there."""

    clause: str
    wrong: str
    address: str
    make: Callable[[Any], Any]


PATCHES: list[Patch] = []

LEFT_OUT = [
    ("replay.no-stray-cassette", "a cassette is left over", ["invoices-page-by-page"]),
    (
        "auth.steps-covered",
        "nothing shows how it disconnects",
        ["organisation-disconnected-twice", "everything-revoked"],
    ),
    ("sync.entities-covered", "an entity is not shown", ["payments-first-read"]),
]
"""Breakages of the contract, not of the connector: the clause, what is wrong, and the scenarios that are taken out."""


def breaks(clause, wrong, *, at):
    """Enter the decorated function among the patches."""

    def enter(make):
        PATCHES.append(Patch(clause, wrong, at, make))
        return make

    return enter


def find_target(address):
    """Return what holds the attribute at an address, and the attribute's name."""
    module, _, path = address.partition(":")
    holder = importlib.import_module(MODULES[module])
    *outer, name = path.split(".")
    for part in outer:
        assert hasattr(holder, part), f"{address} leads nowhere: {holder} has no {part}"
        holder = getattr(holder, part)
    assert hasattr(holder, name), f"{address} leads nowhere: {holder} has no {name}"
    return holder, name


def break_connector(patch_name):
    """Apply the patch whose function has this name."""
    [patch] = [patch for patch in PATCHES if patch.make.__name__ == patch_name]
    holder, name = find_target(patch.address)
    setattr(holder, name, patch.make(getattr(holder, name)))


# ---------------------------------------------------------------- description and app


@breaks("discovery.setup-refers", "a figure is over a column that is renamed", at="manifest:load_info")
def rename_column(load):
    def load_with_lost_column():
        info = load()
        card = info.overview[0].model_copy(update={"sum": "amount_owing"})
        return info.model_copy(update={"overview": [card, *info.overview[1:]]})

    return load_with_lost_column


@breaks("auth.check-app-tells", "takes every client secret for right", at="oauth:check_app")
def believe_every_secret(check):
    def check_nothing(app, *rest):
        return check(app, *rest).model_copy(update={"status": "ok", "problem": None})

    return check_nothing


# ---------------------------------------------------------------- requests


@breaks("sync.cursor-sent", "forgets If-Modified-Since", at="client:Client._get_with_retries")
def forget_since(get):
    def get_everything(client, path, params, _since, *rest):
        return get(client, path, params, None, *rest)

    return get_everything


@breaks("replay.only-recorded", "orders by the stamp, newest first", at="client:Client._get_with_retries")
def order_by_timestamp(get):
    def get_newest_first(client, path, params, *rest):
        return get(client, path, {**(params or {}), "order": "UpdatedDateUTC DESC"}, *rest)

    return get_newest_first


@breaks("replay.only-recorded", "forgets which organisation", at="client:Client._headers")
def leave_organisation_out(headers):
    def headers_without_organisation(client):
        return {name: value for name, value in headers(client).items() if name != "Xero-Tenant-Id"}

    return headers_without_organisation


@breaks("replay.only-recorded", "sends the old token after a refresh", at="token:TokenClient.refresh_token")
def send_old_refresh_token(ask_for_token):
    def ask_with_another_token(protocol, url, *, refresh_token):
        return ask_for_token(protocol, url, refresh_token=refresh_token[:-1])

    return ask_with_another_token


@breaks("replay.all-played", "does not look the organisation up", at="organisations:_add_details")
def skip_organisation_details(_add_details):
    def add_nothing(result, organisation, connection, settings):
        return None

    return add_nothing


@breaks("actions.covered", "offers an action that nobody has seen", at="manifest:load_actions")
def offer_strange_action(actions):
    def actions_and_one_more(connection):
        listed = actions(connection)
        return [*listed, listed[0].model_copy(update={"name": "strange"})]

    return actions_and_one_more


# ---------------------------------------------------------------- what is read


@breaks("sync.every-page-read", "stops after two pages", at="paging:parse_page")
def stop_after_two_pages(parse_page):
    def call_second_page_last(number, rows, response, size):
        page = parse_page(number, rows, response, size)
        return dataclasses.replace(page, last=page.last or number >= 2)

    return call_second_page_last


@breaks("sync.decimals-exact", "amounts go through float", at="decode:parse_json")
def parse_amounts_as_floats(_parse_json):
    def parse_with_floats(body, *, salvage=False):
        return json.loads(body, parse_float=lambda text: Decimal(str(float(text))))

    return parse_with_floats


@breaks("sync.stamps-aware", "drops the time zone", at="decode:_TYPES")
def drop_time_zone(types):
    done, read_timestamp = types["timestamps"]

    def read_without_zone(text):
        return read_timestamp(text).replace(tzinfo=None)

    return {**types, "timestamps": (done, read_without_zone)}


@breaks("sync.cursor-sent", "the cursor is this machine's time", at="sync:SyncRun._finished_cursor")
def store_machine_time(finished):
    def finish_at_machine_time(run, reading, **more):
        wrong_clock = datetime.now(UTC) + timedelta(hours=2)
        return finished(run, reading, **more).with_changes(since=wrong_clock)

    return finish_at_machine_time


@breaks("sync.cursor-foreign", "takes any entity's cursor", at="cursor:load_cursor")
def accept_foreign_cursor(load):
    def load_any(given, entity, organisation):
        return load(given, (given or {}).get("entity", entity), organisation)

    return load_any


@breaks("sync.rejected-reported", "drops what it cannot read", at="sync:SyncRun.batches")
def drop_rejected_rows(batches):
    def batches_without_rejected(run):
        for batch in batches(run):
            yield batch.model_copy(update={"rejected": []})

    return batches_without_rejected


@breaks("sync.resume-equals-whole", "a cursor is one page too far", at="cursor:Cursor.dump")
def skip_page_on_resume(dump):
    def dump_one_page_too_far(cursor):
        dumped = dump(cursor)
        if "read" in dumped:
            dumped["read"]["page"] += 1
        return dumped

    return dump_one_page_too_far


# ---------------------------------------------------------------- what answers mean


@breaks("errors.as-expected", "a broken answer is an empty page", at="transport:send")
def empty_broken_answers(send):
    def send_and_empty(*request, **more):
        response = send(*request, **more)
        return httpx.Response(200, json={}) if response.is_server_error else response

    return send_and_empty


@breaks("errors.as-expected", "the day's limit is waited for", at="client:DEFAULT_MAX_WAIT")
def wait_for_any_limit(_most_seconds):
    return timedelta(days=365).total_seconds()


@breaks("errors.limit-says-when", "a limit does not say when", at="errors:limit_reached")
def forget_when_limit_ends(limit_reached):
    def limit_without_end(reason, retry_after):
        error = limit_reached(reason, retry_after)
        error.retry_after = None
        return error

    return limit_without_end


@breaks("errors.as-expected", "every 403 is a lost organisation", at="client:Client._is_connected")
def call_organisation_lost(_is_connected):
    def never_connected(client):
        return False

    return never_connected


@breaks("errors.as-expected", "the missing scope is not recognised", at="errors:_mentions_scope")
def overlook_missing_scope(_mentions_scope):
    def never_mentions_scope(response):
        return False

    return never_mentions_scope


@breaks("errors.never-foreign", "httpx's exceptions come out", at="transport:send")
def let_httpx_errors_out(send):
    def send_and_raise(*request, **more):
        response = send(*request, **more)
        return response.raise_for_status() if response.is_error else response

    return send_and_raise


# ---------------------------------------------------------------- sign-in


@breaks("auth.refresh-replaces", "keeps the old refresh token", at="oauth:STEPS")
def keep_old_refresh_token(steps):
    def refresh_and_keep_token(asked, settings):
        result = steps["refresh"](asked, settings)
        kept = {"refresh_token": asked.grant.refresh_token}
        return result.model_copy(update={"grant": result.grant.model_copy(update=kept)})

    return {**steps, "refresh": refresh_and_keep_token}


@breaks("auth.no-secret-shown", "logs the token", at="client:Client._headers")
def log_token(headers):
    def headers_and_log(client):
        made = headers(client)
        logging.getLogger(__name__).info("asking with %s", made["Authorization"])
        return made

    return headers_and_log


@breaks("auth.no-secret-shown", "an error quotes the token", at="errors:from_response")
def quote_token_in_errors(from_response):
    def error_with_token(response, feature=None):
        error = from_response(response, feature)
        error.message += response.request.headers["Authorization"]
        return error

    return error_with_token


@breaks("auth.state-checked", "the state is not checked", at="oauth:hmac")
def accept_any_state(_hmac):
    return SimpleNamespace(compare_digest=lambda _came, _wanted: True)


@breaks("auth.pending-expires", "a consent never ends", at="pending:MAX_AGE")
def keep_consents_for_ever(_lifetime):
    return timedelta(days=365)


@breaks("auth.pending-single-use", "a consent can be used twice", at="pending:mark_used")
def forget_used_consents(_spend):
    def note_nothing(pending):
        return None

    return note_nothing


@breaks("auth.authorize-state", "the state is always the same", at="pending:new_pending")
def repeat_state(begin):
    def begin_with_same_state(*given, **more):
        return begin(*given, **more).model_copy(update={"state": "a-state-that-is-long-enough"})

    return begin_with_same_state
