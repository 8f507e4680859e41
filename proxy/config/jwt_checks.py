"""Whether a token was issued by whom we trust, for us, and for now: RFC 7519, 4.1. Pure: the time is an argument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.config.directory import Jwt
from proxy.config.jwt_token import BadToken

LEEWAY_S = 60.0  # clocks of providers and proxies are that far apart at most
_LATEST = 1e11  # unix seconds; beyond it lie milliseconds and mistakes


class ExpiredToken(BadToken):
    """It was good until its time was over. The one reason that a caller may be told, once the signature is proven."""


def addressed(jwt: Jwt, claims: Mapping[str, Any]) -> None:
    """Check issuer and audience, character by character. Raises ``BadToken``."""
    if claims.get("iss") != jwt.issuer:
        raise BadToken("iss")
    said = claims.get("aud")
    audience = [said] if isinstance(said, str) else said
    if not isinstance(audience, list) or not any(isinstance(one, str) and one in jwt.audience for one in audience):
        raise BadToken("aud")


def expiry(claims: Mapping[str, Any], now: float) -> float:
    """Give the unix second at which the token ends; it is taken for ``LEEWAY_S`` longer.

    Raises ``BadToken`` when it has no end, is not good yet or comes from the future, ``ExpiredToken`` when it is over.
    """
    exp, nbf, iat = (_moment(claims, name) for name in ("exp", "nbf", "iat"))
    if exp is None:
        raise BadToken("exp")
    if (nbf is not None and now < nbf - LEEWAY_S) or (iat is not None and now < iat - LEEWAY_S):
        raise BadToken("not yet")
    if now >= exp + LEEWAY_S:
        raise ExpiredToken("exp")
    return exp


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate, or None where there is none."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        raise BadToken(name)
    return float(value)
