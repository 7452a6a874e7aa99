"""Webhooks: the subscriptions, and every event until it is delivered or given up.

The rules are those of Xero's pages on webhooks: a receiver first proves that it checks signatures (intent to
receive); a failed delivery is sent again at once, then every quarter of an hour for a day, then the
subscription is disabled. Events wait for 31 days and are sent in order once it is enabled again.
"""

import base64
import json
import random
import string
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bizosaas_xero.sandbox.core.clock import Clock, format_utc
from bizosaas_xero.sandbox.core.store import Store
from bizosaas_xero.sandbox.core.xero_json import Row
from bizosaas_xero.sandbox.oauth.apps import App
from bizosaas_xero.sandbox.oauth.tokens import TokenStore
from bizosaas_xero.sandbox.switches import Switches
from bizosaas_xero.sandbox.webhooks import delivery as webhooks_delivery
from bizosaas_xero.sandbox.webhooks.delivery import DeliveryAnswer, Sender
from bizosaas_xero.sandbox.webhooks.events import CATEGORIES, DEFAULT_CATEGORIES, event_time, is_payment, make_event

RETRY_SECONDS = 15 * 60
GIVE_UP_SECONDS = 24 * 3600
KEEP_SECONDS = 31 * 86_400
MAX_EVENTS_PER_DELIVERY = 100  # not known of Xero
_MAX_HISTORY = 200
_POLL_SECONDS = 0.2  # the sandbox's clock can be moved by hand, so the thread polls often


@dataclass
class Subscription:
    """The webhook subscription of one app.

    Attributes:
        app: Name of the app; it receives events of every organisation connected to it.
        status: `intent_required`, `ok`, `retrying` or `disabled`.
        problem: Why it is not `ok`.
        sequence: Number of the last event so far.
        waiting: Events not delivered yet: number, time, event.
        sending: The delivery that is being tried: its body, its last number.
        failing_since: When its first try failed.
        next_try: When it is tried again.
        history: The deliveries, without the key.
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
    history: deque[Row] = field(default_factory=lambda: deque(maxlen=_MAX_HISTORY))

    def to_public(self) -> Row:
        """Return the subscription without its key."""
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
        clock: The time of events and retries.
        apps: The apps by name.
        switches: The switches of the sandbox.
        tokens: The grants, which hold the connected organisations.
        sender: Posts a delivery; the default does so over HTTP.
        rng: Makes keys and entropy, and decides which tests of intent are mis-signed.

    Attributes:
        base_url: The base of the `resourceUrl` of events.
    """

    def __init__(
        self,
        clock: Clock,
        apps: Mapping[str, App],
        switches: Switches,
        tokens: TokenStore,
        sender: Sender = webhooks_delivery.send,
        *,
        rng: random.Random | None = None,
    ) -> None:
        self._clock, self._apps, self._switches, self._tokens = clock, apps, switches, tokens
        self.sender = sender
        self._rng = rng or random.SystemRandom()
        self.base_url = "https://api.xero.com"
        self.subscriptions: dict[str, Subscription] = {}
        self._lock = threading.RLock()  # guards the subscriptions and their queues
        self._delivery_lock = threading.Lock()  # one delivery at a time, in order
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def watch_organisation(self, organisation: str, store: Store) -> None:
        """Queue an event for each change in an organisation's books from now on."""
        for entity in CATEGORIES.keys() & store.tables.keys():
            table = store.tables[entity]
            table.watchers.append(self._watcher(organisation, entity, table.id_field))

    def configure(
        self, app: str, url: str, key: str | None = None, categories: tuple[str, ...] = DEFAULT_CATEGORIES
    ) -> Subscription:
        """Set the webhook address of an app, as its page at Xero does; the receiver must then prove its intent.

        Raises:
            ValueError: No such app or category, or the address is not on this machine.
        """
        if app not in self._apps:
            raise ValueError(f"app is one of {', '.join(self._apps)}")
        category_names = [name for name, _ in CATEGORIES.values()]
        if not categories or set(categories) - set(category_names):
            raise ValueError(f"categories are some of {', '.join(category_names)}")
        webhooks_delivery.check_address(url)
        with self._lock:
            previous = self.subscriptions.get(app)
            signing_key = key or (previous.key if previous else self._new_key())
            subscription = Subscription(app, url, signing_key, tuple(categories))
            if previous is not None:  # a new address keeps the queued events and continues the numbers
                subscription.sequence, subscription.waiting = previous.sequence, previous.waiting
            self.subscriptions[app] = subscription
        return subscription

    def remove(self, app: str) -> None:
        """Remove an app's subscription.

        Raises:
            KeyError: The app has none.
        """
        with self._lock:
            del self.subscriptions[app]

    def prove_intent(self, app: str) -> Subscription:
        """Send the receiver rightly and wrongly signed requests; it must answer 200 and 401.

        Raises:
            KeyError: The app has no subscription.
        """
        with self._delivery_lock:
            subscription = self.subscriptions[app]
            signatures_right = [True, False, *self._rng.choices((True, False), k=2)]
            self._rng.shuffle(signatures_right)
            problem = ""
            for signed in signatures_right:
                answer = self._post(subscription, self._delivery_body([], 0, 0), 0, signed=signed)
                problem = problem or webhooks_delivery.intent_problem(answer, signed=signed)
            subscription.problem = problem
            subscription.status = "intent_required" if problem else "ok"
            subscription.failing_since, subscription.next_try = None, 0.0
        return subscription

    def deliver_due(self) -> int:
        """Send the deliveries that are due by the sandbox's clock; return how many were accepted."""
        with self._delivery_lock:
            return sum(self._deliver(subscription) for subscription in list(self.subscriptions.values()))

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
            self._thread.join(webhooks_delivery.TIMEOUT_SECONDS)

    def _run(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            self.deliver_due()

    def _watcher(self, tenant: str, entity: str, id_field: str) -> Callable[[Row | None, Row], None]:
        category, _ = CATEGORIES[entity]

        def watch(before: Row | None, after: Row) -> None:
            if not self.subscriptions:
                return
            switches = self._switches
            if entity == "Invoices" and not switches.webhook_invoice_on_payment and is_payment(before, after):
                return
            time = event_time(self._clock.server_ms(), switches.webhook_times)
            event = make_event(self.base_url, tenant, entity, str(after[id_field]), after, time, new=before is None)
            self._queue_event(category, tenant, event)

        return watch

    def _queue_event(self, category: str, tenant: str, event: Row) -> None:
        switches = self._switches
        if category == "PAYMENT":
            if switches.webhook_payment_category == "none":
                return
            event["eventCategory"] = switches.webhook_payment_category
        if switches.webhook_casing == "title":
            for name in ("eventCategory", "eventType"):
                event[name] = event[name].title()
        with self._lock:
            for subscription in self.subscriptions.values():
                # before intent was proved Xero sends and queues nothing
                is_active = subscription.status != "intent_required" or subscription.sequence
                if is_active and category in subscription.categories and self._is_connected(subscription.app, tenant):
                    subscription.sequence += 1
                    subscription.waiting.append((subscription.sequence, self._clock.now(), event))

    def _is_connected(self, app: str, tenant: str) -> bool:
        client_id = self._apps[app].client_id
        return any(
            grant.app.client_id == client_id
            and any(connection.tenant_id == tenant for connection in grant.connections.values())
            for grant in self._tokens.grants()
        )

    def _deliver(self, subscription: Subscription) -> int:
        accepted = 0
        while subscription.status in {"ok", "retrying"} and subscription.next_try <= (now := self._clock.now()):
            body, last = subscription.sending or self._next_delivery(subscription, now)
            if not body:
                break
            subscription.sending = (body, last)
            answer = self._post(subscription, body, last)
            if answer.ok:
                accepted += 1
                subscription.sending = subscription.failing_since = None
                subscription.status, subscription.problem = "ok", ""
                with self._lock:
                    while subscription.waiting and subscription.waiting[0][0] <= last:
                        subscription.waiting.popleft()
                continue
            subscription.status, subscription.problem = "retrying", answer.problem
            if subscription.failing_since is None:
                subscription.failing_since = now  # the second try comes at once
            elif now - subscription.failing_since >= GIVE_UP_SECONDS:
                subscription.status = "disabled"
            else:
                subscription.next_try = now + RETRY_SECONDS
        return accepted

    def _next_delivery(self, subscription: Subscription, now: float) -> tuple[bytes, int]:
        with self._lock:
            while subscription.waiting and now - subscription.waiting[0][1] > KEEP_SECONDS:
                subscription.waiting.popleft()
            events = [subscription.waiting[n] for n in range(min(len(subscription.waiting), MAX_EVENTS_PER_DELIVERY))]
        if not events:
            return b"", 0
        first, last = events[0][0], events[-1][0]
        return self._delivery_body([event for _, _, event in events], first, last), last

    def _delivery_body(self, events: list[Row], first: int, last: int) -> bytes:
        entropy = "".join(self._rng.choices(string.ascii_uppercase, k=20))
        delivery = {
            "events": events,
            "firstEventSequence": first,
            "lastEventSequence": last,
            "entropy": entropy,
        }
        if self._switches.webhook_body == "indented":
            return json.dumps(dict(reversed(delivery.items())), indent=2).encode()
        return json.dumps(delivery, separators=(",", ":")).encode()

    def _post(self, subscription: Subscription, body: bytes, last: int, *, signed: bool = True) -> DeliveryAnswer:
        key = subscription.key if signed else self._new_key()
        answer = self.sender(subscription.url, body, webhooks_delivery.signed_headers(key, body))
        subscription.history.append(
            {
                "at": format_utc(self._clock.now(), "%Y-%m-%dT%H:%M:%S.%fZ"),
                "last_sequence": last,
                "signed": signed,
                "status": answer.status,
                "problem": answer.problem,
            }
        )
        return answer

    def _new_key(self) -> str:
        return base64.b64encode(self._rng.randbytes(64)).decode()

    def to_public(self) -> list[dict[str, Any]]:
        """Return every subscription without its key."""
        return [subscription.to_public() for subscription in self.subscriptions.values()]
