"""Look at everything a sync needs, and say of each part how it is and what to do.

Only what the looking brings is kept: renewed access, and the organisation's details.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from bizosaas_xero.host import reasons
from bizosaas_xero.host.connections.grants import Grants
from bizosaas_xero.host.connections.organisation_details import save_details
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.plugins.discovery import DiscoveryReport
from bizosaas_xero.host.storage.crypto import FILE, VARIABLE
from bizosaas_xero.host.storage.models import StoredConnection, StoredGrant
from bizosaas_xero.host.storage.paths import FILE_MODE, FOLDER_MODE
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.storage.tables import SCHEMA_VERSION
from bizosaas_xero.host.sync.runner import interval
from bizosaas_xero.host.sync.webhooks import OutgoingWebhooks
from bizosaas_xero.spec import ConnectorError

Level = Literal["ok", "warning", "problem", "unknown"]

CLOCK_WARNING_SECONDS = 60
"""Seconds that the clocks may differ without a warning; due dates depend on them."""

LOW_CALLS = 100


@dataclass(frozen=True)
class Finding:
    """How one part is. ``remedy`` says what to do, where there is something to do."""

    part: str
    level: Level
    message: str
    remedy: str = ""
    organisation: str | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Doctor:
    """Examines the host and its connections.

    Args:
        store: What the host remembers.
        grants: Hands out grants that will last.
        report: The connectors.
        webhooks: Deliver events.
        now: The clock.
    """

    store: Store
    grants: Grants
    report: DiscoveryReport
    webhooks: OutgoingWebhooks
    now: Callable[[], datetime]

    def examine(self) -> Iterator[Finding]:
        """Give the findings: first of this machine, then of each connection."""
        yield from self._database()
        yield from self._key()
        yield from self._connectors()
        kept = self.store.connections()
        if not kept:
            yield Finding("connection", "problem", "No organisation is connected.", "Run: bizosaas-xero connect")
        for connection in kept:
            if connection.connector in self.report.loaded:
                yield from self._connection(connection, self.report.connector(connection.connector))
            yield from self._events(connection)

    # ------------------------------------------------------------ this machine

    def _database(self) -> Iterator[Finding]:
        database, place = self.store.database, self.store.database.place
        try:
            with database.read_transaction() as transaction:
                if not database.dialect.is_whole(transaction):
                    raise reasons.DATABASE_DAMAGED(place=place)
        except ConnectorError as error:
            yield _error_finding("database", error, "")
            return
        yield Finding("database", "ok", f"The database works: {place}", details={"schema": SCHEMA_VERSION})
        path = self.store.database.path
        if path is not None:
            yield from _check_mode("database file", path, FILE_MODE)

    def _key(self) -> Iterator[Finding]:
        path = self.store.home / FILE
        if self.store.key_source == VARIABLE:
            yield Finding("key", "ok", f"Secrets are encrypted with the key in {VARIABLE}.")
            if path.exists():
                yield Finding(
                    "key file",
                    "warning",
                    f"The key file {path} exists as well and is not used.",
                    "If bizosaas-xero doctor --rotate-key was run with the new key, delete it.",
                )
            return
        yield Finding("key", "ok", f"Secrets are encrypted with the key in {path}.")
        yield from _check_mode("key file", path, FILE_MODE)
        yield from _check_mode("folder", path.parent, FOLDER_MODE)

    def _connectors(self) -> Iterator[Finding]:
        for row in self.report.rows:
            if row.status == "loaded":
                yield Finding("connector", "ok", f"{row.name} {row.version} is loaded.")
            elif row.status != "disabled":
                message = f"{row.name} cannot be used ({row.status}): {row.reason}."
                yield Finding("connector", "problem", message, "Install or repair its distribution.")

    # ------------------------------------------------------------ a connection

    def _connection(self, kept: StoredConnection, connector: Connector) -> Iterator[Finding]:
        organisation = kept.organisation
        try:
            app = self.store.app(kept.connector, self.store.grant(kept.connector, kept.identity).grant.client_id)
        except ConnectorError as error:
            yield _error_finding("credentials", error, organisation)
            return
        needs_secret = app.app.kind != "pkce" and app.app.client_secret is None
        yield Finding(
            "credentials",
            "problem" if needs_secret else "ok",
            "The app's client secret is missing." if needs_secret else "Client id and secret are kept.",
            "Run: bizosaas-xero connect" if needs_secret else "",
            organisation,
        )
        try:
            # Only a refresh proves that the refresh token is alive: a restored backup holds one that was used up.
            current = self.store.grant(kept.connector, kept.identity)
            self.grants.get_valid(connector, kept.identity, refused=current.version)
            grant, connection = self.grants.get_access(connector, kept)
        except ConnectorError as error:
            passing = error.recovery in {"wait", "retry"}
            yield _error_finding("sign-in", error, organisation, level="unknown" if passing else "problem")
            return
        yield self._sign_in(grant, organisation)
        yield from self._organisation(kept, connector, connection)
        yield self._limits(kept)

    def _events(self, connection: StoredConnection) -> Iterator[Finding]:
        """Tell whether events reach the address to which they are posted."""
        url = (connection.preferences.get("callback") or {}).get("url")
        if url is None:
            return
        organisation, to, late = connection.organisation, urlsplit(url).hostname, self.webhooks.backlog(connection.id)
        details = dict(vars(late))
        if late.given_up:
            message = f"Never taken by {to}, and sent no more: {late.given_up:,} of the events."
            remedy = "They are kept; read them with: bizosaas-xero events"
            yield Finding("events", "warning", message, remedy, organisation, details)
        if late.tries:
            message = f"Events that wait: {late.wait:,}. {to} did not take the first (tries: {late.tries})."
            remedy = "Let it answer with a 2xx; they come again by themselves with the next syncs."
            yield Finding("events", "warning", message, remedy, organisation, details)
        elif not late.given_up:
            yield Finding("events", "ok", f"Events are posted to {to}.", "", organisation, details)

    def _sign_in(self, grant: StoredGrant, organisation: str) -> Finding:
        minutes = (grant.grant.expires_at - self.now()).total_seconds() / 60
        age = (self.now() - grant.grant.obtained_at).total_seconds() / 60
        renewed = f"{age:.0f} minutes ago" if age >= 2 else "just now"  # noqa: PLR2004 (minutes)
        message = f"Access was renewed {renewed} and lasts {minutes:.0f} minutes more; it renews itself"
        if grant.grant.refresh_token is None and grant.grant.kind != "custom":
            return Finding(
                "sign-in",
                "warning",
                f"Access ends in {minutes:.0f} minutes and cannot renew itself.",
                "Connect again, and ask for offline_access (it is part of the default scopes).",
                organisation,
            )
        unused = "" if grant.grant.kind == "custom" else ", unless nothing is synced for 60 days"
        return Finding("sign-in", "ok", f"{message}{unused}.", "", organisation)

    def _organisation(
        self, kept: StoredConnection, connector: Connector, connection: dict[str, Any]
    ) -> Iterator[Finding]:
        organisation, asked = kept.organisation, self.now()
        try:
            result = connector.auth({"step": "check", "connection": connection})
        except ConnectorError as error:
            yield _error_finding(
                "organisation",
                error,
                organisation,
                level="unknown" if error.recovery in {"wait", "retry"} else "problem",
            )
            return
        save_details(self.store, kept, result, self.now())
        if result.server_time is not None or result.status == "ok":  # otherwise a worse problem follows
            yield _clock_finding(result.server_time, asked, self.now(), organisation)
        info = connector.describe()
        enabled = {entity.name for entity in (info.entities if info else ()) if interval(kept, entity)}
        lacking = {name: names for name, names in (result.missing_scopes or {}).items() if name in enabled}
        if lacking:
            yield Finding(
                "permissions",
                "problem",
                f"Permission is missing for: {', '.join(sorted(lacking))}.",
                "Connect again and allow it, or switch these off: bizosaas-xero configure --interval NAME=0",
                organisation,
                {"missing_scopes": lacking},
            )
        elif result.missing_scopes is not None:
            yield Finding("permissions", "ok", "Everything that is synced is permitted.", "", organisation)
        if result.problem and result.status != "missing_scope":
            message, remedy = str(result.problem.get("message")), str(result.problem.get("remedy"))
            details = {"status": result.status} | _error_codes(result.problem)
            yield Finding("organisation", "problem", message, remedy, organisation, details)
        elif result.organisation:
            yield Finding("organisation", "ok", f"{result.organisation.name} is connected.", "", organisation)
        for warning in result.warnings:
            yield Finding("organisation", "warning", warning, "", organisation)

    def _limits(self, connection: StoredConnection) -> Finding:
        used = self.store.usage(connection.organisation_id)
        left = used["day_left"]
        if connection.resume_at is not None and connection.resume_at > self.now():
            message = f"A limit is used up; syncing continues at {connection.resume_at:%Y-%m-%d %H:%M} UTC."
            remedy = "Nothing to do. If it happens daily: bizosaas-xero configure --interval NAME=SECONDS"
            return Finding("limits", "warning", message, remedy, connection.organisation, used)
        if left is None:
            message = "How many calls are left today is known after the next sync."
            return Finding("limits", "unknown", message, "", connection.organisation, used)
        level: Level = "ok" if left >= LOW_CALLS else "warning"
        remedy = "" if level == "ok" else "Sync less often: bizosaas-xero configure --interval NAME=SECONDS"
        message = f"{used['calls']:,} calls were made today, {left:,} are left."
        return Finding("limits", level, message, remedy, connection.organisation, used)


def _error_finding(part: str, error: ConnectorError, organisation: str, level: Level = "problem") -> Finding:
    return Finding(part, level, error.message, error.remedy, organisation, _error_codes(error.to_dict()))


def _error_codes(problem: Mapping[str, Any]) -> dict[str, Any]:
    return {name: problem.get(name) for name in ("code", "reason", "recovery")}


def _clock_finding(theirs: datetime | None, asked: datetime, answered: datetime, organisation: str) -> Finding:
    """Compare our clock with theirs: they told their time between our question and their answer."""
    if theirs is None:
        return Finding("clock", "unknown", "The other side did not tell its time.", "", organisation)
    zero = timedelta()
    ahead = round((max(asked - theirs, zero) - max(theirs - answered, zero)).total_seconds())
    details = {"ahead_seconds": ahead}
    if abs(ahead) <= CLOCK_WARNING_SECONDS:
        return Finding("clock", "ok", "This machine's clock is right.", "", organisation, details)
    return Finding(
        "clock",
        "warning",
        f"This machine's clock is {abs(ahead):,} seconds {'ahead' if ahead > 0 else 'behind'}.",
        "Let the machine set its clock by itself (NTP), such as: timedatectl set-ntp true",
        organisation,
        details,
    )


def _check_mode(part: str, path: Path, wanted: int) -> Iterator[Finding]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & ~wanted:
        message = f"Other users of this machine may get at {path} (mode {mode:o})."
        yield Finding(part, "problem", message, f"Run: chmod {wanted:o} {path}")
