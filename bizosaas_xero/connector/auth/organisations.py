"""List the organisations that Xero's ``/connections`` names, check one, and disconnect one."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from bizosaas_xero.connector import reasons
from bizosaas_xero.connector.auth import errors as auth_errors
from bizosaas_xero.connector.auth import scopes
from bizosaas_xero.connector.http import client, errors, transport
from bizosaas_xero.connector.http.transport import XERO
from bizosaas_xero.connector.records import decode, time_zones
from bizosaas_xero.connector.settings import Settings, load_settings
from bizosaas_xero.spec.errors import (
    AuthExpired,
    ConnectorError,
    Misconfigured,
    MissingScope,
    OrganisationUnavailable,
    ReconnectRequired,
)
from bizosaas_xero.spec.models import AuthResult, Connection, Organisation
from bizosaas_xero.toolkit import jwt, retries
from bizosaas_xero.toolkit.errors import parse_json_list

MAX_ATTEMPTS = 3

_STATUS: dict[type[ConnectorError], Any] = {
    AuthExpired: "expired",
    ReconnectRequired: "reconnect",
    MissingScope: "missing_scope",
    OrganisationUnavailable: "organisation_unavailable",
    Misconfigured: "misconfigured",
}


def list_organisations(token: str, settings: Settings, auth_event_id: str | None = None) -> list[Organisation]:
    """List the organisations that a token reaches; accountants' practices are left out.

    Args:
        token: An access token.
        settings: Where Xero is.
        auth_event_id: Only those of this consent. If Xero names none for it (a consent repeated for an
            organisation that was connected before may keep its former event), all are listed.

    Raises:
        ConnectorError: Xero refused, or could not be reached.
    """
    connections = parse_json_list(XERO, _call("GET", "/connections", token, settings))
    listed = [item for item in connections if item.get("tenantType") == "ORGANISATION" and item.get("tenantId")]
    of_consent = [item for item in listed if auth_event_id and item.get("authEventId") == auth_event_id]
    return [_organisation(item) for item in of_consent or listed]


def disconnect_organisation(token: str, organisation_id: str | None, settings: Settings) -> None:
    """End the connection to one organisation; one that is already disconnected is not an error.

    Raises:
        Invalid: No organisation is named, and there are several.
        ConnectorError: Xero refused, or could not be reached.
    """
    connected = list_organisations(token, settings)
    if organisation_id is None and len(connected) > 1:
        raise reasons.ORGANISATION_NEEDED.field("request.organisation_id")
    for organisation in connected:
        if organisation_id is None or organisation.id.lower() == organisation_id.lower():
            path = f"/connections/{quote(str(organisation.connection_id), safe='')}"
            _call("DELETE", path, token, settings, expected=(200, 204, 404))


def check_connection(connection: Connection) -> AuthResult:
    """Return the status of a connection, the error behind it, and its organisation.

    Raises:
        ConnectorError: Xero could not be reached, or a limit is used up: the status is unknown.
    """
    settings = load_settings(connection.settings)
    token = connection.access_token.get_secret_value()
    granted = connection.scopes or jwt.scopes(token)
    result = AuthResult(step="check", status="ok", missing_scopes={}, warnings=_scope_warnings(granted))
    try:
        result.organisation = _find_organisation(connection, settings, token)
        if not scopes.missing_scopes(granted, "accounts"):
            _add_details(result, result.organisation, connection, settings)
    except tuple(_STATUS) as error:
        result.status, result.problem = _STATUS[type(error)], error.to_dict()
    lacking = {feature: scopes.missing_scopes(granted, feature) for feature in scopes.load_needs()} if granted else {}
    result.missing_scopes = {feature: names for feature, names in lacking.items() if names}
    unsynced = [result.missing_scopes[feature] for feature in scopes.entity_names() if feature in result.missing_scopes]
    if result.status == "ok" and unsynced:
        every = sorted({name for names in unsynced for name in names})
        result.status, result.problem = "missing_scope", scopes.missing_scope_error(every).to_dict()
    if result.organisation and result.organisation.is_demo:
        result.warnings.append("This is Xero's Demo Company: it is emptied about every 28 days.")
    return result


def _find_organisation(connection: Connection, settings: Settings, token: str) -> Organisation:
    wanted = connection.organisation_id.lower()
    for organisation in list_organisations(token, settings):
        if organisation.id.lower() == wanted:
            return organisation
    raise errors.organisation_unavailable()


def _add_details(result: AuthResult, organisation: Organisation, connection: Connection, settings: Settings) -> None:
    """Add the organisation's name, country, currency and time zone, Xero's time, and the cost."""
    api = client.Client(connection, settings, "accounts")
    try:
        answer = api.get("Organisation")
    finally:
        result.cost = api.counter.cost()
    result.server_time = answer.server_time
    for details in answer.body.get("Organisations") or ():
        organisation.name = details.get("Name") or organisation.name
        organisation.country = details.get("CountryCode")
        organisation.currency = details.get("BaseCurrency")
        organisation.timezone = time_zones.to_iana(details.get("Timezone"))
        if details.get("Timezone") and organisation.timezone is None:
            result.warnings.append(
                f"Xero's time zone {str(details['Timezone'])[:64]!r} is not known: business dates are taken in UTC."
            )
        organisation.is_demo = details.get("IsDemoCompany")
        organisation.short_code = details.get("ShortCode")


def _scope_warnings(granted: list[str]) -> list[str]:
    warnings = []
    if granted and scopes.OFFLINE not in granted:
        warnings.append(auth_errors.OFFLINE_ACCESS_WARNING)
    if "accounting.transactions" in granted and "accounting.invoices" not in granted:
        warnings.append(
            "This access uses Xero's former permissions, which end in September 2027. Authorize again with "
            "the granular ones before."
        )
    return warnings


def _call(method: str, path: str, token: str, settings: Settings, expected: tuple[int, ...] = (200,)) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    def attempt() -> httpx.Response:
        response = transport.send(method, settings.api_url + path, settings, headers=headers)
        if response.status_code not in expected:
            raise errors.from_response(response)
        return response

    return retries.retry(attempt, MAX_ATTEMPTS, retries.is_passing)


def _organisation(item: dict[str, Any]) -> Organisation:
    return Organisation(
        id=str(item["tenantId"]),
        name=str(item.get("tenantName") or item["tenantId"]),
        connection_id=str(item["id"]) if item.get("id") else None,
        kind=str(item["tenantType"]),
        connected_at=_parse_timestamp(item.get("createdDateUtc")),
        updated_at=_parse_timestamp(item.get("updatedDateUtc")),
    )


def _parse_timestamp(text: Any) -> Any:
    try:
        # Xero writes seven digits of fraction, one more than a Python datetime holds.
        return decode.parse_timestamp(text[:26]) if text else None
    except (ValueError, TypeError):
        return None
