"""The hooks as Temporal activities: ``sync_entity`` and ``run_action``, with cursors in the heartbeats.

A workflow passes the id of a connection and never a token: what it passes stays in Temporal's history.
Works with temporalio 1.4 and newer; needs the extra ``temporal``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from temporalio import activity
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError, CancelledError

from bizosaas_xero.host.plugins.connector import Connector
from bizosaas_xero.spec import ERRORS, ConnectorError, CursorRejected, NotFound, ReconnectRequired
from bizosaas_xero.spec.errors import SUBJECT, Invalid
from bizosaas_xero.spec.reasons import Reason

T = TypeVar("T")

UNKNOWN_CONNECTOR = Reason("unknown_connector", NotFound, "This worker has no connector {connector!r}.")

AGAIN = frozenset({"retry", "wait", "refresh"})
"""Recoveries after which the same activity may be tried again; all others end it."""

RETRY_POLICY = RetryPolicy(
    initial_interval=timedelta(seconds=2),
    backoff_coefficient=4,
    maximum_interval=timedelta(minutes=10),
    non_retryable_error_types=sorted(kind.code for kind in ERRORS.values() if kind.recovery not in AGAIN),
)
"""For both activities. An error's type is its ``code``; the workflow's timeouts decide how often is tried."""

HEARTBEAT_TIMEOUT = timedelta(minutes=5)
"""For ``sync_entity``: longer than one batch takes, with all its waits and retries."""

MAX_LIMIT_WAIT_SECONDS = 5.0
"""Seconds that ``sync_entity`` waits for a limit; a longer one becomes a later attempt, and frees the worker."""

_DELAYS = "next_retry_delay" in inspect.signature(ApplicationError.__init__).parameters
"""Whether this temporalio accepts a retry delay; otherwise the workflow sleeps, see :func:`failure`."""


class Port(Protocol):
    """What the worker's host gives: access, and a place for records. Called in the activity's thread."""

    def access(self, connection_id: str, refused: str | None) -> Mapping[str, Any]:
        """Return the ``connection`` for the hooks, with a token that will last.

        Args:
            connection_id: The host's id.
            refused: The access token that was refused although its time is not over; renew it.

        Raises:
            ConnectorError: of the grant.
        """

    def cursor(self, connection_id: str, entity: str) -> Mapping[str, Any] | None:
        """Return the cursor that was stored with the last batch; ``None`` if there is none."""

    def keep(self, connection_id: str, entity: str, batch: Mapping[str, Any]) -> None:
        """Store a batch's records and its cursor in one transaction. A batch may come twice."""


@dataclass(frozen=True)
class SyncRequest:
    """The entity to sync. ``max_batches`` limits one call; the result's ``has_more`` says to call again."""

    connector: str
    connection_id: str
    entity: str
    full: bool = False
    max_batches: int | None = None


@dataclass
class SyncResult:
    """The counts of a sync, for the workflow; the records went to the port."""

    batches: int = 0
    records: int = 0
    rejected: int = 0
    calls: int = 0
    bytes: int = 0
    complete: bool | None = None
    has_more: bool = False


@dataclass(frozen=True)
class ActionRequest:
    """What is run. A write has ``mode`` ``plan``, or ``commit`` with all that belongs to it."""

    connector: str
    connection_id: str
    action: str
    params: dict[str, Any] = field(default_factory=dict)
    control: dict[str, Any] = field(default_factory=dict)


class Activities:
    """The two activities: ``Worker(activities=[mine.sync_entity, mine.run_action], activity_executor=...)``.

    Args:
        connectors: By name, as discovery loaded them.
        port: The host's.
    """

    def __init__(self, connectors: Mapping[str, Connector], port: Port) -> None:
        self._connectors = connectors
        self._port = port

    @activity.defn
    def sync_entity(self, request: SyncRequest) -> SyncResult:
        """Read an entity to its end. A new attempt continues from the last heartbeat's cursor.

        Raises:
            ApplicationError: of the type of the connector's ``code``; its details are ``to_dict()``.
        """
        return _told(lambda: self._synced(request))

    @activity.defn
    def run_action(self, request: ActionRequest) -> dict[str, Any]:
        """Run a read, plan a write, or do an approved plan. Returns the ``ActionResult`` as JSON values.

        An activity may run twice, so a commit needs its business key; and a workflow is not a person, so it
        needs the name of the approver.

        Raises:
            ApplicationError: as :meth:`sync_entity`.
        """
        return _told(lambda: self._ran(request))

    def _synced(self, request: SyncRequest) -> SyncResult:
        known = activity.info().heartbeat_details
        if known:
            cursor, result = known[0], SyncResult(**known[1])
        else:
            cursor = None if request.full else self._port.cursor(request.connection_id, request.entity)
            result = SyncResult()
        options: dict[str, Any] = {"full": request.full and not known, "max_wait": MAX_LIMIT_WAIT_SECONDS}

        def read(connection: Mapping[str, Any]) -> None:
            nonlocal cursor
            before = (result.calls, result.bytes)
            if request.max_batches is not None:
                options["max_batches"] = max(1, request.max_batches - result.batches)
            reading = self._connector(request).sync_entity(connection, request.entity, cursor, options)
            with closing(reading) as batches:  # also when the activity is cancelled
                for batch in batches:
                    plain = batch.model_dump(mode="json")
                    self._port.keep(request.connection_id, request.entity, plain)
                    cursor, options["full"] = plain["cursor"], False
                    _count(result, plain, before)
                    activity.heartbeat(cursor, asdict(result))

        try:
            self._with_access(request.connection_id, read, lambda: result.batches)
        except CursorRejected:
            cursor = None  # what was stored stays; it is read again
            self._with_access(request.connection_id, read, lambda: result.batches)
        return result

    def _ran(self, request: ActionRequest) -> dict[str, Any]:
        control = request.control
        if control.get("mode") not in {None, "plan", "commit"}:
            raise Invalid.field("control.mode", "must be plan or commit", summary=SUBJECT)
        needed = ("plan_hash", "business_key", "approver") if control.get("mode") == "commit" else ()
        for name in needed:
            if not control.get(name):
                raise Invalid.field(f"control.{name}", "is needed to commit", summary=SUBJECT)
        connector = self._connector(request)
        result = self._with_access(
            request.connection_id,
            lambda connection: connector.run_action(connection, request.action, request.params, control),
        )
        plain: dict[str, Any] = result.model_dump(mode="json")
        return plain

    def _with_access(
        self,
        connection_id: str,
        work: Callable[[Mapping[str, Any]], T],
        progress: Callable[[], int] = lambda: 0,
    ) -> T:
        """Call a hook, and again with a new token if its token is refused: once for each progress."""
        refused: str | None = None
        reached: int | None = None
        while True:
            connection = self._port.access(connection_id, refused)
            try:
                return work(connection)
            except ConnectorError as error:
                if error.recovery != "refresh":
                    raise
                if reached == progress():
                    raise ReconnectRequired("Access was renewed, and is still refused.") from None
                refused, reached = connection["access_token"], progress()

    def _connector(self, request: SyncRequest | ActionRequest) -> Connector:
        if request.connector not in self._connectors:
            raise UNKNOWN_CONNECTOR(connector=request.connector)
        return self._connectors[request.connector]


def failure(error: ConnectorError) -> ApplicationError:
    """Turn a connector's error into Temporal's.

    Its type is the ``code``, its first detail ``to_dict()``. What ``wait`` says about time is obeyed: a newer
    temporalio gets the delay. An older one has no such option, so the activity ends; the workflow sleeps
    for ``details[0]["retry_after"]`` seconds and runs it again.
    """
    more: dict[str, Any] = {}
    final = error.recovery not in AGAIN
    if error.retry_after is not None and not final:
        if _DELAYS:
            more["next_retry_delay"] = timedelta(seconds=error.retry_after)
        elif error.recovery == "wait":
            final = True
    return ApplicationError(str(error), error.to_dict(), type=error.code, non_retryable=final, **more)


def _told(work: Callable[[], T]) -> T:
    try:
        return work()
    except ConnectorError as error:
        if activity.is_cancelled():  # it strikes anywhere, also inside the connector, which is then blamed
            raise CancelledError("The activity was cancelled.") from None
        raise failure(error) from None


def _count(result: SyncResult, batch: Mapping[str, Any], before: tuple[int, int]) -> None:
    result.batches += 1
    result.records += len(batch["records"])
    result.rejected += len(batch["rejected"])
    stats = batch["stats"] or {}
    result.calls = before[0] + stats.get("calls", 0)
    result.bytes = before[1] + stats.get("bytes", 0)
    result.complete = stats.get("complete")
    result.has_more = bool(stats.get("paused"))
