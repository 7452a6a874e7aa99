"""Whatever ends an invoice on its way, there is one invoice, one contact, at most one e-mail in the end."""

from __future__ import annotations

import pytest

from bizosaas_xero.spec import RateLimited
from contract_tests.helpers import kills
from contract_tests.helpers.colleague import balances, moved, planned

MAKE = "create_invoice"


def params_of(number):
    """An invoice to a new customer, approved and e-mailed: all that it can be."""
    return {
        "contact": {"name": f"Newcomer {number} Ltd", "email": f"n{number}@example.com", "create": True},
        "deal": {"id": f"D-{number}", "title": "Website", "value": "1234.50", "currency": "GBP"},
        "value_is": "gross",
        "account": "200",
        "due_date": "2026-12-20",
        "status": "authorised",
        "send": True,
    }


def made_once(uk_company, point, number):
    """Strike an invoice at a point, and look at the books once it is done."""
    params, key = params_of(number), f"deal {number}"
    expected, before, held = planned(uk_company.plan(MAKE, params, key)), balances(uk_company), uk_company.holds()
    result = kills.survive(uk_company, MAKE, params, point, key, planned=number % 2 == 0)
    assert moved(before, balances(uk_company)) == expected, point
    made = {name: count - held.get(name, 0) for name, count in uk_company.holds().items()}
    assert (made["Invoices"], made["Contacts"], made["notes"]) == (1, 1, 1), point
    sent = made["e-mails"]
    if result.status == "done":
        assert (result.data["emailed"], sent) == ("sent", 1), point
    else:  # it is not known, and said so: never sent twice
        assert result.data["emailed"] == "unknown", (point, result.warnings)
        assert sent <= 1, point
    assert str(result.data["total"]) == "1234.50"
    return result.status


def requests_of(uk_company):
    """How many requests an invoice makes that nothing disturbs."""
    return uk_company.act(MAKE, params_of("undisturbed"), mode="run", business_key="undisturbed").calls


def test_an_invoice_is_made_once_when_ten_random_points_fail(make_company):
    at = make_company()
    most = requests_of(at)
    for number, point in enumerate(kills.points(10, most, seed=5)):
        made_once(at, point, number)


def test_an_invoice_is_made_once_when_the_process_ends_after_each_request_and_xero_forgets(make_company):
    at = make_company()
    for request in range(1, requests_of(at) + 1):
        made_once(at, kills.Point(("after",), (request,), (kills.FORGOTTEN,)), request)


@pytest.mark.unstruck_faults(part=0.05)  # a later try may end before the request, or its answer has no body
@pytest.mark.slow
def test_an_invoice_is_made_once_when_200_random_points_fail(make_company):
    at = make_company()
    most = requests_of(at)
    ends = [
        made_once(at, point, number) for number, point in enumerate(kills.points(200, most, seed=50, real_every=10))
    ]
    assert ends.count("done") >= 150  # most of what is unknown is found out within Xero's memory


@pytest.mark.unstruck_faults(part=0.05)  # a later try may end before the request, or its answer has no body
@pytest.mark.slow
def test_an_invoice_is_made_once_when_each_request_fails_in_each_way(make_company):
    at = make_company()
    number = 0
    for request in range(1, requests_of(at) + 1):
        for way in (*kills.ENDS, *kills.BREAKS):
            number += 1
            waits = (kills.FORGOTTEN if number % 3 else 0,)
            made_once(at, kills.Point((way,), (request,), waits), number)


@pytest.mark.parametrize("mode", ["run", "commit"])
def test_eight_simultaneous_calls_make_one_invoice(make_company, mode):
    at = make_company()
    params = params_of("x")
    plan, before, held = at.plan(MAKE, params, "k"), balances(at), at.holds()
    control = {"mode": mode, "business_key": "k"} | ({"plan_hash": plan.hash} if mode == "commit" else {})
    results = kills.together(at, MAKE, params, control)
    assert moved(before, balances(at)) == planned(plan)
    made = {name: count - held.get(name, 0) for name, count in at.holds().items()}
    assert (made["Invoices"], made["Contacts"], made["e-mails"], made["notes"]) == (1, 1, 1, 1)
    assert len({result.data["invoice_id"] for result in results}) == 1


def test_a_day_limit_met_while_looking_for_the_contact_ends_the_call(make_company):
    at = make_company()
    at.box.sandbox.faults.add("rate_limit", match={"path": "/Contacts"}, problem="day", retry_after=40_000)
    with pytest.raises(RateLimited) as caught:
        at.act(MAKE, params_of("x"), mode="run", business_key="k")
    assert caught.value.retry_after == 40_000
    assert caught.value.cost["calls"] == 1  # no more is asked of what is used up
