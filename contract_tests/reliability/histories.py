"""Long histories of work, syncs, breaks and resumptions: after each whole sync the tables are the books.

The sandbox is the model of the books. Expected differences are recorded separately: rows changed
without their timestamp, and rows that arrived unreadable, both until the weekly re-read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from unittest import mock

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from bizosaas_xero import plugin
from bizosaas_xero.connector.http import transport
from bizosaas_xero.connector.sync import run as sync_run
from bizosaas_xero.connector.sync.entities import ENTITIES
from bizosaas_xero.sandbox import serve
from bizosaas_xero.spec import ConnectorError, ReconnectRequired
from contract_tests.helpers.compare_books import differences, theirs
from contract_tests.helpers.xero_account import Account

names = st.sampled_from(list(ENTITIES))
SECONDS = st.sampled_from([0.5, 1, 60, 3600, 3 * 3600, 8 * 86_400])
FIELDS = {"contacts": "FirstName", "accounts": "Description"}
BREAKS = st.sampled_from(
    [
        ("expire_token", {}),
        ("cut", {"where": "body"}),
        ("truncated", {}),
        ("bad_row", {}),
        ("revoke_grant", {}),
        ("disconnect", {}),
        ("rate_limit", {"problem": "day", "retry_after": 40_000}),
        ("rate_limit", {"problem": "minute", "retry_after": 5}),
        ("status", {"status": 503}),
    ]
)


def machine_clock(books):
    class MachineTime(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=books.passed)

    return MachineTime


class Books(RuleBasedStateMachine):
    """People work, hosts sync, things break.

    Time passes for the sandbox and for the clock of the host's machine alike, whatever one is ahead of the other.
    """

    def __init__(self) -> None:
        super().__init__()
        self.serving = serve(invoices=40, seed=11, limits=False)
        self.box = self.serving.__enter__()
        self.account = Account(self.box, page_size=7).connect()
        self.store = self.box.sandbox.store(self.account.organisation_id)
        self.cursors = dict.fromkeys(ENTITIES)
        self.stored = {name: {} for name in ENTITIES}
        self.blind = {name: set() for name in ENTITIES}
        self.read_whole_at = dict.fromkeys(ENTITIES, 0.0)
        self.numbers = iter(range(10_000))
        self.passed = 0.0
        self.machine = mock.patch.object(sync_run, "datetime", machine_clock(self))
        self.machine.start()

    def teardown(self) -> None:
        try:
            self.box.sandbox.faults.clear()
            for name in ENTITIES:
                self.sync_whole(name)
        finally:
            self.machine.stop()
            self.serving.__exit__(None, None, None)
            transport.close_clients()

    # ------------------------------------------------------------ the host

    def read(self, name, stop_after=None, **options):
        """Sync as a host does, until it is done, stopped or broken; return whether it is done."""
        batches = plugin.sync_entity(self.account.connection(), name, self.cursors[name], options)
        try:
            for number, batch in enumerate(batches, 1):
                for record in batch.records:
                    if record.op == "delete":
                        self.stored[name].pop(record.key, None)
                    else:
                        self.stored[name][record.key] = record.data
                        self.blind[name].discard(record.key)
                self.blind[name] |= {row.key for row in batch.rejected}
                self.cursors[name] = batch.cursor
                if number == stop_after:
                    return False
        finally:
            batches.close()
        if batch.stats.kind != "incremental" and not batch.stats.paused:
            self.read_whole_at[name] = self.box.sandbox.clock.now()
        return not batch.stats.paused and batch.stats.complete is not False

    def healed(self, name, **options):
        """Sync, and do what each error's recovery says, until it is done."""
        for _ in range(20):
            try:
                if self.read(name, **options):
                    return
            except ConnectorError as error:
                self.recover(name, error)
        raise AssertionError(f"{name} was not read in 20 runs")

    def recover(self, name, error):
        assert error.recovery in {"refresh", "reconnect", "wait", "retry", "restart"}, error
        if error.recovery == "restart":
            self.cursors[name] = None
        elif error.recovery == "reconnect":
            self.account.connect()
        elif error.retry_after:
            self.advance(error.retry_after)
        if error.recovery != "reconnect":
            try:
                self.account.refresh()
            except ReconnectRequired:
                self.account.connect()

    def advance(self, seconds):
        self.box.sandbox.clock.advance(seconds)
        self.passed += seconds

    def sync_whole(self, name, **options):
        week_is_over = self.box.sandbox.clock.now() > self.read_whole_at[name] + 8 * 86_400  # and a little
        if options.get("full") or week_is_over:
            self.healed(name)  # what was begun long ago does not show what changed behind it
            self.blind[name].clear()
        self.healed(name, **options)
        self.healed(name)  # what was changed while that was read; and now the week is seen to be over
        self.compare(name)

    def compare(self, name):
        wrong = differences(self.store, name, self.stored[name])
        wrong = [each for each in wrong if not any(key in each for key in self.blind[name])]
        if wrong:
            raise AssertionError(f"the table is not the books: {wrong}")

    # ------------------------------------------------------------ people at work

    def keys(self, name):
        return sorted(theirs(self.store, name))

    @rule(name=names, place=st.integers(0, 99), blind=st.booleans())
    def edit(self, name, place, blind):
        keys = self.keys(name)
        key = keys[place % len(keys)]
        field = FIELDS.get(name, "Reference")
        changed = {field: f"change {next(self.numbers)}"}
        self.store.edit(ENTITIES[name].path, key, changed, blind=blind)
        if blind and name != "accounts":  # a list that is read whole sees it
            self.blind[name].add(key)

    @rule(name=st.sampled_from(["invoices", "bills", "contacts", "payments", "bank_transactions"]))
    def insert(self, name):
        kind = {"invoices": {"Type": "ACCREC"}, "bills": {"Type": "ACCPAY"}}.get(name, {})
        self.store.insert(ENTITIES[name].path, kind)

    @rule(name=st.sampled_from(["invoices", "bills"]), place=st.integers(0, 99))
    def void(self, name, place):
        keys = self.keys(name)
        self.store.edit("Invoices", keys[place % len(keys)], {"Status": "VOIDED"})

    @rule(place=st.integers(0, 99), account=st.booleans())
    def archive(self, place, account):
        name = "accounts" if account else "contacts"
        keys = self.keys(name)
        self.store.archive(ENTITIES[name].path, keys[place % len(keys)])

    @rule(place=st.integers(0, 99))
    def delete_account(self, place):
        keys = self.keys("accounts")
        if len(keys) > 5:
            self.store.delete("Accounts", keys[place % len(keys)])

    @rule(seconds=SECONDS)
    def time_passes(self, seconds):
        self.advance(seconds)
        if seconds > 1000:  # the token has ended long before a host's clock says so
            self.account.refresh()

    # ------------------------------------------------------------ syncs, whole and broken

    @initialize(name=names, behind=st.sampled_from([0, 1800, 2 * 3600]))
    def first(self, name, behind):
        self.box.sandbox.clock.advance(-behind)  # the clock of the host's machine is as much ahead
        self.account.refresh()
        self.sync_whole(name)

    @rule(name=names, full=st.booleans())
    def sync(self, name, full):
        self.sync_whole(name, full=full and self.cursors[name] is not None)

    @rule(name=names, place=st.integers(0, 99), seconds=SECONDS)
    def sync_and_sync_again_after_a_change_and_a_while(self, name, place, seconds):
        self.sync_whole(name)
        self.edit(name, place, blind=False)
        self.time_passes(seconds)
        self.healed(name)  # one read must do, where the one before was whole: a second could hide a loss
        self.compare(name)

    @rule(name=names, place=st.integers(0, 99))
    def sync_while_the_servers_clock_is_ahead(self, name, place):
        self.box.sandbox.clock.shift = 3600.0
        self.sync_whole(name)
        self.box.sandbox.clock.shift = 0.0
        self.edit(name, place, blind=False)
        self.time_passes(1800)  # longer than reads overlap
        self.healed(name)
        self.compare(name)

    @rule(places=st.lists(st.integers(0, 99), max_size=4))
    def recheck(self, places):
        """The flag of a bank line flips when it is reconciled, and moves no stamp."""
        name = "bank_transactions"
        self.sync_whole(name)
        lines = self.stored[name]
        for place in places:
            key = sorted(lines)[place % len(lines)]
            self.store.edit("BankTransactions", key, {"IsReconciled": True}, blind=True)
        unflipped = [key for key in lines if not lines[key]["IsReconciled"]]
        self.sync_whole(name, recheck=unflipped)

    @rule(name=names, most=st.integers(1, 3))
    def sync_a_part(self, name, most):
        self.read(name, max_batches=most)

    @rule(name=names, number=st.integers(1, 3))
    def close_in_between(self, name, number):
        self.read(name, stop_after=number)

    @rule(name=names, change=st.sampled_from(["edit", "insert"]), after=st.integers(0, 3), full=st.booleans())
    def change_while_it_is_read(self, name, change, after, full):
        if name == "accounts":
            return
        path, kind = ENTITIES[name].path, {"invoices": "ACCREC", "bills": "ACCPAY"}.get(name)
        changes = {FIELDS.get(name, "Reference"): f"meanwhile {next(self.numbers)}"}
        if change == "insert" and kind:
            changes["Type"] = kind
        details = {"entity": path, "op": change, "which": "spread", "count": 3, "changes": changes}
        self.box.sandbox.faults.add("mutate", match={"path": path}, after=after, **details)
        self.healed(name, full=full and self.cursors[name] is not None)
        self.box.sandbox.faults.clear()
        self.sync_whole(name)

    @rule(name=names, place=st.integers(0, 99))
    def show_a_changed_row_so_that_it_cannot_be_read(self, name, place):
        self.healed(name)
        self.edit(name, place, blind=False)
        self.time_passes(1800)  # longer than reads overlap: only the read that is damaged asks for this change
        self.box.sandbox.faults.add("bad_row", match={"path": ENTITIES[name].path}, row=place)
        self.healed(name)
        self.box.sandbox.faults.clear()
        self.time_passes(1800)  # longer than reads overlap
        self.sync_whole(name)

    @rule(name=names, broken=BREAKS, after=st.integers(0, 3), times=st.sampled_from([1, 2, 5]))
    def break_a_sync(self, name, broken, after, times):
        kind, details = broken
        self.box.sandbox.faults.add(kind, after=after, times=times, **details)
        try:
            self.read(name)
        except ConnectorError as error:
            self.box.sandbox.faults.clear()
            self.recover(name, error)
        self.box.sandbox.faults.clear()
