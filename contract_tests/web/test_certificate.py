"""`web --certificate`: files that cannot encrypt are refused by name, before anything is served."""

import pytest

from contract_tests.helpers.xero_hosts import make_certificate


@pytest.fixture
def refused(stranger):
    def run(certificate, key):
        told = stranger.json("web", "--certificate", str(certificate), "--certificate-key", str(key), code=3)
        return told["error"]["problems"][0]["field"]

    return run


def test_a_file_that_is_no_certificate_is_refused_by_name(refused, tmp_path):
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("not a certificate")
    assert refused(wrong, wrong) == "--certificate"


def test_a_certificate_without_its_key_is_refused_by_name(refused, tmp_path):
    public, _chain = make_certificate(tmp_path)
    assert refused(public, public) == "--certificate"
