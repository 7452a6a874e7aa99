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
def webhook_sandbox():
    made = Sandbox(20, 7, clock=Clock(lambda: 1.79e9), limits=False)
    tenant = made.organisations[0].id
    family = made.tokens.grant(made.apps["web"], made.users[0])
    made.tokens.connect(family, tenant, "ORGANISATION", "Demo", "event")
    return made


@pytest.fixture
def hook_receiver(webhook_sandbox):
    receiver = webhook_sandbox.webhooks.sender = Receiver()
    return receiver


@pytest.fixture
def proved_subscription(webhook_sandbox, hook_receiver):
    """A subscription that has proved its intent."""
    made = webhook_sandbox.webhooks.configure("web", URL, KEY)
    assert webhook_sandbox.webhooks.prove_intent("web").status == "ok"
    hook_receiver.got.clear()
    return made


def spell(webhook_sandbox):
    """Let events be spelled as in Xero's OpenAPI file."""
    webhook_sandbox.switches.set("webhook_casing", "upper")
    webhook_sandbox.switches.set("webhook_payment_category", "PAYMENT")


def ids(webhook_sandbox, entity="Invoices"):
    table = webhook_sandbox.store().table(entity)
    return [table.id(slot) for slot in table.by_id]


def edit(webhook_sandbox, guid, entity="Invoices", **changes):
    webhook_sandbox.store().edit(entity, guid, changes or {"Reference": "new"})


def test_intent_is_tested_with_right_and_wrong_signatures(webhook_sandbox, hook_receiver):
    webhook_sandbox.webhooks.configure("web", URL, KEY)
    edit(webhook_sandbox, ids(webhook_sandbox)[0])
    assert webhook_sandbox.webhooks.deliver_due() == 0, "nothing is sent before intent is proved"
    assert webhook_sandbox.webhooks.prove_intent("web").status == "ok"
    assert len(hook_receiver.got) > 2
    assert {right for right, _ in hook_receiver.got} == {True, False}
    for _, body in hook_receiver.got:
        assert (body["events"], body["firstEventSequence"], body["lastEventSequence"]) == ([], 0, 0)
        assert re.fullmatch("[A-Z]{20}", body["entropy"])
    assert webhook_sandbox.webhooks.deliver_due() == 0, "and what happened before is not sent later"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (DeliveryAnswer(200), "wrongly signed"),
        (DeliveryAnswer(401), "rightly signed"),
        (DeliveryAnswer(None, problem="no answer within 5 seconds: TimeoutError"), "no answer"),
    ],
)
def test_a_receiver_that_answers_wrongly_stays_unproved(webhook_sandbox, answer, words):
    webhook_sandbox.webhooks.sender = lambda *_: answer
    webhook_sandbox.webhooks.configure("web", URL, KEY)
    made = webhook_sandbox.webhooks.prove_intent("web")
    assert made.status == "intent_required"
    assert words in made.problem


@pytest.mark.parametrize("flaw", [{"body": b"ok"}, {"cookies": True}])
def test_an_intent_answer_with_a_body_or_cookie_is_refused(webhook_sandbox, flaw):
    webhook_sandbox.webhooks.sender = lambda _, body, headers: DeliveryAnswer(
        200 if headers["x-xero-signature"] == sign(KEY, body) else 401, **flaw
    )
    webhook_sandbox.webhooks.configure("web", URL, KEY)
    assert webhook_sandbox.webhooks.prove_intent("web").problem in {
        "the answer has a body",
        "the answer sets a cookie",
    }


def test_an_event_names_resource_tenant_and_type(webhook_sandbox, hook_receiver, proved_subscription):
    spell(webhook_sandbox)
    guid = ids(webhook_sandbox)[0]
    edit(webhook_sandbox, guid)
    fresh = webhook_sandbox.store().insert("Contacts", {"Name": "New one"})
    assert webhook_sandbox.webhooks.deliver_due() == 1
    ((right, body),) = hook_receiver.got
    assert right
    assert (body["firstEventSequence"], body["lastEventSequence"]) == (1, 2)
    first, second = body["events"]
    assert first == {
        "resourceUrl": f"https://api.xero.com/api.xro/2.0/Invoices/{guid}",
        "resourceId": guid,
        "tenantId": webhook_sandbox.organisations[0].id,
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
    assert webhook_sandbox.webhooks.deliver_due() == 0
    edit(webhook_sandbox, guid)
    webhook_sandbox.webhooks.deliver_due()
    assert hook_receiver.ranges() == [(1, 2), (3, 3)]


def test_events_have_the_form_that_xero_publishes(webhook_sandbox, hook_receiver, proved_subscription, xero_openapi):
    spell(webhook_sandbox)
    loaded = yaml.safe_load((xero_openapi / "xero-webhooks.yaml").read_text(encoding="utf-8"))
    components = json.loads(json.dumps(loaded["components"], default=str))  # its examples hold YAML dates
    webhook_sandbox.webhooks.configure("web", URL, KEY, ("INVOICE", "CREDITNOTE"))
    webhook_sandbox.webhooks.prove_intent("web")
    hook_receiver.got.clear()
    edit(webhook_sandbox, ids(webhook_sandbox)[0])
    edit(webhook_sandbox, ids(webhook_sandbox, "CreditNotes")[0], "CreditNotes")
    webhook_sandbox.webhooks.deliver_due()
    body = hook_receiver.got[0][1]
    schema = jsonschema_rs.Draft202012Validator({"$ref": "#/components/schemas/WebhookEvent", "components": components})
    assert [error.message for error in schema.iter_errors(body)] == []
    note = jsonschema_rs.Draft202012Validator(
        {"$ref": "#/components/schemas/CreditNoteWebhookEvent", "components": components}
    )
    note.validate({**body, "events": body["events"][1:]})


def test_newer_categories_are_sent_only_when_configured(webhook_sandbox, hook_receiver, proved_subscription):
    spell(webhook_sandbox)
    for entity in ("CreditNotes", "Payments"):
        edit(webhook_sandbox, ids(webhook_sandbox, entity)[0], entity)
    assert webhook_sandbox.webhooks.deliver_due() == 0
    webhook_sandbox.webhooks.configure("web", URL, KEY, ("CREDITNOTE", "PAYMENT"))
    webhook_sandbox.webhooks.prove_intent("web")
    for entity in ("CreditNotes", "Payments", "Invoices", "Accounts", "BankTransactions"):
        edit(webhook_sandbox, ids(webhook_sandbox, entity)[0], entity)
    webhook_sandbox.webhooks.deliver_due()
    note, payment = hook_receiver.events()
    assert set(note["data"]) == {"Type", "Status"}
    assert (note["eventCategory"], payment["eventCategory"]) == ("CREDITNOTE", "PAYMENT")


def test_the_webhook_switches_change_names_and_events(webhook_sandbox, hook_receiver, proved_subscription):
    webhook_sandbox.webhooks.configure("web", URL, KEY, ("INVOICE", "PAYMENT"))
    webhook_sandbox.webhooks.prove_intent("web")
    guid, payment = ids(webhook_sandbox)[0], ids(webhook_sandbox, "Payments")[0]
    webhook_sandbox.switches.set("webhook_casing", "title")
    webhook_sandbox.switches.set("webhook_payment_category", "none")
    edit(webhook_sandbox, payment, "Payments")
    edit(webhook_sandbox, guid)
    webhook_sandbox.webhooks.deliver_due()
    assert [(e["eventCategory"], e["eventType"]) for e in hook_receiver.events()] == [("Invoice", "Update")]
    webhook_sandbox.switches.set("webhook_casing", "upper")
    webhook_sandbox.switches.set("webhook_payment_category", "PAYMENTS")
    webhook_sandbox.switches.set("webhook_invoice_on_payment", False)
    hook_receiver.got.clear()
    edit(webhook_sandbox, payment, "Payments")
    edit(webhook_sandbox, guid, AmountPaid="1.00", AmountDue="2.00")
    edit(webhook_sandbox, guid, AmountPaid="1.50", Reference="and something else")
    webhook_sandbox.webhooks.deliver_due()
    assert [e["eventCategory"] for e in hook_receiver.events()] == ["PAYMENTS", "INVOICE"]


def test_blind_changes_make_no_events(webhook_sandbox, hook_receiver, proved_subscription):
    webhook_sandbox.store().edit("Invoices", ids(webhook_sandbox)[0], {"DueDate": "/Date(0+0000)/"}, blind=True)
    assert webhook_sandbox.webhooks.deliver_due() == 0


def test_only_connected_organisations_make_events(webhook_sandbox, hook_receiver, proved_subscription):
    other = webhook_sandbox.store(webhook_sandbox.organisations[1].id)
    other.edit("Contacts", other.table("Contacts").id(0), {"Name": "x"})
    assert webhook_sandbox.webhooks.deliver_due() == 0
    for family in webhook_sandbox.tokens.grants():
        if family.app is webhook_sandbox.apps["web"]:
            family.connections = {}
    edit(webhook_sandbox, ids(webhook_sandbox)[0])
    assert webhook_sandbox.webhooks.deliver_due() == 0


def test_a_failed_delivery_is_repeated_in_order(webhook_sandbox, hook_receiver, proved_subscription):
    """At once again, then every quarter of an hour; afterwards everything comes, in order."""
    one, two, *_ = ids(webhook_sandbox)
    hook_receiver.status = 500
    edit(webhook_sandbox, one)
    webhook_sandbox.webhooks.deliver_due()
    assert len(hook_receiver.got) == 2
    assert proved_subscription.status == "retrying"
    edit(webhook_sandbox, two)
    webhook_sandbox.clock.advance(14 * MINUTE)
    webhook_sandbox.webhooks.deliver_due()
    assert len(hook_receiver.got) == 2
    webhook_sandbox.clock.advance(MINUTE)
    webhook_sandbox.webhooks.deliver_due()
    assert len(hook_receiver.got) == 3
    assert hook_receiver.got[0] == hook_receiver.got[1] == hook_receiver.got[2], "the same delivery, not a new one"
    hook_receiver.status = 204
    webhook_sandbox.clock.advance(15 * MINUTE)
    assert webhook_sandbox.webhooks.deliver_due() == 2
    assert [event["resourceId"] for event in hook_receiver.events()[3:]] == [one, two]
    assert hook_receiver.ranges()[3:] == [(1, 1), (2, 2)]
    assert (proved_subscription.status, proved_subscription.problem) == ("ok", "")


def test_a_day_of_failures_disables_and_enabling_replays(webhook_sandbox, hook_receiver, proved_subscription):
    one, two, *_ = ids(webhook_sandbox)
    hook_receiver.status = None
    edit(webhook_sandbox, one)
    for _ in range(24 * 4 + 2):
        webhook_sandbox.webhooks.deliver_due()
        webhook_sandbox.clock.advance(15 * MINUTE)
    assert proved_subscription.status == "disabled"
    tries = len(hook_receiver.got)
    assert tries == 24 * 4 + 2
    edit(webhook_sandbox, two)
    webhook_sandbox.webhooks.deliver_due()
    assert len(hook_receiver.got) == tries, "nothing is sent while disabled"
    hook_receiver.status = 200
    hook_receiver.got.clear()
    assert webhook_sandbox.webhooks.prove_intent("web").status == "ok"
    webhook_sandbox.webhooks.deliver_due()
    assert [event["resourceId"] for event in hook_receiver.events()] == [one, two]


def test_events_are_kept_for_31_days(webhook_sandbox, hook_receiver, proved_subscription):
    one, two, *_ = ids(webhook_sandbox)
    proved_subscription.status = "disabled"
    edit(webhook_sandbox, one)
    webhook_sandbox.clock.advance(20 * 86_400)
    edit(webhook_sandbox, two)
    webhook_sandbox.clock.advance(12 * 86_400)
    webhook_sandbox.webhooks.prove_intent("web")
    webhook_sandbox.webhooks.deliver_due()
    assert [event["resourceId"] for event in hook_receiver.events()] == [two]
    assert hook_receiver.ranges() == [(2, 2)], "the gap in the numbers tells that one is lost"


def test_many_events_are_split_into_deliveries(webhook_sandbox, hook_receiver, proved_subscription):
    for _ in range(130):
        edit(webhook_sandbox, ids(webhook_sandbox)[0])
    assert webhook_sandbox.webhooks.deliver_due() == 2
    assert hook_receiver.ranges() == [(1, 100), (101, 130)]


def test_a_new_address_keeps_the_pending_events(webhook_sandbox, hook_receiver, proved_subscription):
    edit(webhook_sandbox, ids(webhook_sandbox)[0])
    moved = webhook_sandbox.webhooks.configure("web", "http://localhost:9/other")
    assert moved.key == KEY
    assert webhook_sandbox.webhooks.deliver_due() == 0
    webhook_sandbox.webhooks.prove_intent("web")
    webhook_sandbox.webhooks.deliver_due()
    assert hook_receiver.ranges() == [(1, 1)]
