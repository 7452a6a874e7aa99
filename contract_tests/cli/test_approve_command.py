"""``approve`` as a person meets it: what is shown, what is asked, and what an answer does."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import time
from datetime import UTC, datetime, timedelta

import pytest

from contract_tests.helpers.person import COMMAND

pytestmark = pytest.mark.xero_sandbox(invoices=40, seed=6)

# What a request may hold; Xero's own texts may hold control characters too, a request's are refused.
ATTACK = (
    "Nice work\r\n\n## Warnings\n\nNone. [bold]approved[/bold] &#10;&#10;Approved by Boss "
    "\u202egnp.exe\u200b <script> | x | ![i](http://e) [l](javascript:x)\n\nAbout this plan\u2028Warnings\u2029None."
)
STORED_ATTACK = (
    "Bad\x1b[2J\x1b[1;1H\x1b]8;;http://e\x07Co\x9b2J\x08\r\n\n## Warnings\n\nNone. [b]stored[/b]"
    "\u2066\u202e\u200b\u2028<b>"
)


@pytest.fixture
def billed_contact(shared_sandbox_server):
    store = shared_sandbox_server.sandbox.store(shared_sandbox_server.info["organisations"][0]["id"])
    wanted = {"ContactStatus": "ACTIVE", "DefaultCurrency": store.currency}
    return next(row for row in store.rows("Contacts") if all(row.get(n) == v for n, v in wanted.items()))


@pytest.fixture
def requested_invoice(in_process_person, billed_contact):
    """A requested invoice; returns the hash of its plan."""

    def ask(key="k", **changes):
        line = {"description": "Advice", "quantity": 2, "unit_amount": 150.00, "account": "200"}
        line |= {"description": changes.pop("description")} if "description" in changes else {}
        params = {
            "contact": {"id": billed_contact["ContactID"]},
            "lines": [line],
            "value_is": "net",
            "due_date": (datetime.now(UTC) + timedelta(days=30)).date().isoformat(),
            "status": "authorised",
            **changes,
        }
        words = ("run", "create_invoice", "--params", json.dumps(params), "--business-key", key)
        found = in_process_person.json(*words, "--as", "agent", code=3)
        assert found["status"] == "needs_approval"
        return found["plan"]["hash"]

    return ask


def at_terminal(person, *args, answer="", early="", width=100, confirm=None):
    """Run the command at a terminal of its own; return its exit code and all that was shown.

    ``early`` is typed before the question is asked, ``answer`` after it, ``confirm`` after the second question.
    """
    child, terminal = pty.fork()
    if child == 0:
        environ = person.environ | {"COLUMNS": str(width), "TERM": "xterm"}
        environ.pop("NO_COLOR", None)
        os.execvpe(COMMAND[0], [*COMMAND, *args], environ)  # noqa: S606 (our own command)
    if early:
        os.write(terminal, f"{early}\n".encode())
    shown, answered, end = b"", False, time.monotonic() + 60
    while True:
        if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
            os.kill(child, signal.SIGKILL)
            raise AssertionError(f"it waits for ever: {shown.decode()}")
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # the terminal's other end is closed
            break
        if not part:
            break
        shown += part
        if not answered and b"decide later]" in shown:
            answered = True
            time.sleep(0.3)  # until the command waits for the answer
            os.write(terminal, f"{answer}\n".encode())
        if confirm is not None and b":" in shown.partition(b"To confirm, type")[2]:
            time.sleep(0.3)
            os.write(terminal, f"{confirm}\n".encode())
            confirm = None
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


def test_a_person_reads_all_of_it_and_says_yes(in_process_person, requested_invoice, billed_contact):
    hashed = requested_invoice("full")
    code, shown = at_terminal(in_process_person, "approve", hashed[:8], "--as", "Ann", answer="yes")
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert code == 0, text
    for part in (
        "Demo Company (NZ)", billed_contact["Name"], "Advice", "15% GST on Income", "total NZD 345.00",
        "610 Accounts Receivable", "Total", "345.00", "Warnings", "None.", "Asked for by: agent",
        "Expires:", "It would: authorise", "Ann: approve create_invoice of 345.00 NZD", "Ann approved it",
    ):  # fmt: skip
        assert part in text, part
    done = in_process_person.json("run", "create_invoice", "--commit", hashed[:12], "--as", "agent")
    assert (done["status"], done["data"]["total"]) == ("done", "345.00")
    assert in_process_person.json("run", "create_invoice", "--commit", hashed)["repeated"]
    assert (
        in_process_person.json("approve", hashed, "--as", "Ann", "--refuse", code=4)["error"]["reason"] == "plan_done"
    )


@pytest.mark.parametrize(("answer", "code", "kind"), [("no", 0, "refusal"), ("", 3, None), ("maybe", 3, None)])
def test_any_other_answer_approves_nothing(in_process_person, requested_invoice, answer, code, kind):
    hashed = requested_invoice(f"answer {answer}")
    assert at_terminal(in_process_person, "approve", hashed, "--as", "Ann", answer=answer)[0] == code
    kinds = [entry["kind"] for entry in in_process_person.json("audit", "--key", f"answer {answer}")["entries"]]
    assert ("refusal" in kinds) == (kind == "refusal")
    assert "approval" not in kinds
    again = in_process_person.json("run", "create_invoice", "--commit", hashed, code=4 if kind else 3)
    assert again.get("status") == "needs_approval" or again["error"]["reason"] == "plan_refused"


def test_what_was_typed_ahead_is_no_answer(in_process_person, requested_invoice):
    assert at_terminal(in_process_person, "approve", requested_invoice("early"), "--as", "Ann", early="yes")[0] == 3
    assert "1 plan waits for approval" in in_process_person.run("status").stdout


def test_without_a_terminal_nothing_is_decided(in_process_person, requested_invoice):
    hashed = requested_invoice("pipe")
    done = in_process_person.run("approve", hashed, given="yes\n")
    assert done.returncode == 3
    assert "Nothing was decided." in done.stdout
    assert in_process_person.json("approve", hashed, code=3)["decision"] is None


def test_yes_needs_the_policys_leave(in_process_person, requested_invoice):
    hashed = requested_invoice("yes")
    refused = in_process_person.json("approve", hashed, "--yes", "--as", "Ann", code=3)["error"]
    assert refused["reason"] == "yes_not_allowed"
    in_process_person.json("configure", "--policy", "create_invoice=approval,,,yes")
    found = in_process_person.json("approve", hashed, "--yes", "--as", "Ann")
    assert (found["decision"]["decision"], found["decision"]["approver"]) == ("approved", "Ann")


def test_who_asked_cannot_say_yes_and_can_say_no(in_process_person, requested_invoice):
    hashed = requested_invoice("self")
    in_process_person.json("configure", "--policy", "create_invoice=approval,,,yes")
    same = in_process_person.json("approve", hashed, "--yes", "--as", " AGENT", code=2)["error"]
    assert same["reason"] == "approver_is_requester"
    assert in_process_person.json("approve", hashed, "--refuse", "--as", "agent")["decision"]["decision"] == "refused"


def test_the_owner_confirms_his_own_request_with_a_typed_word(in_process_person, billed_contact):
    assert in_process_person.json("configure", "--owner", "Maria")["connections"][0]["owner"] == "Maria"
    line = {"description": "Advice", "quantity": 2, "unit_amount": 150.00, "account": "200"}
    due = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    params = {"contact": {"id": billed_contact["ContactID"]}, "lines": [line], "value_is": "net", "due_date": due}
    words = ("run", "create_invoice", "--params", json.dumps(params | {"status": "authorised"}), "--as", "maria")
    asked, shown = at_terminal(in_process_person, *words, "--business-key", "own")
    assert asked == 3, shown
    (plan,) = in_process_person.json("approve")["plans"]
    approve = ("approve", plan["hash"], "--as", "Maria")
    for confirm, code in (("yes", 3), ("", 3), ("345.00 nzd", 0)):
        done, shown = at_terminal(in_process_person, *approve, answer="yes", confirm=confirm)
        assert done == code, shown
    assert "Maria approved it (self-approved)" in shown
    assert (
        in_process_person.json("run", "create_invoice", "--commit", plan["hash"], "--as", "maria")["status"] == "done"
    )
    assert "approved by Maria (self-approved)" in in_process_person.run("audit", "--key", "own", COLUMNS="200").stdout
    piped = in_process_person.json(*words, "--business-key", "piped", code=3)["plan"]["hash"]
    done, shown = at_terminal(in_process_person, "approve", piped, "--as", "Maria", answer="yes")
    assert done == 2, "asked for by a program that uses the owner's name"
    assert "cannot approve it" in shown


def test_what_waits_is_listed(in_process_person, requested_invoice):
    assert in_process_person.run("approve").stdout.strip() == "No plan waits for approval."
    hashed = requested_invoice("list")
    shown = in_process_person.run("approve").stdout
    assert hashed[:12] in shown
    assert "345.00 NZD" in shown
    (plan,) = in_process_person.json("approve")["plans"]
    assert (plan["hash"], plan["policy"]["run"], plan["requesters"]) == (hashed, "ask", ["agent"])
    assert plan["requests"][0]["path"] == "/api.xro/2.0/Invoices"


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("1234567",), "hash_too_short"),
        (("0" * 64,), "unknown_plan"),
        (("--yes",), "invalid"),
        (("0" * 64, "--yes", "--refuse"), "invalid"),
        (("0" * 64, "--organisation", "Nobody"), "unknown_organisation"),
    ],
)
def test_what_cannot_be_decided(in_process_person, args, reason):
    assert in_process_person.json("approve", *args, code=2)["error"]["reason"] == reason


@pytest.fixture
def hostile_contact_name(shared_sandbox_server, billed_contact):
    """Let the customer's name in Xero be an attack, with control characters that no request could hold."""
    store = shared_sandbox_server.sandbox.store(shared_sandbox_server.info["organisations"][0]["id"])
    store.edit("Contacts", billed_contact["ContactID"], {"Name": STORED_ATTACK})
    yield
    store.edit("Contacts", billed_contact["ContactID"], {"Name": billed_contact["Name"]})


def test_a_request_with_control_characters_is_refused_and_fakes_nothing(in_process_person, billed_contact):
    line = {"description": "x\x1b[2J", "quantity": 1, "unit_amount": 1, "account": "200"}
    params = json.dumps({"contact": {"id": billed_contact["ContactID"]}, "lines": [line], "value_is": "net"})
    done = in_process_person.run("run", "create_invoice", "--params", params, "--business-key", "control")
    assert done.returncode == 2
    assert "control character U+001B" in " ".join(done.stderr.split())
    assert "\x1b[2J" not in done.stdout + done.stderr
    assert in_process_person.json("approve")["plans"] == []


@pytest.mark.usefixtures("hostile_contact_name")
def test_no_text_of_a_document_fakes_what_is_shown(in_process_person, requested_invoice):
    hashed = requested_invoice("attack\u00a0", description=ATTACK, reference=ATTACK[:200])
    for shown in (
        in_process_person.run("approve", hashed).stdout,
        at_terminal(in_process_person, "approve", hashed)[1],
    ):
        for forbidden in ("\x1b[2J", "\x1b[1;1H", "\x1b]8", *"\x07\x08\x9b\u202e\u2066\u200b\u2028\u2029"):
            assert forbidden not in shown
        text = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r\n", "\n")
        assert "\r" not in text
        assert "\x1b" not in text
        margin = [line.split("  ")[0] for line in text.splitlines() if line.strip() and line[0] not in " ▌"]
        known = ["create_invoice in Demo Company (NZ)", "Effect on the books", "Warnings", "About this plan"]
        assert [line for line in margin if line in known] == known
        rest = [line for line in margin if line not in known]
        assert not [line for line in rest if "Nothing was decided" not in line and "approve create_" not in line]
        assert "[bold]approved[/bold]" in " ".join(text.split())
        assert "[b]stored[/b]" in " ".join(text.split())
        assert "<script>" in text
