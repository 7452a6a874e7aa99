"""``--debug``, ``--log-level`` and ``--log-format``: each request is shown, and no secret."""

from __future__ import annotations

import json
import logging

import pytest
from cryptography.fernet import Fernet

from bizosaas_xero.cli.log import LogFormat, LogLevel, configure_logging
from bizosaas_xero.host import open_host
from bizosaas_xero.sandbox import Sandbox


@pytest.fixture
def reset_logging(monkeypatch):
    """Loggers as a new process has them, whatever ran in this one before, and none of it left behind."""
    monkeypatch.setattr(logging.root.manager, "disable", logging.NOTSET)
    for name in ("bizosaas_xero", "bizosaas_xero.http", "bizosaas_xero.sync"):
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "disabled", False)
        logger.setLevel(logging.NOTSET)
    yield
    configure_logging(None)


def demo_secrets(home):
    """Return the client secret and the tokens of the demo's last run, and the key that encrypts them."""
    secrets = {Sandbox(20, 1).describe("")["apps"]["web"]["client_secret"]}
    with open_host(home / "demo", environ={}) as host:
        for identity in host.store.identities("xero"):
            grant = host.store.grant("xero", identity).grant.model_dump(mode="json")
            secrets |= {grant["access_token"], grant["refresh_token"]}
    secrets.add((home / "demo" / "secret.key").read_text())
    return secrets


def test_debug_shows_each_request_of_a_demo_and_none_of_its_secrets(stranger):
    done = stranger.run("--debug", "demo", "--invoices", "20", "--json")
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    for part in (
        "bizosaas_xero.http method=POST path=/connect/token status=200",
        "bizosaas_xero.http method=GET path=/api.xro/2.0/Invoices status=200",
        "bizosaas_xero.http method=PUT path=/api.xro/2.0/Invoices status=200",
        "bizosaas_xero.sync entity=invoices page 1 of 1",
        "bizosaas_xero.auth ",
    ):
        assert any(part in line for line in lines), part
    assert all(" milliseconds=" in line for line in lines if "bizosaas_xero.http" in line)
    assert json.loads(done.stdout)["actions"], "standard output still holds the JSON value alone"
    secrets = demo_secrets(stranger.home)
    assert len(secrets) == 4
    for secret in secrets:
        assert len(secret) > 20
        assert secret not in done.stderr
    assert "Bearer" not in done.stderr


def test_a_log_for_machines_is_one_json_object_a_line(stranger):
    done = stranger.run("--log-format", "json", "demo", "--invoices", "20", BIZOSAAS_LOG="debug")
    assert done.returncode == 0
    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(record) for record in records)
    requests = [record for record in records if record["logger"] == "bizosaas_xero.http"]
    assert {"GET", "POST", "PUT"} == {record["method"] for record in requests}
    assert all(record["status"] == 200 and record["milliseconds"] >= 0 for record in requests)
    assert not any(secret in done.stderr for secret in demo_secrets(stranger.home))


def test_without_an_option_nothing_is_logged_and_a_wrong_level_is_refused(stranger):
    assert stranger.run("connectors").stderr == ""
    refused = stranger.run("connectors", BIZOSAAS_LOG="loud")
    assert refused.returncode == 2
    assert "BIZOSAAS_LOG" in refused.stderr
    assert "debug" in refused.stderr


def test_a_log_line_cannot_be_faked_by_a_text(capsys, reset_logging):
    configure_logging(LogLevel.DEBUG)
    logging.getLogger("bizosaas_xero.http").debug("name=%s", "x\n\x1b[2J\u202eevil")
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert "\u202e" not in line
    configure_logging(LogLevel.DEBUG, LogFormat.JSON)
    logging.getLogger("bizosaas_xero.http").debug("name=%s", "x\n\x1b[2J\u202eevil")
    line = capsys.readouterr().err
    assert json.loads(line)["message"] == "name=x\n\x1b[2J\u202eevil"
    assert "\x1b" not in line


def test_configuring_twice_logs_once(capsys, reset_logging):
    for _ in range(2):
        configure_logging(LogLevel.INFO)
    logger = logging.getLogger("bizosaas_xero.sync")
    logger.info("shown")
    logger.debug("hidden")
    assert capsys.readouterr().err.count("shown") == 1
    configure_logging(None)
    logger.error("hidden")
    assert capsys.readouterr().err == ""


def test_debug_does_not_show_the_encryption_key(stranger):
    done = stranger.run("--debug", "status", BIZOSAAS_SECRET_KEY=(key := Fernet.generate_key().decode()))
    assert done.returncode == 3
    assert key not in done.stdout + done.stderr
