"""The contract between an integration host and a connector.

It stands alone: it imports pluggy and pydantic only, so a host or a connector can be written against this
package without the Xero connector's dependencies being loaded.

* :mod:`~bizosaas_xero.spec.hooks`: the five hooks, their arguments, results and rules.
* :mod:`~bizosaas_xero.spec.models`: every key of every input and output.
* :mod:`~bizosaas_xero.spec.errors`: every error, with the recovery that a host applies.
"""

from bizosaas_xero.spec.errors import (
    ERRORS,
    AuthExpired,
    Conflict,
    ConnectorError,
    CursorRejected,
    Invalid,
    Misconfigured,
    MissingScope,
    NotFound,
    OrganisationUnavailable,
    RateLimited,
    ReconnectRequired,
    Recovery,
    Unavailable,
    error_from_dict,
)
from bizosaas_xero.spec.hooks import GROUP, PROJECT, SPEC_VERSION, hookimpl, hookspec
from bizosaas_xero.spec.models import (
    Action,
    ActionResult,
    App,
    AuthInfo,
    AuthRequest,
    AuthResult,
    Batch,
    Connection,
    ConnectorInfo,
    Control,
    EntityInfo,
    Grant,
    Organisation,
    Plan,
    Recheck,
    Record,
    Rejected,
    Stats,
    SyncOptions,
    parse,
)

__all__ = [
    "ERRORS",
    "GROUP",
    "PROJECT",
    "SPEC_VERSION",
    "Action",
    "ActionResult",
    "App",
    "AuthExpired",
    "AuthInfo",
    "AuthRequest",
    "AuthResult",
    "Batch",
    "Conflict",
    "Connection",
    "ConnectorError",
    "ConnectorInfo",
    "Control",
    "CursorRejected",
    "EntityInfo",
    "Grant",
    "Invalid",
    "Misconfigured",
    "MissingScope",
    "NotFound",
    "Organisation",
    "OrganisationUnavailable",
    "Plan",
    "RateLimited",
    "Recheck",
    "ReconnectRequired",
    "Record",
    "Recovery",
    "Rejected",
    "Stats",
    "SyncOptions",
    "Unavailable",
    "error_from_dict",
    "hookimpl",
    "hookspec",
    "parse",
]
