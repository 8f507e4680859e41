"""An identity provider for tests: real keys, key sets as providers publish them, and tokens good and forged."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import get_default_algorithms

ISSUER = "https://id.acme.example/realms/acme"
AUDIENCE = "tallygate"
ANN = "ann@acme.example"
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
_SIGNERS = get_default_algorithms()


def b64(raw: bytes) -> str:
    """base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def private(alg: str = "RS256", number: int = 0, *, bits: int = 2048) -> Any:
    """A private key for this algorithm; the same one for the same arguments."""
    return _private(alg, number, bits)


@cache
def _private(alg: str, _number: int, bits: int) -> Any:
    if alg in _CURVES:
        return ec.generate_private_key(_CURVES[alg])
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    if alg == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    return rsa.generate_private_key(65537, bits)


def jwk(key: Any, kid: str | None = "k1", **members: Any) -> dict[str, Any]:
    """The public half of a key, as a key set lists it."""
    for alg in ("RS256", "ES256", "EdDSA"):
        try:
            found = dict(_SIGNERS[alg].to_jwk(key.public_key(), as_dict=True))
            break
        except Exception:  # noqa: BLE001, S112 - whichever kind it is, one of the three can write it
            continue
    else:
        raise AssertionError(key)
    found.pop("key_ops", None)
    return found | ({"kid": kid} if kid is not None else {}) | members


def key_set(*keys: dict[str, Any]) -> bytes:
    """The document that a provider publishes."""
    return json.dumps({"keys": keys}).encode()


def claims(now: float | None = None, **members: Any) -> dict[str, Any]:
    """What a token says; a member that is None is left out."""
    at = int(time.time() if now is None else now)
    said = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "u-17",
        "email": ANN,
        "department": "growth",
        "iat": at,
        "exp": at + 600,
    }
    return {name: value for name, value in (said | members).items() if value is not None}


def token(
    said: dict[str, Any] | bytes,
    key: Any = None,
    *,
    alg: str = "RS256",
    kid: str | None = "k1",
    signer: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> str:
    """A signed token; ``signer`` signs by another algorithm than the header says, ``more`` goes into the header."""
    head = {"alg": alg, "typ": "JWT"} | ({"kid": kid} if kid is not None else {}) | dict(more or {})
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    signed = f"{b64(json.dumps(head).encode())}.{b64(body)}"
    by = _SIGNERS[signer or alg]
    return f"{signed}.{b64(by.sign(signed.encode(), key if key is not None else private(alg)))}"
