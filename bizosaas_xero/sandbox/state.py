"""The state of one sandbox: organisations and their books, apps, users, tokens, limits, faults."""

import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from bizosaas_xero.sandbox.core.clock import Clock
from bizosaas_xero.sandbox.core.countries import Organisation, organisation_row, organisations
from bizosaas_xero.sandbox.core.mutate import mutate_rows
from bizosaas_xero.sandbox.http.faults import Faults
from bizosaas_xero.sandbox.http.idempotency import IdempotencyKeys
from bizosaas_xero.sandbox.http.rate_limits import RateLimits
from bizosaas_xero.sandbox.ledger.company import Company
from bizosaas_xero.sandbox.oauth.apps import App, demo_apps, demo_users
from bizosaas_xero.sandbox.oauth.tokens import AccessToken, Grant, TokenStore
from bizosaas_xero.sandbox.queries.lists import ListSelector
from bizosaas_xero.sandbox.seed.documents import SeededBooks
from bizosaas_xero.sandbox.seed.tables import build_tables
from bizosaas_xero.sandbox.switches import Switches
from bizosaas_xero.sandbox.webhooks.subscriptions import Webhooks
from bizosaas_xero.sandbox.wild_books import add_wild_rows

BOOKS = ("plain", "wild")
MAX_LOG_ENTRIES = 20_000


class SandboxState:
    """One sandbox, without its server.

    Args:
        invoices: Invoices and bills of the first organisation; the others have fewer.
        seed: The same seed gives the same books and the same app credentials.
        limits: Refuse calls over Xero's limits (the headers are sent either way).
        per_day: Calls a day for each organisation: 1,000 on Xero's Starter tier, 5,000 above.
        clock: A `Clock`, or a function that returns seconds since the epoch.
        rng: Makes codes and tokens; the default is the system's randomness.
        books: `plain`, or `wild` for a few more rows of each kind that recordings of Xero hold.

    Raises:
        ValueError: `books` has another value.

    Attributes:
        log: One entry per request, newest last: see `docs/sandbox.md`. Never a token.
        switches: Behaviours of Xero that can be set either way.
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
        books: str = "plain",
    ) -> None:
        if books not in BOOKS:
            raise ValueError(f"books is one of {', '.join(BOOKS)}, not {books!r}")
        self._books = books
        self.seed = seed
        self.clock = clock if isinstance(clock, Clock) else Clock(clock) if clock else Clock()
        self.organisations = organisations(seed)
        small_size = min(500, invoices // 10 + 20)
        sizes = (invoices, small_size, *[min(40, small_size)] * (len(self.organisations) - 2))
        # The first books, which may be large, are made at once; the others on first use.
        self._sizes = {o.id: size for o, size in zip(self.organisations, sizes, strict=True)}
        self._stores: dict[str, Company] = {}
        self._lock = threading.RLock()
        self._first_day = self.clock.today_ms()
        self.apps = demo_apps(seed, self.organisations[0].id)
        self.users = demo_users(seed)
        self.switches = Switches()
        self.tokens = TokenStore(self.clock, rng or random.SystemRandom())
        self.limits = RateLimits(self.clock, enforce=limits, per_day=per_day)
        self.lists = ListSelector()
        self.idempotency = IdempotencyKeys(self.clock)
        self.log: deque[dict[str, Any]] = deque(maxlen=MAX_LOG_ENTRIES)
        self.faults = Faults(self.clock)
        self.webhooks = Webhooks(self.clock, self.apps, self.switches, self.tokens, rng=rng)
        self.store()
        for app in self.apps.values():
            if app.organisation_id:
                self._connect_custom(app)

    def _make_company(self, organisation: Organisation) -> Company:
        books = SeededBooks(self.seed, organisation, self._sizes[organisation.id], self._first_day)
        rows = build_tables(books, organisation_row(organisation, self._first_day))
        company = Company(books, rows, self.clock.server_ms)
        if self._books == "wild":
            add_wild_rows(company, self.seed)
        self.webhooks.watch_organisation(organisation.id, company)
        return company

    def _connect_custom(self, app: App) -> None:
        name = next(o.name for o in self.organisations if o.id == app.organisation_id)
        grant = self.tokens.grant(app, None)
        self.tokens.connect(grant, str(app.organisation_id), "ORGANISATION", name, self.tokens.new_guid())

    def store(self, organisation: str | None = None) -> Company:
        """Return the books of an organisation (default: the first one).

        Raises:
            KeyError: The organisation is unknown.
        """
        guid = (organisation or self.organisations[0].id).lower()
        if guid not in self._stores:
            with self._lock:
                if guid not in self._stores:
                    by_id = {o.id: o for o in self.organisations}
                    self._stores[guid] = self._make_company(by_id[guid])
        return self._stores[guid]

    def mutate(self, details: Mapping[str, Any], tenant: str) -> list[str]:
        """Change rows as the fault `mutate` asks, and return their ids.

        Raises:
            KeyError: The organisation, entity or row is unknown.
        """
        return mutate_rows(self.store(details.get("organisation") or tenant), details)

    def custom_grant(self, app: App) -> Grant:
        """Return the grant of a custom connection."""
        return self.tokens.grant(app, None)

    def find_token(self, authorization: str) -> AccessToken | float | None:
        """Return the access token of an Authorization header, the time it expired, or None for an unknown one."""
        kind, _, token = authorization.partition(" ")
        access_token = self.tokens.access_tokens.get(token.strip()) if kind.lower() == "bearer" else None
        if access_token is None:
            return None
        return access_token if access_token.expires > self.clock.now() else access_token.expires

    def describe(self, base: str) -> dict[str, Any]:
        """Return the data that a client needs, for a server at `base`."""
        return {
            "api_url": base,
            "identity_url": base,
            "login_url": base,
            "organisations": [
                {"id": o.id, "name": o.name, "country": o.country, "currency": o.currency} for o in self.organisations
            ],
            "apps": {name: app.to_public() for name, app in self.apps.items()},
            "control_url": f"{base}/_sandbox/",
            "seed": self.seed,
        }
