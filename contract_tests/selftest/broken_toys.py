"""Small, realistic breakages of the honest toy connector. Each names the clause that must kill it.

A row: the clause, what is wrong, and the edits (file of the toy, old text, new text; the connector's own file
where none is named).
"""

from __future__ import annotations

CLOSED = (
    "def invalid(field, message):",
    "class Closed(Unavailable):\n    {body}\n\n\ndef invalid(field, message):",
)


def _closed(body):
    """Edits that make the shop raise an error class of its own."""
    return [(CLOSED[0], CLOSED[1].format(body=body)), ("return Unavailable(", "return Closed(")]


LOG = "log = logging.getLogger(__name__)"
PAGES = "    return pages(connection, entity, begin, options)"
BATCH = "        yield Batch(\n"
FINISHED = 'Cursor(entity=cursor.entity, org=cursor.org, since=started, kind="incremental")'

TOYS = [
    ("discovery.loads", "an assertion fails at import", [(LOG, "assert not logging, 'unfinished'")]),
    ("discovery.loads", "it ends the interpreter at import", [(LOG, "raise SystemExit(0)")]),
    (
        "discovery.import-quiet",
        "reads the environment at import",
        [(LOG, "import os\n\nHOME = os.environ.get('TOYSHOP_HOME', '')")],
    ),
    ("discovery.import-quiet", "reads a file at import", [(LOG, "NAME = open('/etc/hostname').read()")]),
    (
        "discovery.import-quiet",
        "asks the network at import",
        [(LOG, "import socket\n\nHERE = socket.getaddrinfo('localhost', 80)")],
    ),
    ("discovery.no-host", "imports a host", [(LOG, "import bizosaas_xero.host")]),
    ("discovery.import-time", "takes its time to import", [(LOG, "import time\n\ntime.sleep(1.6)")]),
    (
        "discovery.hooks-match",
        "a parameter has a default",
        [("def run_action(connection, action, params, control):", "def run_action(connection, action, params, control=None):")],
    ),
    ("discovery.hooks-match", "a hook is misspelt", [("def list_actions(", "def list_action(")]),
    ("discovery.hooks-match", "a hook is not marked", [("@hookimpl\ndef list_actions(", "def list_actions(")]),
    ("discovery.hooks-match", "a hook is async", [("def auth(request):", "async def auth(request):")]),
    (
        "discovery.four-hook-host",
        "describe is not marked optional",
        [("@hookimpl(optionalhook=True)\ndef describe", "@hookimpl\ndef describe")],
    ),
    ("discovery.has-description", "describe is missing", [("def describe():", "def description():")]),
    ("discovery.describes", "speaks another version", [('spec="1"', 'spec="2"')]),
    ("discovery.describes", "describes with a dict that lacks a key", [('    return ConnectorInfo(\n        name="toyshop",\n', "    return dict(\n")]),
    ("discovery.schemas-valid", "a schema is none", [('"type": "object",\n                    "properties": fields', '"type": "objekt",\n                    "properties": fields')]),
    ("auth.authorize-state", "the state is always the same", [("    state = secrets.token_urlsafe(24)", '    state = "toyshop-consent-of-everybody"')]),
    ("auth.state-checked", "the state is not checked", [('if came.get("state") != [pending["state"]]:', "if False:")]),
    ("auth.pending-single-use", "a consent can be used twice", [('    SPENT.add(pending["state"])\n', "")]),
    ("auth.pending-expires", "a consent never ends", [('if datetime.fromisoformat(pending["end"]) <= now():', "if False:")]),
    ("auth.grant-whole", "a new grant has ended", [('expires_at=begun + timedelta(seconds=token["expires_in"])', "expires_at=begun")]),
    ("auth.organisations", "a new grant comes without organisations", [("return AuthResult(step=asked.step, grant=grant, organisations=organisations(grant))", "return AuthResult(step=asked.step, grant=grant)")]),
    (
        "auth.refresh-replaces",
        "a refreshed grant keeps the old refresh token",
        [("asked.grant)\n    return AuthResult(step=asked.step, grant=grant)", "asked.grant)\n    kept = grant.model_copy(update={'refresh_token': asked.grant.refresh_token})\n    return AuthResult(step=asked.step, grant=kept)")],
    ),
    ("auth.refresh-replaces", "a refreshed grant is the old one", [("asked.grant)\n    return AuthResult(step=asked.step, grant=grant)", "asked.grant)\n    return AuthResult(step=asked.step, grant=asked.grant)")]),
    ("auth.refresh-keeps-identity", "each grant has another identity", [('identity=f"{app.client_id}:shop"', 'identity=f"{app.client_id}:{begun.isoformat()}"')]),
    (
        "auth.dump-refreshes",
        "a dump masks the tokens",
        [("return AuthResult(step=asked.step, grant=grant, organisations=organisations(grant))", 'shown = grant.model_dump() | {"access_token": str(grant.access_token), "refresh_token": str(grant.refresh_token)}\n    return {"step": asked.step, "grant": shown, "organisations": [one.model_dump() for one in organisations(grant)]}')],
    ),
    ("auth.revoked-reconnects", "a revoked grant looks like a failure", [('if refused.word == "invalid_grant":', 'if refused.word == "invalid_grand":')]),
    ("auth.check-tells", "a good connection is called expired", [('return AuthResult(step=asked.step, status="ok", organisation', 'return AuthResult(step=asked.step, status="expired", organisation')]),
    ("auth.disconnect-ends", "disconnecting says nothing", [('    return AuthResult(step=asked.step, status="ok")\n', "    return AuthResult(step=asked.step)\n")]),
    ("auth.no-secret-shown", "logs the token", [("    begun = now()\n    return Grant", '    begun = now()\n    log.debug("minted %s", token)\n    return Grant')]),
    ("auth.no-secret-shown", "prints the pending consent", [("    query = urlencode(", "    print(pending)\n    query = urlencode(")]),
    ("auth.no-secret-shown", "an error quotes the secret", [('return ReconnectRequired("The access to the shop has ended.", reason="grant_ended")', 'return ReconnectRequired(f"The access to the shop has ended: {refused.asked}.", reason="grant_ended")'), ("    except Refused as refused:\n        raise meaning(refused) from None\n    begun", "    except Refused as refused:\n        refused.asked = given\n        raise meaning(refused) from None\n    begun")]),
    ("auth.bad-request-invalid", "what a step needs is not checked", [("if getattr(asked, name) is None:", "if False:")]),
    ("auth.results-cross", "a result cannot be pickled", [("        found = shop.organisations(token)[0]\n", "        found = shop.organisations(token)[0]\n\n        class Told(AuthResult):\n            pass\n\n"), ('return AuthResult(step=asked.step, status="ok", organisation', 'return Told(step=asked.step, status="ok", organisation')]),
    ("sync.lazy-call", "reads everything at the call", [(PAGES, PAGES.replace("pages(", "iter(list(pages(") + "))")]),
    ("sync.lazy-call", "gives a list", [(PAGES, PAGES.replace("pages(", "list(pages(") + ")")]),
    ("sync.lazy-pages", "reads everything before the first batch", [("@hookimpl\ndef sync_entity", "def late(batches):\n    yield from list(batches)\n\n\n@hookimpl\ndef sync_entity"), (PAGES, PAGES.replace("pages(", "late(pages(") + ")")]),
    ("sync.at-least-one-batch", "no batch when nothing is new", [(BATCH, "        if records or rejected:\n          yield Batch(\n")]),
    ("sync.ends", "goes round for ever", [("if stop or not more:", "if stop:")]),
    ("sync.batch-shape", "calls every batch by one name", [("            entity=entity,\n            records", '            entity="records",\n            records')]),
    ("sync.batch-shape", "a batch is a bare list", [(BATCH, "        yield list(\n")]),
    ("sync.has-more", "says that more comes when it was told to stop", [("has_more=more and not stop", "has_more=more")]),
    ("sync.stats-final", "does not say whether it is complete", [("stats.complete, stats.missing, stats.calls = True, 0, calls", "stats.calls = calls")]),
    ("sync.stats-true", "counts one call", [("= True, 0, calls", "= True, 0, 1")]),
    ("sync.keys-present", "keys are empty", [('Record(key=row["id"]', 'Record(key=""')]),
    ("sync.keys-present", "takes the stamp for the key", [('Record(key=row["id"]', 'Record(key=row["changed"]')]),
    ("sync.keys-unique", "reads the last row of a page twice", [('"after": answer["rows"][-1]["id"]', '"after": answer["rows"][-2]["id"]')]),
    ("sync.schema", "adds a field that is not published", [("return {**row, amount: value", 'return {**row, "source": "toy", amount: value')]),
    ("sync.schema", "a flag is a text", [("    value = Decimal(row[amount])\n", "    value = Decimal(row[amount])\n    row = {name: str(it) if it is True else it for name, it in row.items()}\n")]),
    ("sync.decimals-exact", "amounts go through float", [("value = Decimal(row[amount])", "value = Decimal(str(float(row[amount])))")]),
    ("sync.decimals-exact", "amounts are floats", [("value = Decimal(row[amount])", "value = float(row[amount])")]),
    ("sync.decimals-exact", "amounts are rounded to two places", [("value = Decimal(row[amount])", 'value = Decimal(row[amount]).quantize(Decimal("0.01"))')]),
    ("sync.stamps-aware", "drops the time zone", [('datetime.fromisoformat(row["changed"])}', 'datetime.fromisoformat(row["changed"]).replace(tzinfo=None)}'), ('updated_at=data["changed"]', 'updated_at=row["changed"]')]),
    ("sync.stamps-aware", "forgets when a record changed", [('data=data, updated_at=data["changed"]))\n        started', "data=data))\n        started")]),
    ("sync.cursor-json", "a cursor holds a datetime", [('cursor=cursor.model_dump(mode="json")', "cursor=cursor.model_dump()")]),
    ("sync.cursor-small", "a cursor holds what was read", [('    after: str = ""\n', '    after: str = ""\n    seen: list = []\n'), ('cursor=cursor.model_dump(mode="json")', 'cursor=cursor.model_dump(mode="json") | {"seen": [row["id"] * 3000 for row in answer["rows"]]}')]),
    ("sync.every-page-read", "reads the first page only", [('more = answer["more"]', "more = False")]),
    ("sync.every-page-read", "stops at a short page", [('more = answer["more"]', 'more = len(answer["rows"]) == 4 and answer["left"] > 6')]),
    ("sync.cursor-sent", "reads everything each time", [('since = cursor.since.isoformat() if cursor.since and cursor.kind == "incremental" else ""', 'since = ""')]),
    ("sync.second-run-same", "takes what did not come for deleted", [("        stats = Stats(kind", '        if cursor.kind == "incremental" and not records:\n            records = [Record(key=key, op="delete") for key in ("O01", "C01")]\n        stats = Stats(kind')]),
    ("sync.change-comes", "the cursor is this machine's time", [('since=started, kind="incremental")\n            stats', 'since=now(), kind="incremental")\n            stats')]),
    ("sync.full-rereads", "ignores `full`", [("    if options.full:", "    if False:")]),
    ("sync.close-stops", "reads on after it was closed", [("@hookimpl\ndef sync_entity", "def eager(batches):\n    try:\n        for batch in batches:\n            yield batch\n    finally:\n        list(batches)\n\n\n@hookimpl\ndef sync_entity"), (PAGES, PAGES.replace("pages(", "eager(pages(") + ")")]),
    ("sync.one-batch", "ignores `max_batches`", [("stop = batches == options.max_batches or (", "stop = (")]),
    ("sync.one-batch", "does not say that it paused", [("            stats.paused = stop\n", "")]),
    ("sync.deadline", "ignores the deadline", [("options.deadline is not None and now() >= options.deadline", "False")]),
    ("sync.resume-equals-whole", "each cursor is that of the end", [('cursor=cursor.model_dump(mode="json")', f'cursor={FINISHED}.model_dump(mode="json")')]),
    ("sync.cursor-not-past-unread", "a failure is an empty page, and the end", [("        except Refused as refused:\n            raise meaning(refused) from None\n        records", '        except Refused:\n            answer = {"rows": [], "more": False, "left": 0, "now": now().isoformat()}\n        records')]),
    ("sync.rejected-reported", "drops what it cannot read", [('                rejected.append(Rejected(key=row["id"], reason=type(error).__name__, raw=row))\n', "                log.debug(type(error).__name__)\n")]),
    ("sync.rejected-reported", "one bad row has no raw form", [("reason=type(error).__name__, raw=row", "reason=type(error).__name__")]),
    ("sync.recheck-reads", "rechecks the first key only", [("for key in options.recheck:", "for key in options.recheck[:1]:")]),
    ("sync.cursor-damaged", "begins anew with a damaged cursor", [('        raise CursorRejected(f"The stored position of {entity} is damaged.") from None', "        return Cursor(entity=entity, org=organisation)")]),
    ("sync.cursor-damaged", "overlooks what it does not know", [('class Cursor(BaseModel):\n    model_config = ConfigDict(extra="forbid")', "class Cursor(BaseModel):")]),
    ("sync.cursor-foreign", "takes any entity's cursor", [("if (cursor.entity, cursor.org) != (entity, organisation):", "if cursor.org != organisation:")]),
    ("sync.models-or-mappings", "takes mappings only", [('    connection = parse(Connection, connection, "connection")\n    options = parse', "    connection = Connection(**connection)\n    options = parse")]),
    ("sync.models-or-mappings", "unknown keys are refused", [('    connection = parse(Connection, connection, "connection")\n    options = parse', '    if isinstance(connection, dict) and set(connection) - set(Connection.model_fields):\n        raise invalid("connection", "has an unknown key")\n    connection = parse(Connection, connection, "connection")\n    options = parse')]),
    ("sync.unknown-entity", "an unknown entity is called invalid", [('raise NotFound(f"There is no entity {entity!r}.")', 'raise invalid("entity", "is unknown")')]),
    ("sync.bad-arguments-invalid", "options are not checked", [('    options = parse(SyncOptions, options, "options")\n', "    options = options if isinstance(options, SyncOptions) else SyncOptions.model_construct(**(options or {}))\n")]),
    ("errors.never-foreign", "the source's exception comes out", [("            raise meaning(refused) from None\n        records", "            raise\n        records")]),
    ("errors.as-expected", "a closed shop is called not found", [("    return Unavailable(", "    return NotFound(")]),
    ("errors.code-known", "recovers in a way of its own", _closed('recovery = "later"')),
    ("errors.told", "an error says nothing", [('return Unavailable("The shop is closed at the moment."', 'return Unavailable(""')]),
    ("errors.to-dict", "to_dict tells the code alone", _closed('def to_dict(self):\n        return {"code": self.code}')),
    ("errors.pickle", "an error does not come back", _closed("def __reduce__(self):\n        return (Closed, ())")),
    ("errors.limit-says-when", "a limit does not say when", [('retry_after=connection.settings["limited"]', "retry_after=None")]),
    ("errors.invalid-names-field", "a wrong input is not named", [('problems=[{"field": field, "message": message}]', "problems=[]")]),
    ("errors.scope-named", "a missing scope is not named", [(', scopes=["read"])\n    if connection', ")\n    if connection")]),
    ("actions.listed", "an action says nothing about itself", [("Marks one order as paid, once and for all.", "Pay.")]),
    ("actions.listed", "two actions have one name", [('            name=name,\n            title=name.replace("_", " ")', '            name="action",\n            title=name.replace("_", " ")')]),
    ("actions.described", "the description has no actions", [("        actions=listed(),\n", "")]),
    ("actions.schemas-valid", "the parameters are not described", [("params=model.model_json_schema()", 'params={"type": "object"}')]),
    ("actions.schemas-valid", "the schema takes more than the action", [('class MarkPaid(BaseModel):\n    model_config = ConfigDict(extra="forbid", strict=True)\n\n    order: str', "class MarkPaid(BaseModel):\n    order: str | int")]),
    ("actions.result-true", "the result is not as published", [('data={"count": count}', 'data={"count": str(count)}')]),
    ("actions.bad-params-invalid", "parameters are checked by pydantic alone", [('given = parse(model, params, "params")', "given = model.model_validate(params)")]),
    ("actions.write-needs-mode", "a write needs no mode", [('if effect == "write" and control.mode is None:', "if False:")]),
    ("actions.commit-needs-plan", "commits without a plan", [('if control.mode == "commit" and not control.plan_hash:', "if False:"), ('control.mode == "commit" and control.plan_hash != mark', "control.plan_hash and control.plan_hash != mark")]),
    ("actions.plan-writes-nothing", "planning does it", [('    if control.mode == "plan":', '    if control.mode == "plan":\n        shop.pay(token, given.order, "planned")')]),
    ("actions.plan-repeatable", "each plan has another hash", [('f"{given.order} {before}"', 'f"{given.order} {before} {now()}"')]),
    ("actions.commit-does-plan", "committing does nothing", [("    shop.pay(token, given.order, key)\n    return", '    if control.mode == "run":\n        shop.pay(token, given.order, key)\n    return')]),
    ("actions.stale-refused", "commits whatever was planned", [("control.plan_hash != mark", "not control.plan_hash")]),
    ("actions.done-once", "does a thing as often as it is asked", [("if control.business_key and shop.done.get(key):", "if False:")]),
    ("actions.unknown-not-found", "an unknown action is a KeyError", [('    if action not in ACTIONS:\n        raise NotFound(f"There is no action {action!r}.")\n', "")]),
]  # fmt: skip
