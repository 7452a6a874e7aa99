"""Webhooks: who wants to hear what, and every event until it has been heard or given up.

The rules are those of Xero's pages on webhooks: a receiver first proves that it checks signatures (intent to
receive); what it does not take is sent again at once, then every quarter of an hour for a day, then the
subscription is disabled. Events wait for 31 days and are sent in order once it is enabled again.
"""

import base64
import json
import random
import string
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bizosaas_xero.sandbox.core import xero_json
from bizosaas_xero.sandbox.core.clock import text
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.webhooks import delivery as webhooks_delivery
from bizosaas_xero.sandbox.webhooks.delivery import Answer, Sender

if TYPE_CHECKING:
    from bizosaas_xero.sandbox.core.store import Store
    from bizosaas_xero.sandbox.state import State

RETRY_SECONDS = 15 * 60
GIVE_UP_SECONDS = 24 * 3600
KEEP_SECONDS = 31 * 86_400
EVENTS_A_DELIVERY = 100  # not known of Xero
_REMEMBERED = 200
_LOOK_SECONDS = 0.2  # the sandbox's clock can be moved by hand, so the thread looks often

# entity: what Xero calls it in events, and which fields of the row it adds under `data`
CATEGORIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "Contacts": ("CONTACT", ()),
    "Invoices": ("INVOICE", ()),
    "CreditNotes": ("CREDITNOTE", ("Type", "Status")),
    "Prepayments": ("PREPAYMENT", ("Type", "Status", "UpdatedDateUTCString")),
    "Overpayments": ("OVERPAYMENT", ("Type", "Status", "UpdatedDateUTCString")),
    "Payments": ("PAYMENT", ()),
}
DEFAULT = ("CONTACT", "INVOICE")  # the newer categories must be asked for
# what a payment changes in its invoice
_PAID = {"AmountDue", "AmountPaid", "FullyPaidOnDate", "Payments", "Status", "UpdatedDateUTC",
         "UpdatedDateUTCString"}  # fmt: skip


def _moment(ms: int) -> str:
    return f"{xero_json.iso_second(ms)[:-1]}.{ms % 1000:03d}"  # Xero sends no zone here


@dataclass
class Subscription:
    """What one app wants to hear.

    Attributes:
        app: Name of the app; it hears of every organisation that is connected to it.
        status: `intent_required`, `ok`, `retrying` or `disabled`.
        problem: Why it is not `ok`.
        sequence: Number of the last event so far.
        waiting: Events that were not taken yet: number, when it happened, event.
        sending: The delivery that is being tried: its body, its last number.
        failing_since: When its first try failed.
        next_try: When it is tried again.
        history: What was sent: never the key.
    """

    app: str
    url: str
    key: str
    categories: tuple[str, ...]
    status: str = "intent_required"
    problem: str = ""
    sequence: int = 0
    waiting: deque[tuple[int, float, Row]] = field(default_factory=deque)
    sending: tuple[bytes, int] | None = None
    failing_since: float | None = None
    next_try: float = 0.0
    history: deque[Row] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    def public(self) -> Row:
        """Return what a person sees on the page of the app: all but the key."""
        return {
            "app": self.app,
            "url": self.url,
            "categories": list(self.categories),
            "status": self.status,
            "problem": self.problem,
            "last_sequence": self.sequence,
            "waiting": len(self.waiting),
            "deliveries": list(self.history),
        }


class Webhooks:
    """The webhooks of every app.

    Args:
        state: What the sandbox remembers.
        sender: Posts a delivery; the default does so over HTTP.
        rng: Makes keys and entropy, and decides which tests of intent are mis-signed.

    Attributes:
        base_url: What the `resourceUrl` of an event begins with.
    """

    def __init__(
        self, state: "State", sender: Sender = webhooks_delivery.send, rng: random.Random | None = None
    ) -> None:
        self._state = state
        self.sender = sender
        self._rng = rng or random.SystemRandom()
        self.base_url = "https://api.xero.com"
        self.subscriptions: dict[str, Subscription] = {}
        self._lock = threading.RLock()  # of the subscriptions and what waits in them
        self._pump_lock = threading.Lock()  # one delivery at a time, in order
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, organisation: str, store: "Store") -> None:
        """Tell subscribers of what changes in an organisation's books from now on."""
        for entity in CATEGORIES.keys() & store.tables.keys():
            table = store.tables[entity]
            table.watchers.append(self._watcher(organisation, entity, table.id_field))

    def configure(
        self, app: str, url: str, key: str | None = None, categories: tuple[str, ...] = DEFAULT
    ) -> Subscription:
        """Point an app's webhooks somewhere, as its page at Xero does; it still has to prove its intent.

        Raises:
            ValueError: No such app or category, or the address is not on this machine.
        """
        if app not in self._state.apps:
            raise ValueError(f"app is one of {', '.join(self._state.apps)}")
        known = [name for name, _ in CATEGORIES.values()]
        if not categories or set(categories) - set(known):
            raise ValueError(f"categories are some of {', '.join(known)}")
        webhooks_delivery.check_address(url)
        with self._lock:
            before = self.subscriptions.get(app)
            made = key or (before.key if before else self._key())
            fresh = Subscription(app, url, made, tuple(categories))
            if before is not None:  # a new address: what waits is not forgotten, and numbers go on
                fresh.sequence, fresh.waiting = before.sequence, before.waiting
            self.subscriptions[app] = fresh
        return fresh

    def remove(self, app: str) -> None:
        """Forget an app's webhooks.

        Raises:
            KeyError: It has none.
        """
        with self._lock:
            del self.subscriptions[app]

    def prove_intent(self, app: str) -> Subscription:
        """Send the receiver rightly and wrongly signed requests; it must answer 200 and 401.

        Raises:
            KeyError: The app has no webhooks.
        """
        with self._pump_lock:
            subscription = self.subscriptions[app]
            right = [True, False, *self._rng.choices((True, False), k=2)]
            self._rng.shuffle(right)
            problem = ""
            for signed in right:
                answer = self._post(subscription, self._body([], 0, 0), 0, signed=signed)
                problem = problem or webhooks_delivery.intent_problem(answer, signed=signed)
            subscription.problem = problem
            subscription.status = "intent_required" if problem else "ok"
            subscription.failing_since, subscription.next_try = None, 0.0
        return subscription

    def pump(self) -> int:
        """Send everything that is due by the sandbox's clock; return how many deliveries were taken."""
        with self._pump_lock:
            return sum(self._deliver(each) for each in list(self.subscriptions.values()))

    def start(self, base_url: str) -> None:
        """Deliver from a background thread until `stop`."""
        self.base_url = base_url
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, daemon=True, name="xero-sandbox-webhooks")
        self._thread.start()

    def stop(self) -> None:
        """End the background thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(webhooks_delivery.TIMEOUT)

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            self.pump()

    def _watcher(self, tenant: str, entity: str, id_field: str) -> Callable[[Row | None, Row], None]:
        category, extra = CATEGORIES[entity]

        def watch(before: Row | None, after: Row) -> None:
            if not self.subscriptions:
                return
            switches = self._state.switches
            if entity == "Invoices" and before is not None and not switches.webhook_invoice_on_payment:
                changed = {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
                if "AmountPaid" in changed and changed <= _PAID:
                    return
            guid = str(after[id_field])
            event: Row = {
                "resourceUrl": f"{self.base_url}/api.xro/2.0/{entity}/{guid}",
                "resourceId": guid,
                "tenantId": tenant,
                "tenantType": "ORGANISATION",
                "eventCategory": category,
                "eventType": "CREATE" if before is None else "UPDATE",
                "eventDateUtc": _moment(self._state.clock.server_ms()),
            }
            data = {name: after[name] for name in extra if name in after}
            if data:
                event["data"] = data
            self._queue(category, tenant, event)

        return watch

    def _queue(self, category: str, tenant: str, event: Row) -> None:
        switches = self._state.switches
        if category == "PAYMENT":
            if switches.webhook_payment_category == "none":
                return
            event["eventCategory"] = switches.webhook_payment_category
        if switches.webhook_casing == "title":
            for name in ("eventCategory", "eventType"):
                event[name] = event[name].title()
        with self._lock:
            for each in self.subscriptions.values():
                # before intent was ever proved Xero sends nothing, and nothing waits
                heard = each.status != "intent_required" or each.sequence
                if heard and category in each.categories and self._connected(each.app, tenant):
                    each.sequence += 1
                    each.waiting.append((each.sequence, self._state.clock.now(), event))

    def _connected(self, app: str, tenant: str) -> bool:
        client_id = self._state.apps[app].client_id
        return any(
            family.app.client_id == client_id
            and any(connection.tenant_id == tenant for connection in family.connections.values())
            for family in self._state.tokens.families()
        )

    def _deliver(self, each: Subscription) -> int:
        taken = 0
        while each.status in {"ok", "retrying"} and each.next_try <= (now := self._state.clock.now()):
            body, last = each.sending or self._next(each, now)
            if not body:
                break
            each.sending = (body, last)
            answer = self._post(each, body, last)
            if answer.ok:
                taken += 1
                each.sending, each.failing_since, each.status, each.problem = None, None, "ok", ""
                with self._lock:
                    while each.waiting and each.waiting[0][0] <= last:
                        each.waiting.popleft()
                continue
            each.status, each.problem = "retrying", answer.words
            if each.failing_since is None:
                each.failing_since = now  # the second try comes at once
            elif now - each.failing_since >= GIVE_UP_SECONDS:
                each.status = "disabled"
            else:
                each.next_try = now + RETRY_SECONDS
        return taken

    def _next(self, each: Subscription, now: float) -> tuple[bytes, int]:
        with self._lock:
            while each.waiting and now - each.waiting[0][1] > KEEP_SECONDS:
                each.waiting.popleft()
            some = [each.waiting[n] for n in range(min(len(each.waiting), EVENTS_A_DELIVERY))]
        if not some:
            return b"", 0
        first, last = some[0][0], some[-1][0]
        return self._body([event for _, _, event in some], first, last), last

    def _body(self, events: list[Row], first: int, last: int) -> bytes:
        entropy = "".join(self._rng.choices(string.ascii_uppercase, k=20))
        delivery = {
            "events": events,
            "firstEventSequence": first,
            "lastEventSequence": last,
            "entropy": entropy,
        }
        return json.dumps(delivery, separators=(",", ":")).encode()

    def _post(self, each: Subscription, body: bytes, last: int, *, signed: bool = True) -> Answer:
        key = each.key if signed else self._key()
        answer = self.sender(each.url, body, webhooks_delivery.headers(key, body))
        each.history.append(
            {
                "at": text(self._state.clock.now(), "%Y-%m-%dT%H:%M:%S.%fZ"),
                "last_sequence": last,
                "signed": signed,
                "status": answer.status,
                "problem": answer.words,
            }
        )
        return answer

    def _key(self) -> str:
        return base64.b64encode(self._rng.randbytes(64)).decode()

    def public(self) -> list[dict[str, Any]]:
        """Return every subscription without its key."""
        return [each.public() for each in self.subscriptions.values()]
