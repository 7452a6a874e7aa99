"""Keeping what Xero answered, as cassettes without secrets and without names."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from bizosaas_xero.contract.scrub import Scrubber

_PLACES = {"/connect/": "https://identity.xero.com", "": "https://api.xero.com"}


class Exchange(NamedTuple):
    """One request and its answer."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None
    response: httpx.Response


def write_cassettes(folder: Path, exchanges: Iterable[Exchange], bases: Iterable[str], known: Iterable[str]) -> int:
    """Write one cassette for each exchange, and return how many.

    Args:
        folder: Where they are written.
        exchanges: What was said.
        bases: Addresses that are replaced by Xero's, such as those of a sandbox.
        known: Values that must not appear: the organisation's id, the app's, its secret.
    """
    from vcr.request import Request
    from vcr.serialize import serialize
    from vcr.serializers import yamlserializer

    pseudonyms = {value: f"scrubbed-{number}" for number, value in enumerate(filter(None, known), 1)}
    scrubber = Scrubber(pseudonyms, dict.fromkeys(bases, _PLACES), (), secrets.token_bytes(16))
    folder.mkdir(parents=True, exist_ok=True)
    count = 0
    for count, each in enumerate(exchanges, 1):
        answer: dict[str, Any] = {
            "status": {"code": each.response.status_code, "message": each.response.reason_phrase},
            "headers": {name: [value] for name, value in each.response.headers.items()},
            "body": {"string": each.response.content},
        }
        request = scrubber.request(Request(each.method, each.url, each.content, dict(each.headers)))
        cassette = {"requests": [request], "responses": [scrubber.response(answer)]}
        name = re.sub(r"[^A-Za-z]+", "-", httpx.URL(request.uri).path).strip("-").removeprefix("api-xro-")
        (folder / f"{count:02d}-{name}.yaml").write_text(serialize(cassette, yamlserializer), encoding="utf-8")
    return count
