"""A connector for a shop that keeps its products in a CSV file."""

import csv
import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from bizosaas_xero import spec
from bizosaas_xero.spec import hookimpl, parse

SIZE = 3  # rows a batch
FIELDS = {
    "sku": {"type": "string"},
    "name": {"type": "string"},
    "price": {"type": "string", "pattern": r"^\d+\.\d+$"},
    "changed": {"type": "string", "format": "date-time"},
}
NEEDS = {"refresh": "grant", "organisations": "grant", "disconnect": "grant", "check": "connection"}


@hookimpl
def auth(request):
    asked = parse(spec.AuthRequest, request, "request")
    need = NEEDS.get(asked.step, "app")
    if getattr(asked, need) is None:
        raise spec.Invalid(
            f"{asked.step} needs more.", problems=[{"field": f"request.{need}", "message": "is needed"}]
        )
    shop = spec.Organisation(id="shop", name="The shop")
    if asked.step in {"client_credentials", "refresh"}:
        now, client = datetime.now(UTC), (asked.grant or asked.app).client_id
        grant = spec.Grant(
            identity=client, client_id=client, kind="custom", access_token=secrets.token_urlsafe(),
            obtained_at=now, expires_at=now + timedelta(days=1),
        )  # fmt: skip
        return spec.AuthResult(step=asked.step, grant=grant, organisations=[shop])
    return spec.AuthResult(step=asked.step, status="ok", organisation=shop, organisations=[shop])


@hookimpl
def sync_entity(connection, entity, cursor, options):
    connection = parse(spec.Connection, connection, "connection")
    options = parse(spec.SyncOptions, options, "options")
    if entity != "products":
        raise spec.NotFound(f"There is no entity {entity!r}.")
    if "folder" not in connection.settings:
        raise spec.Misconfigured("The setting folder is missing.")
    if cursor and (set(cursor) != {"changed", "sku"} or not all(isinstance(v, str) for v in cursor.values())):
        raise spec.CursorRejected("The stored position is damaged.")
    kind = "first" if not cursor else "reread" if options.full else "incremental"
    after = (cursor["changed"], cursor["sku"]) if cursor and not options.full else ("", "")
    return batches(Path(connection.settings["folder"]) / "products.csv", after, kind, options)


def batches(path, after, kind, options):
    """Read in the order in which rows changed; what changes while we read comes later."""
    for number in range(1, 1_000_000):
        rest = sorted((row["changed"], row["sku"], row) for row in rows(path))
        rest = [item for item in rest if item[:2] > after]
        records, rejected = [], []
        for changed, sku, row in rest[:SIZE]:
            after = (changed, sku)
            try:
                data = {
                    **row,
                    "price": Decimal(row["price"]),
                    "changed": datetime.fromisoformat(row["changed"]),
                }
                records.append(spec.Record(key=row["sku"], data=data, updated_at=data["changed"]))
            except (InvalidOperation, ValueError) as error:
                rejected.append(spec.Rejected(key=row["sku"], reason=repr(error), raw=row))
        more = len(rest) > SIZE
        stop = number == options.max_batches or (options.deadline and datetime.now(UTC) >= options.deadline)
        stats = spec.Stats(
            kind=kind, calls=number, read=(number - 1) * SIZE + len(rest[:SIZE]), paused=more and bool(stop)
        )
        if not more:
            stats.complete, stats.missing = True, 0
        yield spec.Batch(
            entity="products", records=records, rejected=rejected,
            cursor={"changed": after[0], "sku": after[1]}, has_more=more and not stop, stats=stats,
        )  # fmt: skip
        if stop or not more:
            return


def rows(path):
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise spec.Unavailable(f"The file {path.name} cannot be read.") from error


@hookimpl
def list_actions(connection):
    return []


@hookimpl
def run_action(connection, action, params, control):
    raise spec.NotFound(f"There is no action {action!r}.")


@hookimpl(optionalhook=True)
def describe():
    products = spec.EntityInfo(
        name="products", title="Products", key="sku", stamp="changed", interval=3600,
        json_schema={"type": "object", "properties": FIELDS, "required": list(FIELDS)},
    )  # fmt: skip
    return spec.ConnectorInfo(
        name="csvshop", title="CSV shop", version="1.0", spec="1", summary="Products from a CSV file.",
        transport="none", auth=spec.AuthInfo(kinds=["custom"]), entities=[products],
    )  # fmt: skip
