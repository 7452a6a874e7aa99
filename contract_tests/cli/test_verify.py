"""``verify`` finds, from outside, every switch of the sandbox that can be seen."""

import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from bizosaas_xero.cli.verify.caller import MAX_CALLS, Caller, OutOfCalls
from bizosaas_xero.cli.verify.findings import Findings
from bizosaas_xero.cli.verify.reading import App, look
from bizosaas_xero.cli.verify.writing import require_demo_company, write
from bizosaas_xero.connector.settings import Settings
from bizosaas_xero.sandbox.switches import EVENT, READING, WRITING, Switches
from bizosaas_xero.spec import Invalid, RateLimited
from contract_tests.docs.pages import DOCS

SCOPES = (
    "offline_access accounting.settings accounting.contacts accounting.invoices accounting.payments "
    "accounting.banktransactions accounting.reports.balancesheet.read accounting.reports.profitandloss.read "
    "accounting.reports.aged.read accounting.manualjournals.read"
)
REDIRECT = "http://localhost:8742/callback"
pytestmark = pytest.mark.xero_sandbox(invoices=60, books="wild")
COMMANDS = re.findall(r"^\$ bizosaas-xero (.+)$", (DOCS / "verify.md").read_text(encoding="utf-8"), re.MULTILINE)


def as_documented(command, **places):
    """Return the words of a command of the page, with its files in other places."""
    (words,) = [line.split() for line in COMMANDS if line.startswith(f"{command} ")]
    return [str(places.get(word.split(".")[0].strip("/"), word)) for word in words]


def shown_by(kind):
    fields = Switches.__dataclass_fields__
    return [
        pytest.param(name, choice, id=f"{name}-{choice}")
        for name, spec in fields.items()
        if spec.metadata["shows"] == kind
        for choice in spec.metadata["choices"]
    ]


@pytest.fixture(autouse=True)
def _usual(shared_sandbox_server):
    box = shared_sandbox_server
    yield
    for name, value in Switches().settings().items():
        box.sandbox.switches.set(name, value)
    box.sandbox.faults.clear()


def sign_in(box, kind="web", organisations=None):
    """Return a caller and its app, signed in as a person would."""
    info, app = box.info, box.info["apps"][kind]
    form = {"client_id": app["client_id"], "client_secret": app["client_secret"]}
    if kind == "custom":
        form |= {"grant_type": "client_credentials", "scope": SCOPES.removeprefix("offline_access ")}
    else:
        asked = {"response_type": "code", "client_id": app["client_id"], "redirect_uri": REDIRECT, "state": "s"}
        url = str(httpx.URL(f"{box.url}/identity/connect/authorize", params={**asked, "scope": SCOPES}))
        back = box.sandbox.consent(url, organisations=organisations)
        code = parse_qs(urlsplit(back).query)["code"][0]
        form |= {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    token = httpx.post(f"{box.url}/connect/token", data=form).raise_for_status().json()
    settings = Settings(api_url=box.url, identity_url=box.url)
    xero = Caller(settings, token["access_token"], info["organisations"][0]["id"], keep=True)
    return xero, App(app["client_id"], kind, app["client_secret"]), tuple(token["scope"].split())


def seen(box, kind="web", organisations=None):
    xero, app, scopes = sign_in(box, kind, organisations)
    found = Findings()
    look(xero, found, scopes, app, datetime.now(UTC))
    assert xero.made <= MAX_CALLS
    assert {each.method for each in xero.exchanges} <= {"GET", "POST"}
    assert [each.url for each in xero.exchanges if each.method == "POST" and "/connect/token" not in each.url] == []
    return found


@pytest.mark.parametrize(("name", "choice"), shown_by(READING))
def test_reading_finds_every_choice_of_every_switch_that_it_can_see(shared_sandbox_server, name, choice):
    shared_sandbox_server.sandbox.switches.set(name, choice)
    everyone = [each["id"] for each in shared_sandbox_server.info["organisations"]]
    several = everyone[:2] if name == "multi_select" and choice else None
    found = seen(shared_sandbox_server, "custom" if name.startswith("custom") else "web", several)
    if (name, choice) == ("multi_select", False):  # that it cannot be done is not seen
        assert name not in found.switches
        return
    assert found.switches[name] == choice
    assert not found.strange


@pytest.mark.parametrize(("name", "choice"), shown_by(WRITING))
def test_writing_finds_the_rest_at_a_demo_company(shared_sandbox_server, name, choice):
    shared_sandbox_server.sandbox.switches.set(name, choice)
    xero, _, _ = sign_in(shared_sandbox_server)
    found = Findings()
    require_demo_company(xero)
    write(xero, found, datetime.now(UTC), f"{name}-{choice}")
    assert found.switches[name] == choice
    assert not found.strange
    assert xero.made <= MAX_CALLS


def test_writing_leaves_nothing_open(shared_sandbox_server):
    def books():
        store = shared_sandbox_server.sandbox.store()
        return {
            (entity, row[f"{entity[:-1]}ID"])
            for entity in ("Invoices", "CreditNotes", "BankTransactions", "BatchPayments", "Contacts")
            for row in store.rows(entity)
            if row.get("Status", row.get("ContactStatus")) not in {"VOIDED", "DELETED", "ARCHIVED"}
        }

    before = books()
    xero, _, _ = sign_in(shared_sandbox_server)
    write(xero, Findings(), datetime.now(UTC), "tidy")
    assert books() == before


def test_writing_is_refused_elsewhere_before_anything_is_written(shared_sandbox_server):
    other = shared_sandbox_server.info["organisations"][1]["id"]
    xero, _, _ = sign_in(shared_sandbox_server, organisations=[other])
    xero.organisation_id = other
    with pytest.raises(Invalid, match="Demo Company only"):
        require_demo_company(xero)
    assert [each.method for each in xero.exchanges] == ["GET"]


def test_the_calls_are_bounded(shared_sandbox_server):
    xero, app, scopes = sign_in(shared_sandbox_server)
    xero.limit = 7
    with pytest.raises(OutOfCalls):
        look(xero, Findings(), scopes, app, datetime.now(UTC))
    assert xero.made == 7


def test_a_limit_of_xero_ends_it_with_a_remedy(shared_sandbox_server):
    xero, app, scopes = sign_in(shared_sandbox_server)
    shared_sandbox_server.sandbox.faults.add("rate_limit", times=1)
    with pytest.raises(RateLimited, match="refuses more calls"):
        look(xero, Findings(), scopes, app, datetime.now(UTC))


def test_each_assumption_says_how_it_shows():
    kinds = [spec.metadata["shows"] for spec in Switches.__dataclass_fields__.values()]
    assert set(kinds) == {READING, WRITING, EVENT}
    unseen = Findings().unseen()
    assert set(unseen) == set(Switches().settings())
    assert len(set(unseen.values())) == 3


def test_an_answer_unlike_all_we_know_hides_nothing_else(shared_sandbox_server):
    xero, app, scopes = sign_in(shared_sandbox_server)
    shared_sandbox_server.sandbox.faults.add(
        "bad_row", match={"path": "/BatchPayments"}, field="TotalAmount", value="much"
    )
    found = Findings()
    look(xero, found, scopes, app, datetime.now(UTC))
    assert set(found.strange) == {"step 5 of reading"}
    assert found.switches["earnings_id"] == "zero", "the reports that come later were read"


def test_what_fits_no_choice_is_told():
    found = Findings()
    found.decide("aged_dates", "/")
    assert (found.switches, found.strange) == ({}, {"aged_dates": "/"})
    assert "Like nothing we know" in found.page(3)


def test_the_command_prints_a_page_without_the_books_and_writes_facts_and_cassettes(in_process_person, tmp_path):
    person = in_process_person
    facts, folder = tmp_path / "facts.json", tmp_path / "recorded"
    done = person.run(*as_documented("verify", facts=facts, recorded=folder))
    assert done.returncode == 0, done.stderr
    store_words = _words_of_the_books(person)
    text = done.stdout + facts.read_text()
    assert not [word for word in store_words if word in text]
    cassettes = list(folder.iterdir())
    assert len(cassettes) > 20
    recorded = "".join(path.read_text() for path in cassettes)
    secret = person.environ["XERO_CLIENT_SECRET"]
    assert not [word for word in (secret, person.environ["XERO_CLIENT_ID"], *store_words[:2]) if word in recorded]
    assert "https://api.xero.com/api.xro/2.0/Invoices" in recorded
    assert json.loads(facts.read_text())["switches"]["sparse"] is True


def test_the_sandbox_behaves_as_the_facts_say(person, tmp_path):
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps({"version": 1, "switches": {"sparse": False, "earnings_id": "absent"}}))
    words = as_documented("sandbox", facts=facts)
    process = person.start(*words, "--json", "--port", "0", "--invoices", "10")
    try:
        url = json.loads(process.stdout.readline())["api_url"]
        settings = httpx.get(f"{url}/_sandbox/switches").json()
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert (settings["sparse"], settings["earnings_id"]) == (False, "absent")
    assert settings["aged_dates"] == "T"


@pytest.mark.parametrize("text", ["[]", '{"switches": {"no_such": 1}}', "{", '{"switches": {"sparse": 3}}'])
def test_a_file_that_holds_no_facts_is_refused(in_process_person, tmp_path, text):
    path = tmp_path / "facts.json"
    path.write_text(text)
    done = in_process_person.run("sandbox", "--facts", str(path))
    assert done.returncode in {2, 3}
    assert "--facts" in done.stderr


def _words_of_the_books(person):
    organisation = person.sandbox["organisations"][0]
    rows = httpx.get(f"{person.sandbox['api_url']}/_sandbox/data/{organisation['id']}/Contacts").json()
    rows = rows if isinstance(rows, list) else next(value for value in rows.values() if isinstance(value, list))
    return [organisation["id"], *(row["Name"] for row in rows[:3]), organisation["name"]]
