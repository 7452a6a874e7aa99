"""The reasons of the errors that the server for agents raises itself."""

from __future__ import annotations

from bizosaas_xero.spec.errors import ConnectorError, Invalid, Misconfigured, NotFound, ReconnectRequired
from bizosaas_xero.spec.reasons import Reason

UNEXPECTED = Reason(
    "unexpected", ConnectorError, "This program failed: {place}.", "Please report it; a retry will not help."
)
UNKNOWN_TOOL = Reason("unknown_tool", NotFound, "The tool {name!r} does not exist.", "Use one of: {names}.")
UNKNOWN_RESOURCE = Reason("unknown_resource", NotFound, "This resource does not exist.", "Use {template}.")
TOOL_NAME_TAKEN = Reason(
    "tool_name_taken",
    Misconfigured,
    "The action {action} has a parameter {parameter!r}, which is reserved for the host.",
    "Report it to the connector's author: the parameter needs another name.",
)
WRITES_NOT_ALLOWED = Reason(
    "writes_not_allowed",
    Misconfigured,
    "{name} writes, and this server only reads.",
    "Nothing was written. To allow writes, start the server with: bizosaas-xero mcp --allow-writes",
)
ROLE_READS_ONLY = Reason(
    "role_reads_only",
    Misconfigured,
    "{name} writes, and {person} may only read.",
    "Nothing was written. Who runs the sign-in service gives the person the role approver or owner.",
)
PERSON_UNKNOWN = Reason(
    "person_unknown", Misconfigured, "This call names no signed-in person.", "Sign in, and connect the client again."
)
NOT_CONNECTED = Reason(
    "not_connected",
    ReconnectRequired,
    "No organisation is connected.",
    "The person connects one with: bizosaas-xero connect",
)
UNKNOWN_ORGANISATION = Reason(
    "unknown_organisation", NotFound, "The organisation {organisation!r} is not connected.", "Connected: {names}."
)
ORGANISATION_NOT_CHOSEN = Reason(
    "organisation_not_chosen",
    Invalid,
    "Several {what}.",
    "Pass `organisation` as an id: {names}. Ask the person if it is not clear which.",
    "does not identify one organisation",
)
