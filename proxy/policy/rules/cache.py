"""The verb ``cache``: whether a repeat may be answered here. Of several rules the most specific one stands."""

from __future__ import annotations

from proxy.domain.decision import Reuse
from proxy.domain.trace import Said
from proxy.policy.saying import Bound, Effects, Saying
from proxy.policy.terms import Cache


def bind(bound: Bound, terms: Cache) -> Saying:
    """Give the terms."""
    return bound.says(Said.CACHE, told(terms), Effects(reuse=reuse(bound.rule.id, terms)))


def reuse(rule: str, terms: Cache) -> Reuse:
    """The terms, and whose they are."""
    return Reuse(
        rule=rule,
        mode=terms.mode,
        shadow=terms.shadow,
        share=terms.share,
        ttl_s=terms.ttl_s,
        max_temperature=terms.max_temperature,
        time_sensitive=terms.time_sensitive,
        verify_millionths=terms.verify_millionths,
        volatile=terms.volatile,
    )


def told(terms: Cache) -> str:
    """The terms in words: ``near within the team``."""
    if terms.mode == "off":
        return "off"
    return f"{terms.mode} within the {terms.share}" + (", counted only" if terms.shadow else "")
