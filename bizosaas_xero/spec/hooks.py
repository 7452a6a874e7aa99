"""The hooks of a connector. Project name ``bizosaas``, entry point group ``bizosaas.connectors``.

A connector is a *module* that implements the hooks as functions marked with :data:`hookimpl`; its entry
point's name is the connector's name. A host makes one plugin manager per connector, so that no connector
sees another's credentials.

Rules for both sides:

* Hooks are synchronous and ``firstresult``; parameter names never change and have no defaults. What grows,
  grows inside the mappings: unknown keys are ignored.
* Every argument may be a plain mapping or the model of :mod:`bizosaas_xero.spec.models` with the same keys;
  ``None`` and ``{}`` mean defaults.
* A hook raises only errors of :mod:`bizosaas_xero.spec.errors`. Hosts decide on ``code`` and ``recovery``.
* A host calls ``add_hookspecs`` with these hooks before it registers a connector, or pluggy answers with
  lists; a connector without ``describe`` answers ``None`` to it.
* The host hands over no call-backs. When a token dies or a limit is hit, the connector raises after its
  last good batch; the host refreshes or waits, and calls again with the last stored cursor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from bizosaas_xero.spec.models import Action, ActionResult, AuthResult, Batch, ConnectorInfo

PROJECT = "bizosaas"
"""The pluggy project name."""

GROUP = "bizosaas.connectors"
"""The entry point group in which hosts look for connectors."""

SPEC_VERSION = "1"
"""The version of this contract; a connector repeats it in ``describe()``."""


def is_supported(version: str) -> bool:
    """Return whether a connector of this version can be used: the same major version; what is newer is ignored."""
    return version.partition(".")[0] == SPEC_VERSION.partition(".")[0]


hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec(firstresult=True)
def auth(request: Mapping[str, Any]) -> AuthResult:  # type: ignore[empty-body]
    """Do one step of getting, keeping or ending access.

    Called when a person connects, before a grant's end, and when a connection is checked or removed.

    Args:
        request: Mapping or ``AuthRequest``. ``step`` chooses what is done and which other keys are read;
            ``settings`` (keys as in ``describe().settings``) is read by every step but ``check``, which takes
            the connection's:

            * ``authorize`` {app, scopes?} gives ``url`` (send the person's browser there) and ``pending``
              (a secret the host keeps until the person comes back, and then forgets).
            * ``callback`` {app, pending, callback_url} gives ``grant`` and ``organisations``.
            * ``client_credentials`` {app, scopes?} gives ``grant`` and ``organisations``.
            * ``refresh`` {app, grant} gives the new ``grant``: save it before it is used.
            * ``organisations`` {grant} gives ``organisations``.
            * ``check`` {connection} gives ``status``, ``missing_scopes``, ``organisation``,
              ``server_time``, ``warnings``, and ``problem``, the error behind a ``status`` other than ``ok``.
            * ``check_app`` {app, scopes?} asks, without a person, whether the provider accepts the app's credentials.
              Gives ``status``: ``ok`` or ``misconfigured`` (with ``problem``) only where it is certain, else
              ``unknown``. Optional: a connector that lacks the step refuses it as ``invalid``.
            * ``disconnect`` {app, grant, organisation_id?, revoke?} ends access to that organisation;
              with ``revoke`` to *all* organisations this person connected to the app. Gives ``status``.

    Returns:
        An ``AuthResult`` with the keys named above. A grant that was given is always returned: if the
        organisations could not be listed then, they are empty, a warning says so, and the step
        ``organisations`` lists them later.

    Raises:
        ConnectorError: ``misconfigured``, ``reconnect_required``, ``missing_scope``, ``auth_expired``,
            ``organisation_unavailable``, ``not_found``, ``invalid``, ``rate_limited`` or ``unavailable``.
    """


@hookspec(firstresult=True)
def sync_entity(  # type: ignore[empty-body]
    connection: Mapping[str, Any],
    entity: str,
    cursor: Mapping[str, Any] | None,
    options: Mapping[str, Any] | None,
) -> Iterator[Batch]:
    """Read an entity's records that are new or changed since the cursor.

    Returns at once; nothing is fetched before the first ``next()``. The host stores a batch's records and
    its cursor in one transaction and only then asks for the next. Closing the iterator stops the work.

    Args:
        connection: Mapping or ``Connection``.
        entity: A name from ``describe()``.
        cursor: The cursor of the last stored batch, or ``None`` to begin.
        options: Mapping or ``SyncOptions``, or ``None``.

    Returns:
        A lazy iterator of at least one ``Batch``. A record may come again, in this run or a later one; its
        newest form is right. The last batch has ``has_more=False`` and final ``stats``.

    Raises:
        ConnectorError: at the call for wrong arguments (``invalid``, ``not_found``, ``cursor_rejected``,
            ``missing_scope``, ``misconfigured``), and from the iterator, after the last good batch, for
            everything else.
    """


@hookspec(firstresult=True)
def list_actions(connection: Mapping[str, Any] | None) -> list[Action]:  # type: ignore[empty-body]
    """List what an agent or a person may ask for.

    Args:
        connection: Mapping or ``Connection``; with it, each action says whether the grant allows it.
            ``None`` lists all.

    Returns:
        The actions with their parameter and result schemas, possibly none.

    Raises:
        ConnectorError: ``invalid``.
    """


@hookspec(firstresult=True)
def run_action(  # type: ignore[empty-body]
    connection: Mapping[str, Any],
    action: str,
    params: Mapping[str, Any] | None,
    control: Mapping[str, Any] | None,
) -> ActionResult:
    """Run an action, or plan it, or do exactly what was planned.

    Args:
        connection: Mapping or ``Connection``.
        action: A name from ``list_actions``.
        params: What the action's schema asks for.
        control: Mapping or ``Control``. A write needs ``mode``: ``plan`` writes nothing and returns the plan
            and its hash, ``commit`` does that plan or raises ``conflict``, ``run`` does both at once.

    Returns:
        An ``ActionResult``.

    Raises:
        ConnectorError: ``not_found`` for an unknown action, ``invalid`` before any request for wrong
            parameters, and any other.
    """


@hookspec(firstresult=True)
def describe() -> ConnectorInfo:  # type: ignore[empty-body]
    """Describe the connector without touching the network.

    Optional: a connector marks its implementation ``optionalhook=True``, so that a host that knows only the
    four hooks above still loads it.

    Returns:
        A ``ConnectorInfo``: entities with their JSON Schemas and intervals, actions, settings.
    """
