"""Signs tokens as Xero does (RS256), and publishes the key set that clients check them with.

The key is the same for every sandbox, stands here for all to read, and protects nothing: who can reach a sandbox
controls it anyway. A fixed key makes tokens repeatable and costs no time at the start.
"""

import base64
import hashlib
import json
from collections.abc import Mapping

KEY_ID = "SANDBOX1"
_EXPONENT = 65537
_PRIMES = (
    int(
        "e91d6a496af15901ed2adce7f09589b4dfedf0999cf6fd7bca313b4a08f3c1120e48fa78c0040bbf8e3bddbbd6d99af4db01"
        "1c7156400d44d7982a8d7497b6d4d724d8ca10371965e10c444b1b07d76a50149df0aafd82628c5b86c62927870bd2641b5a"
        "dc3f1ada951d4e1a8d82bfa1807c7e325f9ea961571b0f12ea3214fd",
        16,
    ),
    int(
        "ece6db9c2382eb6752fcf9f5cb7a95057a29a10757d53206dae2cefef96e1e9cd087e7124618a0b3833e82e245b1dc5ac1a8"
        "d5ebfa0bdc8a000224d3f0c75f845df5b0620a2338fc182658a567acee511987fc8326d8f7fffdf8999d1edce1197e2bf419"
        "830c690d6ef682d3f59d82339d87e856e76eb283a4ef82762e3eff9b",
        16,
    ),
)
_P, _Q = _PRIMES
_MODULUS = _P * _Q
_BYTES = 256
# the two halves of the private exponent, and what joins them (the Chinese remainder theorem)
_D_P, _D_Q, _Q_INVERSE = pow(_EXPONENT, -1, _P - 1), pow(_EXPONENT, -1, _Q - 1), pow(_Q, -1, _P)
# of the PKCS #1 padding: the name of SHA-256 before the digest
_SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


def sign_jwt(claims: Mapping[str, object]) -> str:
    """Return a signed JSON Web Token."""
    header = _base64(json.dumps({"alg": "RS256", "typ": "JWT", "kid": KEY_ID}).encode())
    signed = f"{header}.{_base64(json.dumps(claims).encode())}"
    digest = _SHA256_PREFIX + hashlib.sha256(signed.encode()).digest()
    padded = b"\x00\x01" + b"\xff" * (_BYTES - len(digest) - 3) + b"\x00" + digest
    return f"{signed}.{_base64(_power(int.from_bytes(padded)).to_bytes(_BYTES))}"


def key_set() -> dict[str, object]:
    """Return the JSON Web Key Set."""
    key = {
        "kty": "RSA", "use": "sig", "kid": KEY_ID, "alg": "RS256",
        "n": _base64(_MODULUS.to_bytes(_BYTES)), "e": _base64(_EXPONENT.to_bytes(3)),
    }  # fmt: skip
    return {"keys": [key]}


def _power(number: int) -> int:
    """Return the number to the power of the private exponent."""
    p, q = pow(number % _P, _D_P, _P), pow(number % _Q, _D_Q, _Q)
    return q + _Q * ((p - q) * _Q_INVERSE % _P)


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
