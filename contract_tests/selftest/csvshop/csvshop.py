"""A connector for a shop that keeps its products in a CSV file."""

import csv
import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

from bizosaas_xero import spec
from bizosaas_xero.spec import hookimpl, parse

SIZE = 3  # rows a batch
SHOP = spec.Organisation(id="shop", name="The shop")
NEEDS = {"client_credentials": "app", "check": "connection"}  # the other steps: the grant
STAMP = {"type": "string", "format": "date-time"}
AMOUNT = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}


@hookimpl
def auth(request):
    asked = parse(spec.AuthRequest, request, "request")
    need = NEEDS.get(asked.step, "grant")
    if getattr(asked, need) is None:
        problem = {"field": f"request.{need}", "message": "is needed"}
        raise spec.Invalid(f"The step {asked.step} needs more.", problems=[problem])
    if asked.step not in {"client_credentials", "refresh"}:
        return spec.AuthResult(step=asked.step, status="ok", organisation=SHOP, organisations=[SHOP])
    now, client = datetime.now(UTC), (asked.grant or asked.app).client_id
    grant = spec.Grant(
        identity=client, client_id=client, kind="custom", access_token=secrets.token_urlsafe(),
        obtained_at=now, expires_at=now + timedelta(days=1),
    )  # fmt: skip
    return spec.AuthResult(step=asked.step, grant=grant, organisations=[SHOP])


@hookimpl
def sync_entity(connection, entity, cursor, options):
    connection = parse(spec.Connection, connection, "connection")
    options = parse(spec.SyncOptions, options, "options")
    if entity != "products":
        raise spec.NotFound(f"Unknown entity {entity!r}.")
    if "file" not in connection.settings:
        raise spec.Misconfigured("The setting file is missing.")
    if cursor and not (set(cursor) == {"after"} and isinstance(cursor["after"], str)):
        raise spec.CursorRejected("The stored position is damaged.")
    kind = "first" if not cursor else "reread" if options.full else "incremental"
    after = cursor["after"] if kind == "incremental" else ""
    return batches(connection.settings["file"], after, kind, options)


def batches(file, after, kind, options):
    for number in count(1):
        rest, records, rejected = rows(file, after), [], []
        for row in rest[:SIZE]:
            after = place(row)
            try:
                stamp = datetime.fromisoformat(row["changed"])
                data = {**row, "price": Decimal(row["price"]), "changed": stamp}
                records.append(spec.Record(key=row["sku"], data=data, updated_at=stamp))
            except (ArithmeticError, TypeError, ValueError) as error:
                rejected.append(spec.Rejected(key=row["sku"], reason=repr(error), raw=row))
        more, late = len(rest) > SIZE, options.deadline and options.deadline <= datetime.now(UTC)
        go_on = more and not late and number != options.max_batches
        whole = {"paused": not go_on} if more else {"complete": True, "missing": 0}
        read = SIZE * (number - 1) + len(records) + len(rejected)
        yield spec.Batch(
            entity="products", records=records, rejected=rejected, cursor={"after": after}, has_more=go_on,
            stats=spec.Stats(kind=kind, calls=number, read=read, **whole),
        )  # fmt: skip
        if not go_on:
            return


def rows(file, after):
    try:
        with Path(file).open(newline="", encoding="utf-8") as text:
            return sorted((row for row in csv.DictReader(text, restkey="more") if place(row) > after), key=place)
    except (OSError, KeyError, ValueError, csv.Error) as error:
        raise spec.Unavailable("The file of products cannot be read.") from error


def place(row):
    return f"{row['changed']} {row['sku']}"


@hookimpl
def list_actions(connection):
    return []


@hookimpl
def run_action(connection, action, params, control):
    raise spec.NotFound(f"Unknown action {action!r}.")


@hookimpl(optionalhook=True)
def describe():
    fields = {"sku": {"type": "string"}, "price": AMOUNT, "changed": STAMP}
    schema = {"type": "object", "properties": fields, "required": list(fields)}
    products = spec.EntityInfo(
        name="products", title="Products", key="sku", stamp="changed", interval=3600, json_schema=schema
    )
    return spec.ConnectorInfo(
        name="csvshop", title="CSV shop", version="1.0", spec="1", summary="Products from a CSV file.",
        transport="none", auth=spec.AuthInfo(kinds=["custom"]), entities=[products],
    )  # fmt: skip
