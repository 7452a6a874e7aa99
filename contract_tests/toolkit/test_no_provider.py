"""The toolkit knows no provider: another connector can use every module of it."""

from __future__ import annotations

import re

import pytest

from contract_tests.helpers.paths import ROOT

TOOLKIT = ROOT / "bizosaas_xero" / "toolkit"


@pytest.mark.parametrize("module", sorted(path.name for path in TOOLKIT.glob("*.py")))
def test_no_module_speaks_of_xero(module):
    text = (
        (TOOLKIT / module).read_text(encoding="utf-8").replace("bizosaas_xero", "").replace("bizosaas-xero[redis]", "")
    )
    assert not re.search("xero", text, re.IGNORECASE)
