"""What the contract kit needs to know of the toy shop."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

from toyshop_source import SECRET, shop

ACTIONS = {
    "count_orders": {"params": {"paid": True}, "bad_params": {"paid": "perhaps"}},
    "mark_paid": {"params": {"order": "O01"}, "bad_params": {"order": 1}, "other_params": {"order": "O03"}},
}


def reset():
    shop.reset()


def app(kind):
    return {"client_id": "toy", "client_secret": SECRET, "redirect_uri": "http://localhost:8377/callback"}


def requests():
    return shop.requests


def writes():
    return shop.writes


def written():
    return shop.written


def keys(entity):
    return shop.rows[entity]


def texts():
    return json.dumps(shop.rows)


def consent(url):
    asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    code = shop.code(asked["redirect_uri"])
    return f"{asked['redirect_uri']}?code={code}&state={asked.get('state', '')}"


def revoke(grant):
    shop.refresh_tokens.clear()


def change(entity):
    name = {"orders": "total", "customers": "credit"}[entity]
    shop.touch(entity, min(shop.rows[entity]), **{name: "77777.77"})


def spoil(entity):
    name = {"orders": "total", "customers": "credit"}[entity]
    shop.touch(entity, min(shop.rows[entity]), **{name: "twelve"})


def break_off(entity):
    shop.break_after = 1


def stale(action):
    shop.touch("orders", "O01", total="1.99")
