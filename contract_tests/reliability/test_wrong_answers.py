"""Answers to actions with values changed: a result or an error of the contract, and never a second write."""

from __future__ import annotations

from functools import cache

import httpx
import pytest
import time_machine
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from bizosaas_xero import plugin
from bizosaas_xero.connector.actions.definition import WriteAction
from bizosaas_xero.connector.actions.registry import ACTIONS
from bizosaas_xero.connector.http import transport
from bizosaas_xero.sandbox import serve
from bizosaas_xero.spec import ConnectorError
from contract_tests.connector.actions.test_lookups import EXAMPLES
from contract_tests.helpers.byte_readers import SEARCHING, read_or_refused
from contract_tests.helpers.company import MOMENT, Company
from contract_tests.helpers.write_examples import WRITES
from contract_tests.reliability.mutations import JUNK, Recording, changed, mutations, paths, places

pytestmark = pytest.mark.attempts(4)

CONTROL = {"mode": "run", "business_key": "k"}
WRITING = [name for name, row in ACTIONS.items() if issubclass(row, WriteAction)]
few = settings(max_examples=25 if not SEARCHING else 1000, suppress_health_check=list(HealthCheck), deadline=None)
live = settings(
    max_examples=4 if not SEARCHING else 100,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
MAKES = ("Contacts", "Invoices", "CreditNotes", "Payments", "BankTransactions", "notes", "e-mails")


@pytest.fixture(autouse=True)
def _frozen_moment():
    with time_machine.travel(MOMENT, tick=False):
        yield


def asked(at, name):
    """Return an example's parameters and control."""
    if name in WRITES:
        return WRITES[name](at), CONTROL
    if name == "get_invoice":
        return {"invoice": at.rows("Invoices", Type="ACCREC", Status="PAID")[0]["InvoiceNumber"]}, {}
    return EXAMPLES[name], {}


@cache
def recorded(name):
    """Run an action's example once, and return what it takes to run it again without a server."""
    recording = Recording()
    with serve(invoices=60, seed=2, limits=False) as box, pytest.MonkeyPatch.context() as patch:
        at = Company(box)
        params, control = asked(at, name)
        answered_by(patch, recording.recorder)
        assert at.act(name, params, **control).status == "done"
        connection = at.connection()
    return recording, connection, params, control


def answered_by(patch, handler):
    over = httpx.Client(transport=httpx.MockTransport(handler))
    patch.setattr(transport, "http_client", lambda _: over)


def again(name, number, answer):
    """Run the example with another answer to one of its requests."""
    recording, connection, params, control = recorded(name)
    with pytest.MonkeyPatch.context() as patch:
        answered_by(patch, recording.replay(number, answer))
        return read_or_refused(plugin.run_action, connection, name, params, control)


def test_every_action_has_an_example():
    assert set(ACTIONS) == set(WRITES) | set(EXAMPLES)


@pytest.mark.parametrize("name", ACTIONS)
def test_the_recording_alone_gives_the_result(name):
    """Else what follows would be refused for what is missing, not for what is wrong."""
    recording = recorded(name)[0]
    number, answer = next((n, sent.answer) for n, sent in enumerate(recording.sent) if sent.answer)
    assert not isinstance(again(name, number, answer), ConnectorError)


@pytest.mark.parametrize("name", ACTIONS)
def test_a_wrong_answer_gives_a_result_or_an_error_of_the_contract(name):
    @few
    @given(change=mutations(recorded(name)[0]))
    def search(change):
        again(name, *change)

    search()


@pytest.mark.parametrize("junk", [None, "", "../../../connections", "a/b", "a?b=c", "x" * 65])
@pytest.mark.parametrize("name", ["void_invoice", "create_credit_note", "delete_payment", "email_invoice"])
def test_no_id_of_an_answer_leads_to_another_address(name, junk):
    """Ids that Xero gives become parts of the next addresses."""
    recording, connection, params, control = recorded(name)
    known = {sent.target.split("?")[0] for sent in recording.sent}
    for number, sent in enumerate(recording.sent):
        for place in paths(sent.answer):
            if not place or not str(place[-1]).endswith("ID"):
                continue
            went = []
            replay = recording.replay(number, changed(sent.answer, place, junk))

            def handler(request, went=went, replay=replay):
                went.append(request.url.raw_path.decode().split("?")[0])
                return replay(request)

            with pytest.MonkeyPatch.context() as patch:
                answered_by(patch, handler)
                read_or_refused(plugin.run_action, connection, name, params, control)
            assert set(went) <= known, (place, set(went) - known)


# ---------------------------------------------------------------- in books that change


class Wrong:
    """Stands before a sandbox, and changes the answer to one request."""

    def __init__(self, number, shape, place, junk) -> None:
        self.number, self.shape, self.place, self.junk = number, shape, place, junk
        self.seen, self._wire = 0, httpx.HTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))

    def __call__(self, request):
        answer = self._wire.handle_request(request)
        sent = answer.read()
        answer.close()
        self.seen += 1
        body = httpx.Response(200, content=sent).json() if self._is_meant(answer, sent) else None
        if body is None:
            return httpx.Response(answer.status_code, content=sent)
        found = places(body)
        shape = sorted(found, key=str)[self.shape % len(found)]
        return httpx.Response(200, json=changed(body, found[shape][self.place % len(found[shape])], self.junk))

    def _is_meant(self, answer, sent):
        return self.seen == self.number and answer.status_code == httpx.codes.OK and sent[:1] == b"{"


def made(before, after):
    found = {key: after.get(key, 0) - before.get(key, 0) for key in {*before, *after}}
    return {key: count for key, count in found.items() if count}


@pytest.mark.parametrize("name", WRITING)
def test_after_a_wrong_answer_the_same_call_writes_once(name):
    """Whatever an answer held, also that to the write itself: asked again, the books hold one of it."""
    recording = recorded(name)[0]
    wrote = next(n for n, sent in enumerate(recording.sent, 1) if sent.method != "GET")
    with serve(invoices=60, seed=2, limits=False) as box:
        at = Company(box)
        params, before = asked(at, name)[0], at.holds()
        at.act(name, params, **CONTROL)
        wanted = made(before, at.holds())

    @live
    @given(
        number=st.integers(1, len(recording.sent)),
        shape=st.integers(0, 500),
        place=st.integers(0, 50),
        junk=st.sampled_from(JUNK),
    )
    @example(number=wrote, shape=0, place=0, junk={})
    @example(number=wrote, shape=1, place=0, junk=[])
    @example(number=wrote, shape=1, place=0, junk=[{}])
    def search(number, shape, place, junk):
        with serve(invoices=60, seed=2, limits=False) as box, pytest.MonkeyPatch.context() as patch:
            at = Company(box)
            params, before = asked(at, name)[0], at.holds()
            with patch.context() as inner:
                answered_by(inner, Wrong(number, shape, place, junk))
                read_or_refused(plugin.run_action, at.connection(), name, params, CONTROL)
            done = at.act(name, params, **CONTROL)
            assert done.status in {"done", "partial"}
            found = made(before, at.holds())
            # A wrong amount that could be right is paid; but nothing is made twice.
            assert {key: found.get(key, 0) for key in MAKES if found.get(key, 0) > wanted.get(key, 0)} == {}

    search()
