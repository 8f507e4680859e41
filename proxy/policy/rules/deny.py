"""The verb ``deny``: no, and why. Usually with ``when:``; where that breaks while it runs, the answer is no."""

from __future__ import annotations

from proxy.domain.decision import Kind
from proxy.policy.saying import Bound, Saying
from proxy.policy.terms import Deny


def bind(bound: Bound, terms: Deny) -> Saying:
    """Refuse."""
    return bound.denies(Kind.FORBIDDEN, terms.reason)
