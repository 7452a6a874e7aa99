"""What a plan says of the books is what the ledger shows, over random plans of every action that writes.

The oracle is the sandbox's ledger, which knows no plan: its postings before and after. A line in base currency must
be the movement of its account to the cent. A line in a foreign currency must be the movement in that currency; its
base amount is the foreign amount at the document's rate.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
import time_machine

from bizosaas_xero.spec import ConnectorError
from contract_tests.helpers import colleague
from contract_tests.helpers.company import MOMENT, Company
from contract_tests.helpers.in_process import answer_in_process

CENT = Decimal("0.01")
TODAY = MOMENT.date()
ORGANISATIONS = 6
PLANS_PER_BOOK = 100


class RandomWrites:
    """Draws writes that fit the books of a company, and checks each against the ledger."""

    def __init__(self, at, seed):
        self.at, self.rng, self.number = at, random.Random(seed), 0  # noqa: S311 (a test's choice, not a secret)
        self.outcomes = Counter()
        at.account.settings |= {"payment_days": 14}
        self.customers = at.rows("Contacts", ContactStatus="ACTIVE")
        self.rates = [row for row in at.rows("TaxRates") if row["Status"] == "ACTIVE"]

    # ------------------------------------------------------------ random values

    def chance(self, probability):
        return self.rng.random() < probability

    def day(self, most=40):
        return f"{TODAY - timedelta(self.rng.randint(0, most))}"

    def money(self, most=900):
        return Decimal(self.rng.randint(1, most * 100)) / 100

    def some(self, entity, **wanted):
        table = self.at.store.table(entity)
        rows = (table.peek(slot) for slot in table.by_id)  # not copied: thousands of draws
        fitting = [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]
        return self.rng.choice(fitting) if fitting else None

    def tax_type(self, flag):
        return self.rng.choice([row["TaxType"] for row in self.rates if row[flag]])

    def foreign_rate(self, currency):
        usual = self.at.store.rate(currency, TODAY)
        return (usual * self.rng.randint(85, 115) / 100).quantize(Decimal("0.000001"))

    def line(self, sign=1):
        price = Decimal(self.rng.randint(1, 4_000_000)) / self.rng.choice([100, 1000, 10_000])
        made = {
            "description": "work",
            "quantity": f"{Decimal(self.rng.randint(1, 60_000)) / self.rng.choice([1000, 1000, 10_000])}",
            "unit_amount": f"{sign * price}",
            "account": self.rng.choice(["200", "260", "200", "400"]),
            "tax_type": self.tax_type("CanApplyToRevenue"),
        }
        if made["account"] == "400":
            made["tax_type"] = self.tax_type("CanApplyToExpenses")
        if self.chance(0.2):
            made["discount_percent"] = f"{Decimal(self.rng.randint(1, 10_000)) / 100}"
        return made

    # ------------------------------------------------------------ what others do between the writes

    def colleague(self):
        if self.chance(0.6):
            self.document()
        else:
            self.payment()

    def document(self):
        kind = self.rng.choice(["ACCREC", "ACCPAY", "ACCPAY"])
        flag, code = ("CanApplyToRevenue", "200") if kind == "ACCREC" else ("CanApplyToExpenses", "404")
        lines = []
        for _ in range(self.rng.randint(1, 4)):
            price = self.money() if self.chance(0.85) else -self.money(20)
            line = {
                "Description": "x", "Quantity": self.rng.choice(["1", "3", "0.3333"]), "UnitAmount": f"{price}",
                "AccountCode": code, "TaxType": self.tax_type(flag),
            }  # fmt: skip
            lines.append(line)
        body = {
            "Type": kind,
            "LineAmountTypes": self.rng.choice(["Exclusive", "Inclusive", "NoTax"]),
            "LineItems": lines,
            "Date": self.day(),
            "Contact": {"ContactID": self.rng.choice(self.customers)["ContactID"]},
            "Status": self.rng.choice(["AUTHORISED", "AUTHORISED", "AUTHORISED", "DRAFT"]),
        }
        foreign = self.foreign_currency()
        if self.chance(0.3):
            body |= {"CurrencyCode": foreign, "CurrencyRate": f"{self.foreign_rate(foreign)}"}
        try:
            colleague.invoice(self.at, **body)
        except AssertionError:  # a negative total, or a tax code that this organisation may not use
            self.outcomes["colleague refused"] += 1

    def foreign_currency(self):
        return colleague.account(self.at, "092")["CurrencyCode"]

    def payment(self):
        row = self.some("Invoices", Status="AUTHORISED")
        if row is None or not row["AmountDue"]:
            return
        amount = row["AmountDue"] if self.chance(0.4) else min(row["AmountDue"], self.money(200))
        more = {"Date": self.day(10)}
        if row["CurrencyCode"] != self.at.currency:
            rate = self.foreign_rate(row["CurrencyCode"])
            bank = (amount / rate).quantize(CENT, ROUND_HALF_UP) + self.rng.choice([0, 0, CENT, -CENT, Decimal(3)])
            choices = [{"CurrencyRate": f"{rate}", "code": "092"}, {"CurrencyRate": f"{rate}"}]
            more |= self.rng.choice([*choices, {"BankAmount": f"{bank}"}] if bank > 0 else choices)
        colleague.pay(self.at, row, f"{amount}", **more)

    # ------------------------------------------------------------ the writes

    def create_invoice(self):
        foreign = self.chance(0.2)
        params = {
            "contact": {"id": self.rng.choice(self.customers)["ContactID"]},
            "lines": [self.line() for _ in range(self.rng.randint(1, 5))],
            "value_is": self.rng.choice(["net", "gross"]),
            "currency": self.foreign_currency() if foreign else self.at.currency,
            "invoice_date": self.day(),
            "status": self.rng.choice(["authorised", "authorised", "authorised", "draft", "submitted"]),
        }
        if self.chance(0.2):
            params["lines"].append(self.line(sign=-1) | {"quantity": "0.01"})
        if self.chance(0.2):
            params["contact"] = {"name": f"New customer {self.number}", "create": True}
        if self.chance(0.15):
            value = sum((Decimal(line["unit_amount"]) for line in params["lines"]), Decimal(0)).quantize(CENT)
            params["deal"] = {"title": "Deal", "value": f"{value + CENT}"}
            params |= {"lines": params["lines"] if self.chance(0.5) else [], "rounding_line": True, "account": "200"}
            params["tax_type"] = self.tax_type("CanApplyToRevenue")
        return "create_invoice", params

    def mark_invoice_paid(self):
        row = self.some("Invoices", Status="AUTHORISED") if self.chance(0.97) else self.some("Invoices")
        due, foreign = row["AmountDue"], row["CurrencyCode"] != self.at.currency
        bill = row["Type"] == "ACCPAY"
        params = {"invoice": row["InvoiceID"], "kind": "bill" if bill else "invoice", "payment_date": self.day(20)}
        params["account"] = self.rng.choice(["090", "091", "092", "093", "650"] if foreign else ["090", "091", "650"])
        how = self.rng.random()
        if how < 0.4 and due:
            params["amount"] = f"{min(due, self.money(300))}"
        elif how < 0.6 and due:
            params |= {"amount": f"{due + self.money(50)}", "on_surplus": "overpayment"}
        if foreign and self.chance(0.8):
            params["currency_rate"] = f"{self.foreign_rate(row['CurrencyCode'])}"
        if self.chance(0.4):
            fee = {"amount": f"{self.money(9)}", "account": "404", "contact": {"id": self.customers[3]["ContactID"]}}
            if self.chance(0.6):
                fee["tax_type"] = self.tax_type("CanApplyToExpenses")
            params["fee"] = fee
        return "mark_invoice_paid", params

    def create_credit_note(self):
        params = {"status": self.rng.choice(["authorised", "authorised", "draft"]), "credit_date": self.day(5)}
        if self.chance(0.25):
            params |= {
                "contact": {"id": self.rng.choice(self.customers)["ContactID"]},
                "lines": [self.line() for _ in range(self.rng.randint(1, 3))],
                "value_is": self.rng.choice(["net", "gross"]),
            }
            return "create_credit_note", params
        row = self.some("Invoices", Type="ACCREC", Status=self.rng.choice(["AUTHORISED", "AUTHORISED", "PAID"]))
        if row is None:
            return self.create_invoice()
        params |= {"invoice": row["InvoiceID"], "apply": params["status"] == "authorised" and self.chance(0.6)}
        how = self.rng.random()
        if how < 0.5 and row["Total"]:
            params["amount"] = f"{min(row['Total'], self.money(60))}"
        elif how < 0.7:
            params["lines"] = [self.line() | {"quantity": "0.1"}]
        return "create_credit_note", params

    def void_invoice(self):
        row = self.some("Invoices", AmountPaid=0, AmountCredited=0) or self.some("Invoices")
        kind = "bill" if row["Type"] == "ACCPAY" else "invoice"
        return "void_invoice", {"invoice": row["InvoiceID"], "kind": kind, "even_if_sent": True}

    def delete_payment(self):
        row = self.some("Payments", Status="AUTHORISED", IsReconciled=False) or self.some("Payments")
        return "delete_payment", {"payment_id": row["PaymentID"]}

    def create_contact(self):
        return "create_contact", {"name": f"Contact {self.number}"}

    def email_invoice(self):
        row = self.some("Invoices", Type="ACCREC", Status="AUTHORISED")
        return "email_invoice", {"invoice": row["InvoiceID"]}

    # ------------------------------------------------------------ one plan

    def play(self, plans):
        """Plan and commit until this many plans were done, colleagues working in between."""
        draws = [
            *[self.create_invoice, self.mark_invoice_paid, self.create_credit_note] * 4,
            *[self.void_invoice, self.delete_payment] * 2,
            self.create_contact, self.email_invoice,
        ]  # fmt: skip
        done = 0
        while done < plans:
            self.number += 1
            for _ in range(self.rng.randint(0, 2)):
                self.colleague()
            action, params = self.rng.choice(draws)()
            done += self.check(action, params)

    def check(self, action, params):
        """Plan and commit one write; return whether there was a plan."""
        key, before = f"k{self.number}", read_ledger(self.at)
        plan = refusal = None
        try:
            plan = self.at.plan(action, params, key)
            result = self.at.act(action, params, mode="commit", plan_hash=plan.hash, business_key=key)
        except ConnectorError as error:
            refusal = error
        if refusal:
            # a plan was made: only a demo company, which sends no e-mail, may refuse to carry it out
            fits = plan is None or (action == "email_invoice" and self.at.number == 0)
            assert fits, (action, params, refusal.to_dict())
            assert refusal.code in {"invalid", "not_found"}, (action, params, refusal.to_dict())
            assert read_ledger(self.at) == before
            self.outcomes[f"{action} {refusal.reason or 'invalid'}"] += 1
            return False
        assert result.status == "done", (action, params, result.warnings)
        compare(plan, before, read_ledger(self.at), self.at.currency, (action, params))
        self.outcomes[action] += 1
        return True


def read_ledger(at):
    """Return every posting of the ledger with how often it is there."""
    return Counter(at.store.ledger.postings())


def compare(plan, before, after, currency, about):
    """Compare what a plan states with how the postings changed."""
    moved, moved_abroad = defaultdict(Decimal), defaultdict(Decimal)
    for sign, postings in ((1, after - before), (-1, before - after)):
        for posting in postings.elements():
            moved[posting.account_id] += sign * posting.amount
            if posting.foreign is not None:
                moved_abroad[posting.account_id, posting.currency] += sign * posting.foreign
    assert sum(moved.values()) == 0
    stated, stated_abroad, unknown, mixed = defaultdict(Decimal), defaultdict(Decimal), set(), set()
    for row in plan.effect:
        side = 1 if "debit" in row else -1
        account, abroad = row["account_id"], row.get("currency", currency) != currency
        if abroad:
            stated_abroad[account, row["currency"]] += side * Decimal(row.get("debit") or row["credit"])
        else:
            mixed.add(account)  # in base currency here, perhaps in another one in the next line
        if "computed_by_xero" in row or (abroad and "base_amount" not in row):
            unknown.add(account)
        else:
            stated[account] += side * Decimal(row["base_amount"] if abroad else row.get("debit") or row["credit"])
    about = (*about, [dict(row) for row in plan.effect], dict(moved), dict(moved_abroad))
    if unknown:  # Xero takes the day's rate: what the accounts move by in base currency is not known before
        unknown |= {row["account_id"] for row in plan.effect}
        assert set(without_zeros(moved)) <= unknown, about
    else:
        assert without_zeros(stated) == without_zeros(moved), about
    for (account, code), amount in stated_abroad.items():
        if account not in mixed:
            assert moved_abroad.get((account, code), amount) == amount, about


def without_zeros(amounts):
    return {key: amount for key, amount in amounts.items() if amount}


def play(seed, books, plans):
    outcomes = Counter()
    for book in books:
        with time_machine.travel(MOMENT), answer_in_process(invoices=60, seed=2, limits=False) as box:
            writes = RandomWrites(Company(box, book % ORGANISATIONS), f"{seed}-{book}")
            writes.play(plans)
            outcomes += writes.outcomes
    return outcomes


@pytest.mark.parametrize("book", range(ORGANISATIONS))
def test_random_plans_state_the_movement_of_the_ledger(book):
    play("quick", [book], plans=10)


@pytest.mark.slow
def test_10_000_random_plans_state_the_movement_of_the_ledger():
    play("slow", range(100), PLANS_PER_BOOK)


# ---------------------------------------------------------------- what the random plans found


@pytest.fixture
def in_process_company():
    with time_machine.travel(MOMENT), answer_in_process(invoices=60, seed=2, limits=False) as box:
        yield Company(box)


def test_a_foreign_document_states_its_base_amounts_and_their_rounding(in_process_company):
    more = {"CurrencyCode": "EUR", "CurrencyRate": "1.3", "LineItems": [
        {"Description": "x", "UnitAmount": amount, "AccountCode": "200"} for amount in ("10.03", "10.03")
    ]}  # fmt: skip
    made = colleague.invoice(in_process_company, **more)
    plan = in_process_company.plan("void_invoice", {"invoice": made["InvoiceID"]})
    lines = {row["account"]: {k: v for k, v in row.items() if not k.startswith("account")} for row in plan.effect}
    assert lines == {
        "610 Accounts Receivable": {"credit": "20.06", "currency": "EUR", "base_amount": "15.43"},
        "200 Sales": {"debit": "20.06", "currency": "EUR", "base_amount": "15.44"},  # 7.715, twice
        "860 Rounding": {"credit": "0.01", "currency": "GBP"},
    }


def test_tax_of_an_organisation_that_is_not_registered_is_refused_in_the_plan(in_process_company):
    in_process_company.store.organisation["PaysTax"] = False
    untaxed = {"Description": "x", "UnitAmount": "9", "AccountCode": "200", "TaxType": "NONE"}
    made = colleague.invoice(in_process_company, LineAmountTypes="Exclusive", LineItems=[untaxed])
    line = {"description": "x", "unit_amount": "1", "account": "200", "tax_type": "OUTPUT2"}
    with pytest.raises(ConnectorError) as caught:
        in_process_company.plan("create_credit_note", {"invoice": made["InvoiceID"], "lines": [line]})
    assert [problem["field"] for problem in caught.value.problems] == ["params.lines.0.tax_type"]
