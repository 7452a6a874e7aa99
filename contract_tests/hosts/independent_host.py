"""A host by somebody who has never seen our package: four hooks, plain dicts, JSON files.

It imports pluggy and stevedore only, and decides on ``code`` and ``recovery`` alone. Run as a program, it
reads what to do from its standard input and prints what happened as JSON.
"""

import json
import sys

import pluggy
import stevedore

spec = pluggy.HookspecMarker("bizosaas")


class FourHooks:
    @spec(firstresult=True)
    def auth(self, request): ...

    @spec(firstresult=True)
    def sync_entity(self, connection, entity, cursor, options): ...

    @spec(firstresult=True)
    def list_actions(self, connection): ...

    @spec(firstresult=True)
    def run_action(self, connection, action, params, control): ...


def load(name):
    manager = pluggy.PluginManager("bizosaas")
    manager.add_hookspecs(FourHooks)
    found = stevedore.NamedExtensionManager("bizosaas.connectors", names=[name])
    manager.register(found[name].plugin)
    manager.check_pending()
    return manager.hook


def plain(result):
    return json.loads(json.dumps(result.model_dump(mode="json")))


def attempt(call):
    """What a host that knows no class of ours makes of an error."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 (a stranger knows no class of ours)
        return {"code": error.code, "recovery": error.recovery, **error.to_dict()}


def main():
    told = json.load(sys.stdin)
    hook, app, settings = load("xero"), told["app"], told["settings"]
    granted = plain(hook.auth(request={"step": "client_credentials", "app": app, "settings": settings}))
    stored = json.dumps(granted["grant"])
    renewed = plain(
        hook.auth(request={"step": "refresh", "app": app, "grant": json.loads(stored), "settings": settings})
    )["grant"]
    connection = {
        "organisation_id": granted["organisations"][0]["id"],
        "access_token": renewed["access_token"],
        "settings": settings,
    }
    tables, cursors = {}, {}
    for entity in told["entities"]:
        for batch in hook.sync_entity(connection=connection, entity=entity, cursor=None, options=None):
            known = plain(batch)
            for record in known["records"]:
                tables.setdefault(entity, {})[record["key"]] = record["data"]
            cursors[entity] = known["cursor"]
    again = {
        entity: sum(
            len(batch.records)
            for batch in hook.sync_entity(connection=connection, entity=entity, cursor=cursor, options={})
        )
        for entity, cursor in cursors.items()
    }
    wrong = {**connection, "access_token": "nonsense"}
    errors = [
        attempt(lambda: list(hook.sync_entity(connection=wrong, entity="contacts", cursor=None, options=None))),
        attempt(lambda: hook.sync_entity(connection=connection, entity="nonsense", cursor=None, options=None)),
        attempt(lambda: hook.run_action(connection=connection, action="nonsense", params={}, control={})),
        attempt(lambda: hook.auth(request={"step": "dance"})),
    ]
    json.dump(
        {
            "rows": {entity: len(rows) for entity, rows in tables.items()},
            "again": again,
            "errors": errors,
            "actions": [plain(action) for action in hook.list_actions(connection=None)],
            "ours": sorted(name for name in sys.modules if name == "bizosaas_xero.host"),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
