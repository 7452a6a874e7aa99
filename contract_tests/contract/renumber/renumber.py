"""The Xero connector with one action more, as small as a write can be that is planned and done once."""

from __future__ import annotations

import hashlib
import json

import httpx
from pydantic import BaseModel, ConfigDict

from bizosaas_xero import plugin
from bizosaas_xero.plugin import auth, sync_entity  # noqa: F401 (hooks of this connector too)
from bizosaas_xero.spec import (
    Action,
    ActionResult,
    Conflict,
    Connection,
    Control,
    Invalid,
    NotFound,
    Plan,
    hookimpl,
    parse,
)


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    contact: str
    number: str


ACTION = Action(
    name="set_contact_number",
    title="Set a contact's number",
    description="Sets the number that a contact has elsewhere.",
    params=Params.model_json_schema(),
    result={"type": "object", "properties": {"number": {"type": "string"}}, "required": ["number"]},
    effect="write",
)


def mark(*parts):
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def refuse(field):
    raise Invalid(f"{field} is needed.", problems=[{"field": field, "message": "is needed"}])


@hookimpl
def list_actions(connection):
    return [ACTION]


@hookimpl
def describe():
    return plugin.describe().model_copy(update={"actions": [ACTION]})


@hookimpl
def run_action(connection, action, params, control):
    connection, control = parse(Connection, connection, "connection"), parse(Control, control, "control")
    if action != ACTION.name:
        raise NotFound(f"Unknown action {action!r}.")
    given = parse(Params, params, "params")
    if control.mode is None:
        refuse("control.mode")
    if control.mode == "commit" and control.plan_hash is None:
        refuse("control.plan_hash")
    base = connection.settings.get("api_url", "https://api.xero.com")
    with httpx.Client(base_url=f"{base}/api.xro/2.0/") as http:
        http.headers["Authorization"] = f"Bearer {connection.access_token.get_secret_value()}"
        http.headers["Xero-Tenant-Id"] = connection.organisation_id
        http.headers["Accept"] = "application/json"
        place = f"Contacts/{given.contact}"
        before = http.get(place).json()["Contacts"][0].get("ContactNumber")
        done = ActionResult(action=action, status="done", data={"number": given.number})
        if before == given.number:
            return done
        body = {"ContactNumber": given.number}
        plan = Plan(
            hash=mark(given.contact, given.number, before),
            organisation=connection.organisation_id,
            requests=[{"method": "POST", "path": place, "body": body}],
            acts=["draft"],
        )
        if control.mode == "plan":
            return ActionResult(action=action, status="planned", plan=plan)
        if control.mode == "commit" and control.plan_hash != plan.hash:
            raise Conflict("The contact has changed since.")
        key = mark(connection.organisation_id, action, control.business_key, body)
        http.post(place, json=body, headers={"Idempotency-Key": key}).raise_for_status()
        return done
