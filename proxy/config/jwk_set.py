"""The public keys of an identity provider: a JSON Web Key Set (RFC 7517) as keys that can check a signature.

A key says by its kind which algorithms it is for; a token only chooses among those, so that no public key can be taken
for a shared secret, and no RSA key for one of an elliptic curve.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import jiter
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from jwt.algorithms import Algorithm, get_default_algorithms
from jwt.exceptions import InvalidKeyError

from proxy.config.jwt_token import ALGORITHMS, LONGEST_KID, Token, decoded

MAX_BYTES = 512 << 10
MAX_KEYS = 256
_SAME_NAME = 4  # keys of one name that are tried: RFC 7517, 4.5 allows several of different kinds
_RSA_BITS = (2048, 8192)  # shorter ones can be broken, longer ones cost milliseconds for each forged token
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_EDDSA = frozenset({"EdDSA"})
# (kty, crv) to the algorithms of such a key; RFC 7518, 3.1 ties each ES algorithm to its curve
_ALGORITHMS_OF = MappingProxyType(
    {
        ("RSA", None): _RSA,
        ("EC", "P-256"): frozenset({"ES256"}),
        ("EC", "P-384"): frozenset({"ES384"}),
        ("EC", "P-521"): frozenset({"ES512"}),
        ("OKP", "Ed25519"): _EDDSA,
        ("OKP", "Ed448"): _EDDSA,
    }
)
_VERIFIERS: MappingProxyType[str, Algorithm] = MappingProxyType(
    {name: verifier for name, verifier in get_default_algorithms().items() if name in ALGORITHMS}
)


class Key(msgspec.Struct, frozen=True):
    """A public key, and the algorithms whose signatures it may check."""

    kid: str | None
    algorithms: frozenset[str]
    public: Any  # of cryptography, as PyJWT makes it


class KeySet:
    """The usable keys of a document. Nothing in it changes."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        self.keys = keys

    def knows(self, token: Token) -> bool:
        """Tell whether the key that the token names is here. One that names none may always be of a newer set."""
        return token.kid is not None and any(key.kid == token.kid for key in self.keys)

    def signed(self, token: Token) -> bool:
        """Tell whether a key of this set, fit for the token's algorithm, signed it."""
        fit = [key for key in self.keys if token.alg in key.algorithms and key.kid == token.kid]
        if token.kid is None:  # OpenID Connect, 10.1: a set of several keys wants a name
            fit = [key for key in self.keys if token.alg in key.algorithms]
            fit = fit if len(fit) == 1 else []
        verify = _VERIFIERS[token.alg].verify
        return any(verify(token.signed, key.public, token.signature) for key in fit[:_SAME_NAME])


def parse(document: bytes) -> KeySet:
    """Read a key set. Keys of kinds or for uses that do not concern us are passed over, as RFC 7517, 5 wants.

    Raises ``ValueError`` with a sentence for what is no key set, has no key left, or shows a private key.
    """
    if len(document) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES >> 10} KiB")
    try:
        found = jiter.from_json(document, catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError:
        raise ValueError("is not JSON") from None
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list):
        raise ValueError("is not a key set: it has no list `keys`")  # noqa: TRY004 - what a document holds is a value
    if len(listed) > MAX_KEYS:
        raise ValueError(f"holds more than {MAX_KEYS} keys")
    keys = tuple(_usable(listed))
    if not keys:
        raise ValueError("holds no public key for signatures: RSA of 2048 bits or more, P-256, P-384, P-521, Ed25519")
    return KeySet(keys)


def _usable(listed: list[Any]) -> Iterator[Key]:
    for position, jwk in enumerate(listed):
        if not isinstance(jwk, dict) or jwk.get("kty") == "oct":
            continue
        if not _PRIVATE.isdisjoint(jwk):
            raise ValueError(f"shows the private half of keys.{position}: whoever reads it can sign; make a new key")
        key = _key(jwk)
        if key is not None:
            yield key


def _key(jwk: dict[str, Any]) -> Key | None:
    """The key, or None where it is not for signatures that we accept."""
    kid, use, operations, alg = (jwk.get(name) for name in ("kid", "use", "key_ops", "alg"))
    kind = (jwk.get("kty"), None if jwk.get("kty") == "RSA" else jwk.get("crv"))
    if not all(part is None or isinstance(part, str) for part in (*kind, kid, use, alg)):
        return None
    fit = _ALGORITHMS_OF.get(kind, frozenset())  # type: ignore[arg-type]  # told to be text or None one line above
    fit = fit if alg is None else fit & {alg}
    for_signatures = use in {None, "sig"} and (
        operations is None or (isinstance(operations, list) and "verify" in operations)
    )
    if not fit or not for_signatures or (kid is not None and len(kid) > LONGEST_KID):
        return None
    try:
        if kind[0] == "RSA" and not _RSA_BITS[0] <= int.from_bytes(decoded(jwk["n"])).bit_length() <= _RSA_BITS[1]:
            return None
        public = _VERIFIERS[min(fit)].from_jwk(
            {name: jwk[name] for name in jwk.keys() & {"kty", "crv", "n", "e", "x", "y"}}
        )
    except (InvalidKeyError, UnsupportedAlgorithm, ValueError, TypeError, KeyError):
        return None
    return Key(kid, fit, public)
