"""Everything one sandbox remembers: organisations and their books, apps, people, tokens, limits, faults."""

import random
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from bizosaas_xero.sandbox.core.clock import Clock
from bizosaas_xero.sandbox.core.countries import Organisation, organisation_row, organisations
from bizosaas_xero.sandbox.http.faults import Faults
from bizosaas_xero.sandbox.http.idempotency import Memory
from bizosaas_xero.sandbox.http.rate_limits import Limits
from bizosaas_xero.sandbox.ledger.company import Company
from bizosaas_xero.sandbox.oauth.apps import App, Switches, demo_apps, demo_users
from bizosaas_xero.sandbox.oauth.tokens import Access, Family, Tokens
from bizosaas_xero.sandbox.queries.lists import Lists
from bizosaas_xero.sandbox.seed.documents import Books
from bizosaas_xero.sandbox.seed.tables import tables
from bizosaas_xero.sandbox.webhooks.subscriptions import Webhooks

LOG_ENTRIES = 20_000


class State:
    """One sandbox, without its server.

    Args:
        invoices: Invoices and bills of the first organisation; the others have fewer.
        seed: The same seed gives the same books and the same app credentials.
        limits: Refuse calls over Xero's limits (the headers are sent either way).
        per_day: Calls a day for each organisation: 1,000 on Xero's Starter tier, 5,000 above.
        clock: The time: a `Clock`, or a function that gives seconds since the epoch.
        rng: Makes codes and tokens; the default is the system's randomness.

    Attributes:
        log: One entry per request, newest last: see `docs/sandbox.md`. Never a token.
        switches: What is not known about Xero; set it either way.
    """

    def __init__(
        self,
        invoices: int = 500,
        seed: int = 1,
        *,
        limits: bool = True,
        per_day: int = 1000,
        clock: Clock | Callable[[], float] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.seed = seed
        self.clock = clock if isinstance(clock, Clock) else Clock(clock) if clock else Clock()
        self.organisations = organisations(seed)
        few = min(500, invoices // 10 + 20)
        sizes = (invoices, few, *[min(40, few)] * (len(self.organisations) - 2))
        # The first books, which may be large, are made at once; the others, when somebody looks into them.
        self._sizes = {o.id: size for o, size in zip(self.organisations, sizes, strict=True)}
        self._stores: dict[str, Company] = {}
        self._making = threading.RLock()
        self._first_day = self.clock.today_ms()
        self.apps = demo_apps(seed, self.organisations[0].id)
        self.users = demo_users(seed)
        self.switches = Switches()
        self.tokens = Tokens(self.clock, rng or random.SystemRandom())
        self.limits = Limits(self.clock, enforce=limits, per_day=per_day)
        self.lists = Lists()
        self.idempotency = Memory(self.clock)
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_ENTRIES)
        self.faults = Faults(self)
        self.webhooks = Webhooks(self, rng=rng)
        self.store()
        for app in self.apps.values():
            if app.organisation_id:
                self._connect_custom(app)

    def _books(self, organisation: Organisation) -> Company:
        books = Books(self.seed, organisation, self._sizes[organisation.id], self._first_day)
        rows = tables(books, organisation_row(organisation, self._first_day))
        made = Company(books, rows, self.clock.server_ms)
        self.webhooks.watch(organisation.id, made)
        return made

    def _connect_custom(self, app: App) -> None:
        name = next(o.name for o in self.organisations if o.id == app.organisation_id)
        family = self.tokens.family(app, None)
        self.tokens.connect(family, str(app.organisation_id), "ORGANISATION", name, self.tokens.guid())

    def store(self, organisation: str | None = None) -> Company:
        """Return the books of an organisation (default: the first one).

        Raises:
            KeyError: There is no such organisation.
        """
        guid = (organisation or self.organisations[0].id).lower()
        if guid not in self._stores:
            with self._making:
                if guid not in self._stores:
                    known = {o.id: o for o in self.organisations}
                    self._stores[guid] = self._books(known[guid])
        return self._stores[guid]

    def custom_family(self, app: App) -> Family:
        """Return what a custom connection holds."""
        return self.tokens.family(app, None)

    def access(self, authorization: str) -> Access | float | None:
        """Return what an Authorization header stands for: a live token, when it expired, or nothing."""
        kind, _, token = authorization.partition(" ")
        found = self.tokens.access.get(token.strip()) if kind.lower() == "bearer" else None
        if found is None:
            return None
        return found if found.expires > self.clock.now() else found.expires

    def describe(self, base: str) -> dict[str, Any]:
        """Return what a client needs to know, for a server at `base`."""
        return {
            "api_url": base,
            "identity_url": base,
            "login_url": base,
            "organisations": [
                {"id": o.id, "name": o.name, "country": o.country, "currency": o.currency} for o in self.organisations
            ],
            "apps": {name: app.public() for name, app in self.apps.items()},
            "control_url": f"{base}/_sandbox/",
            "seed": self.seed,
        }
