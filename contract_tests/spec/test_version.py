"""The contract grows within its major version."""

from __future__ import annotations

import pytest

from bizosaas_xero.spec import SPEC_VERSION, is_supported


@pytest.mark.parametrize("version", [SPEC_VERSION, "1", "1.0", "1.1", "1.27"])
def test_every_version_with_the_same_major_number_can_be_used(version):
    assert is_supported(version)


@pytest.mark.parametrize("version", ["2", "2.0", "0.9", "10", "11.1", ""])
def test_another_major_number_is_refused(version):
    assert not is_supported(version)
