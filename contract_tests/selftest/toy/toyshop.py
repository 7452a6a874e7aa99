"""An honest toy connector: it is small, and keeps every clause. The self test breaks it in many ways."""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import datetime
from decimal import Decimal, InvalidOperation

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from toyshop_auth import auth  # noqa: F401 (a hook of this connector too)
from toyshop_errors import invalid, meaning
from toyshop_source import Refused, now, shop

from bizosaas_xero.spec import (
    Action,
    ActionResult,
    AuthInfo,
    Batch,
    Conflict,
    Connection,
    ConnectorInfo,
    Control,
    CursorRejected,
    EntityInfo,
    MissingScope,
    NotFound,
    Plan,
    RateLimited,
    Recheck,
    Record,
    Rejected,
    Stats,
    SyncOptions,
    hookimpl,
    parse,
)

log = logging.getLogger(__name__)
AMOUNT = {"type": "string", "pattern": r"^-?\d+\.\d+$"}
STAMP = {"type": "string", "format": "date-time"}
ENTITIES = {
    "orders": (
        "total",
        {
            "id": {"type": "string"},
            "customer": {"type": "string"},
            "total": AMOUNT,
            "paid": {"type": "boolean"},
            "changed": STAMP,
        },
    ),
    "customers": (
        "credit",
        {"id": {"type": "string"}, "name": {"type": "string"}, "credit": AMOUNT, "changed": STAMP},
    ),
}


# ---------------------------------------------------------------- sync


class Cursor(BaseModel):
    model_config = ConfigDict(extra="forbid")

    v: int = Field(1, ge=1, le=1)
    entity: str
    org: str
    since: AwareDatetime | None = None
    started: AwareDatetime | None = None
    after: str = ""
    kind: str = Field("first", pattern="^(first|incremental|reread)$")


def decode(entity, row):
    amount = ENTITIES[entity][0]
    value = Decimal(row[amount])
    return {**row, amount: value, "changed": datetime.fromisoformat(row["changed"])}


def pages(connection, entity, cursor, options):
    """Read in the order of the immutable id what changed since the last read began."""
    token, calls, read, batches = connection.access_token.get_secret_value(), 0, 0, 0
    since = cursor.since.isoformat() if cursor.since and cursor.kind == "incremental" else ""
    while True:
        calls += 1
        try:
            answer = json.loads(shop.page(token, entity, since, cursor.after))
        except Refused as refused:
            raise meaning(refused) from None
        records, rejected = [], []
        for row in answer["rows"]:
            try:
                data = decode(entity, row)
            except (InvalidOperation, ValueError) as error:
                rejected.append(Rejected(key=row["id"], reason=type(error).__name__, raw=row))
                continue
            records.append(Record(key=row["id"], data=data, updated_at=data["changed"]))
        started = cursor.started or datetime.fromisoformat(answer["now"])
        read, batches = read + len(answer["rows"]), batches + 1
        more = answer["more"]
        stop = batches == options.max_batches or (options.deadline is not None and now() >= options.deadline)
        stats = Stats(kind=cursor.kind, calls=calls, read=read, expected=answer["left"])
        if more:
            cursor = cursor.model_copy(update={"after": answer["rows"][-1]["id"], "started": started})
            stats.paused = stop
        else:
            if cursor.kind == "incremental":
                for key in options.recheck:
                    calls += 1
                    row = json.loads(shop.one(token, entity, key))
                    data = decode(entity, row)
                    records.append(Record(key=key, data=data, updated_at=data["changed"]))
            cursor = Cursor(entity=cursor.entity, org=cursor.org, since=started, kind="incremental")
            stats.complete, stats.missing, stats.calls = True, 0, calls
        yield Batch(
            entity=entity,
            records=records,
            cursor=cursor.model_dump(mode="json"),
            has_more=more and not stop,
            rejected=rejected,
            stats=stats,
        )
        if stop or not more:
            return


def position(given, entity, organisation, options):
    if not given:
        return Cursor(entity=entity, org=organisation)
    try:
        cursor = Cursor.model_validate(given)
    except ValidationError:
        raise CursorRejected(f"The stored position of {entity} is damaged.") from None
    if (cursor.entity, cursor.org) != (entity, organisation):
        raise CursorRejected("The stored position is of something else.")
    if options.full:
        cursor = Cursor(entity=entity, org=organisation, since=cursor.since, kind="reread")
    return cursor


@hookimpl
def sync_entity(connection, entity, cursor, options):
    connection = parse(Connection, connection, "connection")
    options = parse(SyncOptions, options, "options")
    if entity not in ENTITIES:
        raise NotFound(f"The entity {entity!r} does not exist.")
    if connection.settings.get("forget_scopes"):
        raise MissingScope("The permission to read orders is missing.", scopes=["read"])
    limited = connection.settings.get("limited", 0)
    if not isinstance(limited, int):
        raise invalid("settings.limited", "must be a number of seconds")
    if limited:
        raise RateLimited("The calls of this hour are used up.", retry_after=limited)
    begin = position(cursor, entity, connection.organisation_id, options)
    return pages(connection, entity, begin, options)


# ---------------------------------------------------------------- actions


class CountOrders(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    paid: bool


class MarkPaid(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    order: str


COUNTED = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
PAID = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
ACTIONS = {
    "count_orders": (CountOrders, COUNTED, "read", "Counts the orders that are paid, or those that are not."),
    "mark_paid": (MarkPaid, PAID, "write", "Marks one order as paid, once and for all."),
}


def listed():
    return [
        Action(
            name=name,
            title=name.replace("_", " "),
            description=text,
            params=model.model_json_schema(),
            result=result,
            effect=effect,
        )
        for name, (model, result, effect, text) in ACTIONS.items()
    ]


@hookimpl
def list_actions(connection):
    return listed()


@hookimpl
def run_action(connection, action, params, control):
    connection = parse(Connection, connection, "connection")
    control = parse(Control, control, "control")
    if action not in ACTIONS:
        raise NotFound(f"The action {action!r} does not exist.")
    model, _, effect, _ = ACTIONS[action]
    given = parse(model, params, "params")
    if effect == "write" and control.mode is None:
        raise invalid("control.mode", "is needed by a write")
    if control.mode == "commit" and not control.plan_hash:
        raise invalid("control.plan_hash", "is needed by a commit")
    token = connection.access_token.get_secret_value()
    if action == "count_orders":
        page = json.loads(shop.page(token, "orders", "", ""))
        count = sum(1 for row in page["rows"] if row["paid"] == given.paid)
        return ActionResult(action=action, status="done", data={"count": count})
    key = f"{action} {control.business_key}"
    if control.business_key and shop.done.get(key):
        return ActionResult(action=action, status="done", data={"order": given.order})
    before = shop.one(token, "orders", given.order)
    mark = hashlib.sha256(f"{given.order} {before}".encode()).hexdigest()
    plan = Plan(hash=mark, organisation=connection.organisation_id, requests=[{"pay": given.order}], acts=["pay"])
    if control.mode == "plan":
        return ActionResult(action=action, status="planned", plan=plan)
    if control.mode == "commit" and control.plan_hash != mark:
        raise Conflict("The order has changed since it was planned.")
    shop.pay(token, given.order, key)
    return ActionResult(action=action, status="done", data={"order": given.order}, plan=plan)


@hookimpl(optionalhook=True)
def describe():
    return ConnectorInfo(
        name="toyshop",
        title="Toy shop",
        version="1",
        spec="1",
        summary="Orders and customers of an invented shop.",
        transport="none",
        auth=AuthInfo(kinds=["web", "custom"]),
        entities=[
            EntityInfo(
                name=name,
                title=name,
                key="id",
                stamp="changed",
                interval=3600,
                json_schema={
                    "type": "object",
                    "properties": fields,
                    "required": list(fields),
                    "additionalProperties": False,
                },
                recheck=Recheck(field="paid", equals=False, every=86400) if name == "orders" else None,
            )
            for name, (_, fields) in ENTITIES.items()
        ],
        actions=listed(),
        settings={"type": "object", "properties": {"limited": {"type": "integer"}}},
    )
