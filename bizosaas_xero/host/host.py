"""All parts of the embedded host, put together."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from bizosaas_xero.host.actions.announcements import Announcements
from bizosaas_xero.host.actions.approvals import Approvals
from bizosaas_xero.host.actions.audit import Audit
from bizosaas_xero.host.actions.outcome import Outcome
from bizosaas_xero.host.actions.plans import ApprovalDecision, Plans, StoredPlan
from bizosaas_xero.host.actions.requesters import Requester, Requesters
from bizosaas_xero.host.actions.service import ActionService, Mode
from bizosaas_xero.host.connections.configure import configure
from bizosaas_xero.host.connections.connect import ConnectionService, Offer
from bizosaas_xero.host.connections.grants import Grants
from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.host.plugins.discovery import DiscoveryEntry, DiscoveryReport, discover
from bizosaas_xero.host.storage.database import Database
from bizosaas_xero.host.storage.leases import Leases
from bizosaas_xero.host.storage.models import EntityState, StoredConnection
from bizosaas_xero.host.storage.paths import database_url, home_folder
from bizosaas_xero.host.storage.store import Store
from bizosaas_xero.host.support.doctor import Doctor, Finding
from bizosaas_xero.host.sync.events import Event, Events
from bizosaas_xero.host.sync.figures import Figure, Figures
from bizosaas_xero.host.sync.reader import RecordReader
from bizosaas_xero.host.sync.run_history import PastRun, RunHistory
from bizosaas_xero.host.sync.run_state import Progress, SyncOutcome
from bizosaas_xero.host.sync.runner import Runner
from bizosaas_xero.host.sync.scheduler import Scheduler
from bizosaas_xero.host.sync.sink import Counts, Sink
from bizosaas_xero.host.sync.webhooks import OutgoingWebhooks

__all__ = [
    "ActionService",
    "Announcements",
    "ApprovalDecision",
    "Approvals",
    "Audit",
    "ConnectionService",
    "Connector",
    "Counts",
    "Database",
    "DiscoveryEntry",
    "DiscoveryReport",
    "Doctor",
    "EntityState",
    "Event",
    "Events",
    "Figure",
    "Figures",
    "Finding",
    "Grants",
    "Host",
    "Leases",
    "Offer",
    "Outcome",
    "OutgoingWebhooks",
    "PastRun",
    "Plans",
    "Progress",
    "RecordReader",
    "Requester",
    "Requesters",
    "RunHistory",
    "Runner",
    "Scheduler",
    "Sink",
    "Store",
    "StoredConnection",
    "StoredPlan",
    "SyncOutcome",
    "discover",
    "open_host",
]


@dataclass(frozen=True)
class Host:
    """All parts of the embedded host, put together."""

    home: Path
    report: DiscoveryReport
    database: Database
    store: Store
    sink: Sink
    reader: RecordReader
    figures: Figures
    events: Events
    leases: Leases
    grants: Grants
    connections: ConnectionService
    runner: Runner
    scheduler: Scheduler
    webhooks: OutgoingWebhooks
    doctor: Doctor
    action_service: ActionService
    plans: Plans
    approvals: Approvals
    audit: Audit
    requesters: Requesters
    runs: RunHistory
    announcements: Announcements

    def act(
        self,
        connection_id: str,
        action: str,
        params: Mapping[str, Any] | None = None,
        *,
        requester: str,
        mode: Mode = "run",
        plan_hash: str | None = None,
        business_key: str | None = None,
        in_person: bool = False,
    ) -> Outcome:
        """Run an action, or plan it, or do a plan (see :meth:`.service.ActionService.act`)."""
        return self.action_service.act(
            connection_id,
            action,
            params,
            requester=requester,
            mode=mode,
            plan_hash=plan_hash,
            business_key=business_key,
            in_person=in_person,
        )

    def configure(self, connection_id: str, changes: Mapping[str, Any], who: str | None = None) -> StoredConnection:
        """Change what was decided about a connection (see :func:`bizosaas_xero.host.connections.configure.configure`).

        ``who`` decided it; the audit keeps each change of the policy and of the owner.
        """
        before = self.store.connection(connection_id)
        connector = self.report.connector(before.connector)
        after = configure(self.store, self.sink, connector, connection_id, changes)
        for action in changes.get("policy", {}):
            self.audit.record(
                "policy",
                connection_id=connection_id,
                organisation_id=after.organisation_id,
                action=action,
                who=who,
                before=before.preferences.get("policy", {}).get(action),
                after=after.preferences.get("policy", {}).get(action),
            )
        if "owner" in changes:
            owners = {"before": before.preferences.get("owner"), "after": after.preferences.get("owner")}
            of = {"connection_id": connection_id, "organisation_id": after.organisation_id}
            self.audit.record("owner", **of, action="*", who=who, **owners)
        return after

    def revoke_requester(self, name: str, who: str) -> None:
        """Refuse what a requester asks from now on; ``who`` decided it."""
        self._decide_about_requester("revocation", name, who)

    def allow_requester(self, name: str, who: str) -> None:
        """Let a requester ask again; ``who`` decided it."""
        self._decide_about_requester("readmission", name, who)

    def _decide_about_requester(self, kind: Literal["revocation", "readmission"], name: str, who: str) -> None:
        with self.database.write_transaction(durable=True) as transaction:
            if kind == "revocation":
                self.requesters.revoke(transaction, name, who)
            else:
                self.requesters.allow(transaction, name)
            of = {"connection_id": "*", "organisation_id": "*", "action": "*"}
            self.audit.add(transaction, kind, **of, who=who, requester=name)

    def close(self) -> None:
        """Give the database back."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_host(
    home: Path | None = None,
    *,
    report: DiscoveryReport | None = None,
    environ: Mapping[str, str] = os.environ,
    now: Callable[[], datetime] | None = None,
    sleep: Callable[[float], None] = time.sleep,
    chance: Callable[[], float] = random.random,
) -> Host:
    """Open the embedded host; its folder, key and database are made if they are not there.

    Args:
        home: Its folder; by default ``BIZOSAAS_HOME`` or the platform's place for such data.
        report: The connectors; by default all that are installed.
        environ: Where ``BIZOSAAS_HOME``, ``BIZOSAAS_DATABASE_URL`` and ``BIZOSAAS_SECRET_KEY`` are looked up.
        now: The clock; by default this machine's, and for leases the database's.
        sleep: Waits, in seconds.
        chance: Gives a number from 0 to 1, to spread runs in time.

    Raises:
        Misconfigured: if folder, key or database cannot be used.
        Unavailable: if the database cannot be used at the moment.
    """
    folder = home or home_folder(environ)
    clock = now
    now = now or (lambda: datetime.now(UTC))
    database = Database(database_url(folder, environ), now=clock)
    with ExitStack() as undo:  # a host that cannot be opened leaves no database open
        undo.callback(database.close)
        store = Store(database, folder, now=now, environ=environ)
        undo.pop_all()
    connectors = report or discover()
    events = Events(database, now=now)
    sink = Sink(database, events, now=now)
    leases = Leases(database, sleep=sleep)
    grants = Grants(store, now=now, sleep=sleep, environ=environ)
    webhooks = OutgoingWebhooks(store, leases, now=now)
    runner = Runner(store, sink, grants, connectors, leases, now=now, sleep=sleep, chance=chance)
    action_service = ActionService(database, store, grants, connectors, now=now)
    return Host(
        home=folder,
        report=connectors,
        database=database,
        store=store,
        sink=sink,
        reader=RecordReader(database, store, sink),
        figures=Figures(database, now=now),
        events=events,
        leases=leases,
        grants=grants,
        connections=ConnectionService(store, grants, connectors, environ, now=now),
        runner=runner,
        scheduler=Scheduler(store, runner, connectors, now=now),
        webhooks=webhooks,
        doctor=Doctor(store, grants, connectors, webhooks, now=now),
        action_service=action_service,
        plans=action_service.plans,
        approvals=action_service.approvals,
        audit=action_service.audit,
        requesters=action_service.requesters,
        runs=runner.history,
        announcements=Announcements(store, now=now),
    )
