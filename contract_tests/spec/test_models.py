"""The contract by itself: errors that survive, arguments in either form, secrets that stay hidden."""

from __future__ import annotations

import json
import pickle

import pytest

from bizosaas_xero import spec

SECRET = "s3cr3t-value"


@pytest.mark.parametrize("kind", [*spec.ERRORS.values(), spec.ConnectorError])
def test_every_error_survives_pickle_and_json(kind):
    error = kind(
        "What happened.",
        reason="finer",
        retry_after=3.5,
        correlation_id="c",
        problems=[{"field": "a.b", "message": "no"}],
        scopes=["x"],
    )
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes)
    assert type(again) is kind
    assert again.to_dict() == error.to_dict() == json.loads(json.dumps(error.to_dict()))
    assert spec.error_from_dict(error.to_dict()).to_dict() == error.to_dict()
    assert error.remedy in str(error)


def test_every_error_has_a_recovery_and_a_remedy():
    recoveries = {"refresh", "reconnect", "wait", "retry", "restart", "fix", "none"}
    for code, kind in spec.ERRORS.items():
        assert kind.code == code
        assert kind.recovery in recoveries
        assert kind.default_remedy.endswith(".")


def test_an_error_with_an_unknown_code_keeps_its_code_and_recovery():
    data = {"code": "quota_sold", "recovery": "wait", "message": "m", "remedy": "r"}
    again = pickle.loads(pickle.dumps(spec.error_from_dict(data)))  # noqa: S301 (our own bytes)
    assert (again.code, again.recovery) == ("quota_sold", "wait")


def test_a_grant_shows_its_secrets_in_json_and_nowhere_else():
    grant = spec.Grant(
        identity="i",
        client_id="c",
        access_token=SECRET,
        refresh_token=SECRET,
        obtained_at="2026-11-22T00:00:00Z",
        expires_at="2026-11-22T00:30:00Z",
        scopes="a b",
    )
    assert grant.model_dump(mode="json")["access_token"] == SECRET
    assert json.loads(grant.model_dump_json())["refresh_token"] == SECRET
    assert SECRET not in f"{grant!r} {grant} {grant.model_dump()}"
    assert grant.scopes == ["a", "b"]
    assert spec.Grant(**grant.model_dump(mode="json")) == grant


@pytest.mark.parametrize(
    "value",
    [
        {"access_token": SECRET},
        {"access_token": [SECRET], "organisation_id": "o"},
        {"access_token": SECRET, "organisation_id": {"deep": SECRET}},
        SECRET,
        [SECRET],
        7,
    ],
)
def test_a_validation_error_names_the_field_and_never_the_value(value):
    with pytest.raises(spec.Invalid) as caught:
        spec.parse(spec.Connection, value, "connection")
    assert caught.value.problems[0]["field"].startswith("connection")
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.to_dict()}"
    assert caught.value.__cause__ is None


def test_arguments_are_taken_as_mapping_model_or_none():
    connection = spec.Connection(organisation_id="o", access_token=SECRET)
    assert spec.parse(spec.Connection, connection, "c") is connection
    mapping = {"organisation_id": "o", "access_token": SECRET, "unknown key": 1}
    assert spec.parse(spec.Connection, mapping, "c") == connection
    assert spec.parse(spec.SyncOptions, None, "o") == spec.parse(spec.SyncOptions, {}, "o")
