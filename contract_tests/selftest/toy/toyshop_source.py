"""The provider of the toy connector: a shop in memory that signs people in and returns pages of JSON."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime

PAGE = 4
SECRET = "toy-secret-0123456789"
TOKEN_SECONDS = 1800


class Refused(Exception):
    """The shop refuses a request."""

    def __init__(self, status: int, word: str = "") -> None:
        super().__init__(f"{status} {word}")
        self.status, self.word = status, word


class Shop:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.requests = self.writes = self.ticks = 0
        self.written: list[dict] = []
        self.codes: dict[str, str] = {}
        self.tokens: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.connected = True
        self.done: dict[str, str] = {}
        self.break_after: int | None = None
        self.rows = {
            "orders": {f"O{n:02}": self._order(n) for n in range(1, 11)},
            "customers": {f"C{n:02}": self._customer(n) for n in range(1, 10)},
        }

    def _order(self, n: int) -> dict:
        return {
            "id": f"O{n:02}",
            "customer": f"C{n % 9 + 1:02}",
            "total": f"{n * 1000}.1{n % 10}0",
            "paid": n % 2 == 0,
            "changed": self._stamp(),
        }

    def _customer(self, n: int) -> dict:
        return {"id": f"C{n:02}", "name": f"Customer {n}", "credit": f"{n}.50", "changed": self._stamp()}

    def _stamp(self) -> str:
        self.ticks += 1
        return f"2026-01-01T00:{self.ticks // 60:02}:{self.ticks % 60:02}+00:00"

    # ------------------------------------------------------------ signing in

    def code(self, redirect: str) -> str:
        code = secrets.token_urlsafe(24)
        self.codes[code] = redirect
        return code

    def token(self, given: dict) -> dict:
        self.requests += 1
        kind = given["grant_type"]
        if given.get("client_secret") != SECRET:
            raise Refused(400, "invalid_client")
        if kind == "authorization_code" and self.codes.pop(given["code"], None) is None:
            raise Refused(400, "invalid_grant")
        if kind == "refresh_token" and given["refresh_token"] not in self.refresh_tokens:
            raise Refused(400, "invalid_grant")
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.tokens.add(access)
        made = {"access_token": access, "expires_in": TOKEN_SECONDS}
        if kind != "client_credentials":
            self.refresh_tokens.discard(given.get("refresh_token", ""))
            self.refresh_tokens.add(refresh)
            made["refresh_token"] = refresh
        return made

    def organisations(self, token: str) -> list[dict]:
        self._ask(token)
        return [{"id": "toy-org", "name": "The Toy Shop"}] if self.connected else []

    def disconnect(self, token: str) -> None:
        self._ask(token)
        self.connected = False

    # ------------------------------------------------------------ books

    def _ask(self, token: str) -> None:
        self.requests += 1
        if token not in self.tokens:
            raise Refused(401)

    def page(self, token: str, entity: str, since: str, after: str) -> str:
        self._ask(token)
        if self.break_after is not None and after:
            self.break_after = None
            raise Refused(503)
        rows = [row for key, row in sorted(self.rows[entity].items()) if key > after and row["changed"] >= since]
        return json.dumps({"now": self._stamp(), "rows": rows[:PAGE], "more": len(rows) > PAGE, "left": len(rows)})

    def one(self, token: str, entity: str, key: str) -> str:
        self._ask(token)
        return json.dumps(self.rows[entity].get(key))

    def pay(self, token: str, key: str, business_key: str) -> None:
        self._ask(token)
        self.writes += 1
        self.written.append({"pay": key})
        self.done[business_key] = key
        self.rows["orders"][key] |= {"paid": True, "changed": self._stamp()}

    def touch(self, entity: str, key: str, **changes: object) -> None:
        self.rows[entity][key] |= {**changes, "changed": self._stamp()}


shop = Shop()


def now() -> datetime:
    return datetime.now(UTC)
