"""Tokens are signed as at Xero, and the key set that checks them is published."""

import httpx
import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet

WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.fixture
def keys(client):
    return KeySet.import_key_set(client.http.get(f"{WELL_KNOWN}/jwks").json())


@pytest.mark.scopes("openid profile accounting.contacts")
def test_tokens_are_checked_with_the_published_key(client, keys):
    access = jwt.decode(client.token["access_token"], keys, algorithms=["RS256"]).claims
    identity = jwt.decode(client.token["id_token"], keys, algorithms=["RS256"]).claims
    assert access["iss"] == identity["iss"] == client.http.get(WELL_KNOWN).json()["issuer"]
    assert identity["aud"] == client.app["client_id"]
    head, payload, signature = client.token["id_token"].split(".")
    forged = f"{head}.{payload[:-4]}AAAA.{signature}"
    with pytest.raises(BadSignatureError):
        jwt.decode(forged, keys, algorithms=["RS256"])


def test_the_discovery_document_names_addresses_that_answer(client, sandbox_server):
    found = client.http.get(WELL_KNOWN).json()
    assert client.http.get(found["jwks_uri"]).json()["keys"]
    assert client.http.get(found["authorization_endpoint"]).status_code == 400
    for name in ("token_endpoint", "revocation_endpoint"):
        assert client.http.post(found[name]).json() == {"error": "unauthorized_client"}
    assert found["token_endpoint"] == f"{sandbox_server.url}/connect/token"


def test_behind_xeros_name_the_addresses_are_xeros(sandbox_server):
    found = httpx.get(f"{sandbox_server.url}{WELL_KNOWN}", headers={"Host": "identity.xero.com"}).json()
    assert found["token_endpoint"] == "https://identity.xero.com/connect/token"
    assert found["authorization_endpoint"] == "https://login.xero.com/identity/connect/authorize"
