"""``contract.toml`` of anything: it is read, or refused by file and field, and with what to do."""

from __future__ import annotations

import re
import tomllib

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bizosaas_xero.contract.scenarios import Contract, ContractFileError, Scenario, load
from contract_tests.helpers.paths import ROOT

OURS = ROOT / "cassettes" / "xero" / "contract.toml"
SCENARIO = '[[scenarios]]\nname = "x"\nhook = "sync_entity"\nentity = "invoices"\n'
TABLES = "apps.a.kind = 'web'\nconnections.a.id = 'x'\ngrants.a.identity = 'x'\n"
ACTION = '[[scenarios]]\nname = "x"\nhook = "run_action"\naction = "pay"\nscript = "run"\n'

calm = settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)


def read_or_refused(contract_path, content):
    """Read such a file, and let nothing through but a contract or an error that says what is wrong."""
    contract_path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        found = load(contract_path)
    except ContractFileError as error:
        found = error
    if isinstance(found, ContractFileError):
        assert str(contract_path) in str(found)
        assert "docs/contract.md" in str(found)
        assert len(str(found)) < 2_000
    return found


@pytest.fixture
def contract_path(tmp_path):
    return tmp_path / "contract.toml"


def test_our_own_contract_file_is_read():
    assert len(load(OURS).scenarios) > 50


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"\0",
        b"a = " + b"[" * 50_000,
        b"a." * 2_000 + b"b = 1",
        b"\xef\xbb\xbfa = 1",
        b"a = 1\na = 2",
    ],
    ids=["no UTF-8", "a NUL", "deep", "dotted", "a mark first", "twice"],
)
def test_what_is_no_toml_is_refused(contract_path, content):
    assert isinstance(read_or_refused(contract_path, content), ContractFileError)


def test_a_folder_and_nothing_are_refused(tmp_path):
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(ContractFileError, match=re.escape(str(place))):
            load(place)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('transport = "carrier pigeon"', "transport"),
        ('transport = "none"', "fixtures"),
        ("import_ms = -1", "import_ms"),
        ("import_ms = nan", "import_ms"),
        ("import_ms = inf", "import_ms"),
        ('frozen = "2026-01-01T00:00:00"', "frozen"),
        ("unknown = 1", "unknown"),
        (SCENARIO + "speed = 1", "scenarios.0.speed"),
        (SCENARIO.replace('"x"', '"../../x"'), "scenarios.0.name"),
        (SCENARIO.replace('"x"', '"x\\n"'), "scenarios.0.name"),
        (SCENARIO + 'script = "never"', "script"),
        (TABLES + SCENARIO + 'app = "web"', "apps"),
        (TABLES + SCENARIO + 'connection = "shop"', "connections"),
        (TABLES + SCENARIO + 'grant = "mine"', "grants"),
        (SCENARIO + 'callback = "code=x&state={oops}"', "callback"),
        (SCENARIO + 'callback = "code=x&state={state.__class__}"', "callback"),
        (SCENARIO + 'callback = "{"', "callback"),
        (SCENARIO + 'callback = "{0}"', "callback"),
        (SCENARIO + "[scenarios.expect]\nerror = 5", "scenarios.0.expect.error"),
        (SCENARIO + "[scenarios.expect]\nerror = 'no_such_code'", "error"),
        (SCENARIO + "[scenarios.expect]\nrejected = -1", "rejected"),
        (SCENARIO + SCENARIO, "named twice: x"),
        (ACTION + 'steps = ["run", "wait soon"]', "wait"),
        (ACTION + 'steps = ["run", "wait -5"]', "wait"),
        (ACTION + 'steps = ["run", "wait 1e999"]', "wait"),
        ('[[exempt]]\nclause = "sync.deadline"\nreason = "no"', "exempt.0.reason"),
        (
            '[[exempt]]\nclause = "sync.deadline"\nscenario = "gone"\nreason = "it cannot be done"',
            "gone",
        ),
        ('[provenance.x]\nkind = "dreamt"\nsource = "s"\ndate = "d"', "provenance.x.kind"),
        ("headers = [5]", "headers"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(contract_path, content, named):
    error = read_or_refused(contract_path, content)
    assert isinstance(error, ContractFileError)
    assert named in str(error)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(sorted({*Contract.model_fields, *Scenario.model_fields}))


@calm
@given(st.text(max_size=80) | st.binary(max_size=80))
def test_any_text_is_read_or_refused(contract_path, content):
    read_or_refused(contract_path, content)


@calm
@given(data=st.data())
def test_our_own_with_a_line_changed_is_read_or_refused(contract_path, data):
    lines = OURS.read_text(encoding="utf-8").splitlines()[:400]
    at = data.draw(st.integers(0, len(lines) - 1))
    name = lines[at].partition("=")[0]
    junk = data.draw(
        st.sampled_from(["", "= 5", '= "x"', "= []", "= {}", "= true", "= nan", '= ["a", 5]', "= 1979-05-27"])
    )
    lines[at] = f"{name} {junk}"
    read_or_refused(contract_path, "\n".join(lines))


@calm
@given(
    st.dictionaries(FIELDS, values, max_size=4),
    st.lists(st.dictionaries(FIELDS, values), max_size=3) | values,
)
@example({"folder": 5}, [])
def test_any_values_of_its_fields_are_read_or_refused(contract_path, monkeypatch, top, scenarios):
    """What TOML can write or not: the model decides, and nothing else is raised."""
    monkeypatch.setattr(tomllib, "loads", lambda _: {**top, "scenarios": scenarios})
    read_or_refused(contract_path, "")
