"""Webhooks: signed as Xero signs, counted, tried again on the sandbox's clock, in order after an outage."""

import json
import re

import jsonschema_rs
import pytest
import yaml

from bizosaas_xero.sandbox import Clock, Sandbox
from bizosaas_xero.sandbox.webhooks.delivery import DeliveryAnswer, sign

MINUTE = 60
KEY = "a-key"
URL = "http://127.0.0.1:9/hook"


class Receiver:
    """Takes deliveries in memory; `status` is what it answers to rightly signed ones."""

    def __init__(self):
        self.status = 200
        self.got = []

    def __call__(self, _, body, headers):
        right = sign(KEY, body) == headers["x-xero-signature"]
        self.got.append((right, json.loads(body)))
        if not right:
            return DeliveryAnswer(401)
        return DeliveryAnswer(self.status, problem="" if self.status == 200 else "no")

    def events(self):
        return [event for right, body in self.got if right for event in body["events"]]

    def ranges(self):
        return [(b["firstEventSequence"], b["lastEventSequence"]) for right, b in self.got if b["events"]]


@pytest.fixture
def sandbox():
    made = Sandbox(20, 7, clock=Clock(lambda: 1.79e9), limits=False)
    tenant = made.organisations[0].id
    family = made.tokens.grant(made.apps["web"], made.users[0])
    made.tokens.connect(family, tenant, "ORGANISATION", "Demo", "event")
    return made


@pytest.fixture
def receiver(sandbox):
    receiver = sandbox.webhooks.sender = Receiver()
    return receiver


@pytest.fixture
def heard(sandbox, receiver):
    """A subscription that has proved its intent."""
    made = sandbox.webhooks.configure("web", URL, KEY)
    assert sandbox.webhooks.prove_intent("web").status == "ok"
    receiver.got.clear()
    return made


def spell(sandbox):
    """Let events be spelled as in Xero's OpenAPI file."""
    sandbox.switches.set("webhook_casing", "upper")
    sandbox.switches.set("webhook_payment_category", "PAYMENT")


def ids(sandbox, entity="Invoices"):
    table = sandbox.store().table(entity)
    return [table.id(slot) for slot in table.by_id]


def edit(sandbox, guid, entity="Invoices", **changes):
    sandbox.store().edit(entity, guid, changes or {"Reference": "new"})


def test_intent_is_tested_with_right_and_wrong_signatures(sandbox, receiver):
    sandbox.webhooks.configure("web", URL, KEY)
    edit(sandbox, ids(sandbox)[0])
    assert sandbox.webhooks.deliver_due() == 0, "nothing is sent before intent is proved"
    assert sandbox.webhooks.prove_intent("web").status == "ok"
    assert len(receiver.got) > 2
    assert {right for right, _ in receiver.got} == {True, False}
    for _, body in receiver.got:
        assert (body["events"], body["firstEventSequence"], body["lastEventSequence"]) == ([], 0, 0)
        assert re.fullmatch("[A-Z]{20}", body["entropy"])
    assert sandbox.webhooks.deliver_due() == 0, "and what happened before is not sent later"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (DeliveryAnswer(200), "wrongly signed"),
        (DeliveryAnswer(401), "rightly signed"),
        (DeliveryAnswer(None, problem="no answer within 5 seconds: TimeoutError"), "no answer"),
    ],
)
def test_a_receiver_that_answers_wrongly_stays_unproved(sandbox, answer, words):
    sandbox.webhooks.sender = lambda *_: answer
    sandbox.webhooks.configure("web", URL, KEY)
    made = sandbox.webhooks.prove_intent("web")
    assert made.status == "intent_required"
    assert words in made.problem


@pytest.mark.parametrize("flaw", [{"body": b"ok"}, {"cookies": True}])
def test_an_intent_answer_with_a_body_or_cookie_is_refused(sandbox, flaw):
    sandbox.webhooks.sender = lambda _, body, headers: DeliveryAnswer(
        200 if headers["x-xero-signature"] == sign(KEY, body) else 401, **flaw
    )
    sandbox.webhooks.configure("web", URL, KEY)
    assert sandbox.webhooks.prove_intent("web").problem in {
        "the answer has a body",
        "the answer sets a cookie",
    }


def test_an_event_names_resource_tenant_and_type(sandbox, receiver, heard):
    spell(sandbox)
    guid = ids(sandbox)[0]
    edit(sandbox, guid)
    fresh = sandbox.store().insert("Contacts", {"Name": "New one"})
    assert sandbox.webhooks.deliver_due() == 1
    ((right, body),) = receiver.got
    assert right
    assert (body["firstEventSequence"], body["lastEventSequence"]) == (1, 2)
    first, second = body["events"]
    assert first == {
        "resourceUrl": f"https://api.xero.com/api.xro/2.0/Invoices/{guid}",
        "resourceId": guid,
        "tenantId": sandbox.organisations[0].id,
        "tenantType": "ORGANISATION",
        "eventCategory": "INVOICE",
        "eventType": "UPDATE",
        "eventDateUtc": "2026-09-21T14:13:20.000",
    }
    assert (second["eventCategory"], second["eventType"], second["resourceId"]) == (
        "CONTACT",
        "CREATE",
        fresh,
    )
    assert sandbox.webhooks.deliver_due() == 0
    edit(sandbox, guid)
    sandbox.webhooks.deliver_due()
    assert receiver.ranges() == [(1, 2), (3, 3)]


def test_events_conform(sandbox, receiver, heard, openapi):
    spell(sandbox)
    loaded = yaml.safe_load((openapi / "xero-webhooks.yaml").read_text(encoding="utf-8"))
    components = json.loads(json.dumps(loaded["components"], default=str))  # its examples hold YAML dates
    sandbox.webhooks.configure("web", URL, KEY, ("INVOICE", "CREDITNOTE"))
    sandbox.webhooks.prove_intent("web")
    receiver.got.clear()
    edit(sandbox, ids(sandbox)[0])
    edit(sandbox, ids(sandbox, "CreditNotes")[0], "CreditNotes")
    sandbox.webhooks.deliver_due()
    body = receiver.got[0][1]
    schema = jsonschema_rs.Draft202012Validator({"$ref": "#/components/schemas/WebhookEvent", "components": components})
    assert [error.message for error in schema.iter_errors(body)] == []
    note = jsonschema_rs.Draft202012Validator(
        {"$ref": "#/components/schemas/CreditNoteWebhookEvent", "components": components}
    )
    note.validate({**body, "events": body["events"][1:]})


def test_newer_categories_are_sent_only_when_configured(sandbox, receiver, heard):
    spell(sandbox)
    for entity in ("CreditNotes", "Payments"):
        edit(sandbox, ids(sandbox, entity)[0], entity)
    assert sandbox.webhooks.deliver_due() == 0
    sandbox.webhooks.configure("web", URL, KEY, ("CREDITNOTE", "PAYMENT"))
    sandbox.webhooks.prove_intent("web")
    for entity in ("CreditNotes", "Payments", "Invoices", "Accounts", "BankTransactions"):
        edit(sandbox, ids(sandbox, entity)[0], entity)
    sandbox.webhooks.deliver_due()
    note, payment = receiver.events()
    assert set(note["data"]) == {"Type", "Status"}
    assert (note["eventCategory"], payment["eventCategory"]) == ("CREDITNOTE", "PAYMENT")


def test_the_webhook_switches_change_names_and_events(sandbox, receiver, heard):
    sandbox.webhooks.configure("web", URL, KEY, ("INVOICE", "PAYMENT"))
    sandbox.webhooks.prove_intent("web")
    guid, payment = ids(sandbox)[0], ids(sandbox, "Payments")[0]
    sandbox.switches.set("webhook_casing", "title")
    sandbox.switches.set("webhook_payment_category", "none")
    edit(sandbox, payment, "Payments")
    edit(sandbox, guid)
    sandbox.webhooks.deliver_due()
    assert [(e["eventCategory"], e["eventType"]) for e in receiver.events()] == [("Invoice", "Update")]
    sandbox.switches.set("webhook_casing", "upper")
    sandbox.switches.set("webhook_payment_category", "PAYMENTS")
    sandbox.switches.set("webhook_invoice_on_payment", False)
    receiver.got.clear()
    edit(sandbox, payment, "Payments")
    edit(sandbox, guid, AmountPaid="1.00", AmountDue="2.00")
    edit(sandbox, guid, AmountPaid="1.50", Reference="and something else")
    sandbox.webhooks.deliver_due()
    assert [e["eventCategory"] for e in receiver.events()] == ["PAYMENTS", "INVOICE"]


def test_blind_changes_make_no_events(sandbox, receiver, heard):
    sandbox.store().edit("Invoices", ids(sandbox)[0], {"DueDate": "/Date(0+0000)/"}, blind=True)
    assert sandbox.webhooks.deliver_due() == 0


def test_only_connected_organisations_make_events(sandbox, receiver, heard):
    other = sandbox.store(sandbox.organisations[1].id)
    other.edit("Contacts", other.table("Contacts").id(0), {"Name": "x"})
    assert sandbox.webhooks.deliver_due() == 0
    for family in sandbox.tokens.grants():
        if family.app is sandbox.apps["web"]:
            family.connections = {}
    edit(sandbox, ids(sandbox)[0])
    assert sandbox.webhooks.deliver_due() == 0


def test_a_failed_delivery_is_repeated_in_order(sandbox, receiver, heard):
    """At once again, then every quarter of an hour; afterwards everything comes, in order."""
    one, two, *_ = ids(sandbox)
    receiver.status = 500
    edit(sandbox, one)
    sandbox.webhooks.deliver_due()
    assert len(receiver.got) == 2
    assert heard.status == "retrying"
    edit(sandbox, two)
    sandbox.clock.advance(14 * MINUTE)
    sandbox.webhooks.deliver_due()
    assert len(receiver.got) == 2
    sandbox.clock.advance(MINUTE)
    sandbox.webhooks.deliver_due()
    assert len(receiver.got) == 3
    assert receiver.got[0] == receiver.got[1] == receiver.got[2], "the same delivery, not a new one"
    receiver.status = 204
    sandbox.clock.advance(15 * MINUTE)
    assert sandbox.webhooks.deliver_due() == 2
    assert [event["resourceId"] for event in receiver.events()[3:]] == [one, two]
    assert receiver.ranges()[3:] == [(1, 1), (2, 2)]
    assert (heard.status, heard.problem) == ("ok", "")


def test_a_day_of_failures_disables_and_enabling_replays(sandbox, receiver, heard):
    one, two, *_ = ids(sandbox)
    receiver.status = None
    edit(sandbox, one)
    for _ in range(24 * 4 + 2):
        sandbox.webhooks.deliver_due()
        sandbox.clock.advance(15 * MINUTE)
    assert heard.status == "disabled"
    tries = len(receiver.got)
    assert tries == 24 * 4 + 2
    edit(sandbox, two)
    sandbox.webhooks.deliver_due()
    assert len(receiver.got) == tries, "nothing is sent while disabled"
    receiver.status = 200
    receiver.got.clear()
    assert sandbox.webhooks.prove_intent("web").status == "ok"
    sandbox.webhooks.deliver_due()
    assert [event["resourceId"] for event in receiver.events()] == [one, two]


def test_events_are_kept_for_31_days(sandbox, receiver, heard):
    one, two, *_ = ids(sandbox)
    heard.status = "disabled"
    edit(sandbox, one)
    sandbox.clock.advance(20 * 86_400)
    edit(sandbox, two)
    sandbox.clock.advance(12 * 86_400)
    sandbox.webhooks.prove_intent("web")
    sandbox.webhooks.deliver_due()
    assert [event["resourceId"] for event in receiver.events()] == [two]
    assert receiver.ranges() == [(2, 2)], "the gap in the numbers tells that one is lost"


def test_many_events_are_split_into_deliveries(sandbox, receiver, heard):
    for _ in range(130):
        edit(sandbox, ids(sandbox)[0])
    assert sandbox.webhooks.deliver_due() == 2
    assert receiver.ranges() == [(1, 100), (101, 130)]


def test_a_new_address_keeps_the_pending_events(sandbox, receiver, heard):
    edit(sandbox, ids(sandbox)[0])
    moved = sandbox.webhooks.configure("web", "http://localhost:9/other")
    assert moved.key == KEY
    assert sandbox.webhooks.deliver_due() == 0
    sandbox.webhooks.prove_intent("web")
    sandbox.webhooks.deliver_due()
    assert receiver.ranges() == [(1, 1)]
