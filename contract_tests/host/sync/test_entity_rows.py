"""What the sink writes of values that are no JSON: as its docstring says."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bizosaas_xero.host.plugins.validation import Unstorable
from bizosaas_xero.host.sync.entity_rows import encode_json


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("0.1000"), b'"0.1000"'),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), b'"2026-01-02T03:00:00Z"'),
        (float("nan"), b"null"),
        (float("inf"), b"null"),
        ({7}, b"[7]"),
        (b"x", b'"eA=="'),
        (datetime(2026, 1, 2, 3), b'"2026-01-02T03:00:00"'),  # noqa: DTZ001 (what it is about)
    ],
)
def test_a_value_is_written_in_the_json_form_that_it_has(value, written):
    assert encode_json({"v": value}) == b'{"v":' + written + b"}"


@pytest.mark.parametrize("value", [object(), "\ud83d", 1j])
def test_a_value_without_a_json_form_cannot_be_stored(value):
    with pytest.raises(Unstorable, match="a record is not JSON"):
        encode_json({"v": value})
