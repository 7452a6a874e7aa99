"""Whatever ends a payment on its way, there is one payment, one overpayment and one fee in the end."""

from __future__ import annotations

import pytest

from contract_tests.helpers import kills
from contract_tests.helpers.colleague import balances, contact, invoice, moved, planned

PAY = "mark_invoice_paid"


def params_of(uk_company, number, *, rich):
    """A new invoice and how it is paid: plainly, or with a surplus and a fee."""
    params = {"invoice": invoice(uk_company)["InvoiceID"], "account": "090", "reference": f"payout {number}"}
    if rich:
        fee = {"amount": "2.50", "account": "404", "contact": {"id": contact(uk_company, 3)["ContactID"]}}
        params |= {"amount": "110.00", "on_surplus": "overpayment", "fee": fee}
    return params


def paid_once(uk_company, point, number, *, rich):
    """Strike a payment at a point, and look at the books once it is done."""
    params, key = params_of(uk_company, number, rich=rich), f"payment {number}"
    expected, before, held = planned(uk_company.plan(PAY, params, key)), balances(uk_company), uk_company.holds()
    result = kills.survive(uk_company, PAY, params, point, key, planned=number % 2 == 0)
    assert result.status == "done", (point, result.warnings)
    assert moved(before, balances(uk_company)) == expected, point
    made = {name: count - held.get(name, 0) for name, count in uk_company.holds().items()}
    wanted = {"Payments": 1, "BankTransactions": 2 * rich, "Overpayments": int(rich)}
    assert {name: made[name] for name in wanted} == wanted, point
    assert (result.data["status"], result.data["already_paid"]) == ("PAID", False), point
    assert bool(result.data["fee_id"]) is bool(result.data["overpayment_id"]) is rich, point
    assert uk_company.notes("Invoices", params["invoice"]), point


def requests_of(uk_company, *, rich):
    """How many requests a payment makes that nothing disturbs."""
    return uk_company.act(PAY, params_of(uk_company, 0, rich=rich), mode="run", business_key="undisturbed").calls


@pytest.mark.parametrize("rich", [False, True], ids=["plain", "surplus and fee"])
def test_a_payment_is_recorded_once_when_six_random_points_fail(make_company, rich):
    at = make_company()
    most = requests_of(at, rich=rich)
    for number, point in enumerate(kills.points(6, most, seed=7 + rich)):
        paid_once(at, point, number, rich=rich)


def test_a_payment_is_recorded_once_when_the_process_ends_after_each_request_and_xero_forgets(make_company):
    at = make_company()
    for request in range(1, requests_of(at, rich=True) + 1):
        paid_once(at, kills.Point(("after",), (request,), (kills.FORGOTTEN,)), request, rich=True)


@pytest.mark.unstruck_faults(part=0.05)  # a later try may end before the request, or its answer has no body
@pytest.mark.slow
@pytest.mark.parametrize("rich", [False, True], ids=["plain", "surplus and fee"])
def test_a_payment_is_recorded_once_when_100_random_points_fail(make_company, rich):
    at = make_company()
    most = requests_of(at, rich=rich)
    for number, point in enumerate(kills.points(100, most, seed=70 + rich, real_every=10)):
        paid_once(at, point, number, rich=rich)


@pytest.mark.slow
def test_a_payment_is_recorded_once_when_each_request_fails_in_each_way(make_company):
    at = make_company()
    most = requests_of(at, rich=True)
    number = 0
    for request in range(1, most + 1):
        for way in (*kills.ENDS, *kills.BREAKS):
            number += 1
            waits = (kills.FORGOTTEN if number % 3 else 0,)
            paid_once(at, kills.Point((way,), (request,), waits), number, rich=True)


@pytest.mark.parametrize("mode", ["run", "commit"])
def test_eight_simultaneous_calls_record_one_payment(make_company, mode):
    at = make_company()
    params = params_of(at, 1, rich=True)
    plan, before = at.plan(PAY, params, "k"), balances(at)
    control = {"mode": mode, "business_key": "k"} | ({"plan_hash": plan.hash} if mode == "commit" else {})
    results = kills.together(at, PAY, params, control)
    assert moved(before, balances(at)) == planned(plan)
    for name in ("payment_id", "overpayment_id", "fee_id"):
        assert len({result.data[name] for result in results} - {None}) == 1
    assert {result.status for result in results} == {"done"}
    assert len(at.notes("Invoices", params["invoice"])) == 1
