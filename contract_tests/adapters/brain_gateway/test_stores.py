"""The three forms of the store: one behaviour, nothing readable where it is written, one winner of many."""

from __future__ import annotations

import json
import multiprocessing
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from bizosaas_xero.adapters.brain_gateway import MemoryStore
from bizosaas_xero.adapters.brain_gateway.file_store import FileStore
from bizosaas_xero.adapters.brain_gateway.sql_store import TABLE, SqlStore
from bizosaas_xero.adapters.brain_gateway.stores import delete_value, update_value
from bizosaas_xero.spec import Misconfigured, Unavailable
from contract_tests.helpers.services import needs_postgresql

pytestmark = pytest.mark.xero_sandbox(invoices=150, seed=9)

KEY = ("grant", "tenant", "xero")


def secret() -> dict[str, str]:
    return {"BIZOSAAS_SECRET_KEY": Fernet.generate_key().decode()}


@pytest.fixture(params=["memory", "file", "sqlite", pytest.param("postgresql", marks=needs_postgresql)])
def bridge_store(request, tmp_path):
    if request.param == "memory":
        yield MemoryStore()
    elif request.param == "file":
        yield FileStore(tmp_path / "kept", environ={})
    else:
        url = f"sqlite:///{tmp_path / 'kept.db'}"
        if request.param == "postgresql":
            url = request.getfixturevalue("postgresql_url").replace("postgresql:", "postgresql+psycopg:")
        engine = sa.create_engine(url)
        yield SqlStore(engine, environ=secret())
        engine.dispose()


def test_what_is_kept_comes_back_until_it_is_changed_or_removed(bridge_store):
    assert bridge_store.read(KEY) is None
    assert bridge_store.write(KEY, {"a": [1, "ä"]}, None)
    assert not bridge_store.write(KEY, {"a": 2}, None)
    kept = bridge_store.read(KEY)
    assert kept.value == {"a": [1, "ä"]}
    assert bridge_store.write(KEY, {"a": 3}, kept.version)
    assert not bridge_store.write(KEY, {"a": 4}, kept.version)
    assert not bridge_store.remove(KEY, kept.version)
    assert bridge_store.read(KEY).value == {"a": 3}
    assert bridge_store.remove(KEY, bridge_store.read(KEY).version)
    assert bridge_store.read(KEY) is None
    assert not bridge_store.write(KEY, {"a": 5}, kept.version)
    delete_value(bridge_store, KEY)


def test_a_value_made_anew_is_another_one(bridge_store):
    bridge_store.write(KEY, {"a": 1}, None)
    before = bridge_store.read(KEY)
    bridge_store.remove(KEY, before.version)
    bridge_store.write(KEY, {"a": 1}, None)
    assert not bridge_store.write(KEY, {"a": 2}, before.version)


def test_no_two_keys_look_alike(bridge_store):
    keys = [("grant", "a", "b:c"), ("grant", "a:b", "c"), ("grant", 'a", "b', "c"), ("grant", "ab", "c")]
    for number, key in enumerate(keys):
        assert bridge_store.write(key, {"n": number}, None)
    assert [bridge_store.read(key).value["n"] for key in keys] == [0, 1, 2, 3]


def test_every_change_of_many_at_once_counts(bridge_store):
    def add(_):
        update_value(bridge_store, KEY, lambda value: {"n": (value or {"n": 0})["n"] + 1})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(20)))
    assert bridge_store.read(KEY).value == {"n": 20}


def test_a_change_that_never_gets_through_ends(bridge_store):
    def edit(_value):
        kept = bridge_store.read(KEY)
        bridge_store.write(KEY, {"n": 0}, kept.version if kept else None)
        return {"n": 1}

    with pytest.raises(Unavailable, match="changed by others"):
        update_value(bridge_store, KEY, edit)


def _write_from_another_process(folder, key, queue):
    os.environ["BIZOSAAS_SECRET_KEY"] = key
    kept = FileStore(folder)
    for _ in range(10):
        update_value(kept, KEY, lambda value: {"n": (value or {"n": 0})["n"] + 1})
    queue.put("done")


def test_processes_share_the_file_store(tmp_path):
    key = Fernet.generate_key().decode()
    spawn = multiprocessing.get_context("spawn")
    queue = spawn.Queue()
    given = (str(tmp_path), key, queue)
    running = [spawn.Process(target=_write_from_another_process, args=given) for _ in range(2)]
    for each in running:
        each.start()
    for each in running:
        each.join(60)
    assert [queue.get(timeout=5) for _ in running] == ["done", "done"]
    assert FileStore(tmp_path, environ={"BIZOSAAS_SECRET_KEY": key}).read(KEY).value == {"n": 20}


def test_files_are_encrypted_and_private(tmp_path):
    folder = tmp_path / "kept"
    FileStore(folder, environ={}).write(KEY, {"token": "planted-token"}, None)
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
        assert b"planted-token" not in path.read_bytes()
        assert "tenant" not in path.name
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert FileStore(folder, environ={}).read(KEY).value == {"token": "planted-token"}
    with pytest.raises(Misconfigured, match="not the key"):
        FileStore(folder, environ=secret()).read(KEY)


def test_the_table_is_encrypted_and_names_nobody(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'kept.db'}")
    store = SqlStore(engine, environ=secret())
    store.write(KEY, {"token": "planted-token"}, None)
    with engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(sa.select(TABLE))]
    assert "planted-token" not in json.dumps(rows, default=str)
    assert "tenant" not in json.dumps(rows, default=str)
    with pytest.raises(Misconfigured, match="not set"):
        SqlStore(engine, environ={})
    with pytest.raises(Misconfigured, match="not the key"):
        SqlStore(engine, environ=secret()).read(KEY)
    engine.dispose()


def test_a_store_that_is_away_is_told_without_its_words(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'kept.db'}")
    store = SqlStore(engine, environ=secret())
    TABLE.drop(engine)
    for call in (lambda: store.read(KEY), lambda: store.write(KEY, {"token": "planted-token"}, None)):
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.reason == "store_unavailable"
        assert "planted" not in str(caught.value)
    engine.dispose()
    kept = FileStore(tmp_path / "kept", environ={})
    (tmp_path / "kept" / ".lock").mkdir()
    with pytest.raises(Unavailable, match="cannot be used"):
        kept.write(KEY, {}, None)


def test_a_connection_lives_on_each_form(bridge_store, start_gateway):
    """Each call makes a new object, so all that one knows of the other came through the store."""
    gateway = start_gateway(store=bridge_store)
    gateway.connect()
    first, second = gateway.sync("invoices"), gateway.sync("invoices")
    assert first["count"] == second["count"] == 40
    assert not set(first["keys"]) & set(second["keys"])
    [chosen] = gateway.act("list_organisations")["chosen"]
    plan = gateway.act("create_contact", name="Kept", business_key="k")["plan"]
    kinds = {
        ("grant", gateway.tenant, "xero"),
        ("app", gateway.tenant, "xero"),
        ("cursor", gateway.tenant, "xero", chosen, "invoices"),
        ("plan", gateway.tenant, "xero", chosen, plan["hash"]),
    }
    assert [key for key in kinds if bridge_store.read(key) is None] == []
    assert gateway("POST", "/api/connectors/xero/disconnect").json() == {"status": "disconnected"}
    assert [key[0] for key in kinds if bridge_store.read(key) is not None] == ["plan"]  # good for a day
