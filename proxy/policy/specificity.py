"""How narrowly a rule speaks. Of single-valued verbs (``cache``, ``route``) the most specific rule that applies wins.

An exemption comes before all of them: it takes rules away. Models do not count: they say what a rule is about, not whom.
"""

from __future__ import annotations

from collections.abc import Iterable

from proxy.policy.rule import Selector

SINGLE_VALUED = ("cache", "route")
_RANKS = (("keys", 6), ("projects", 5), ("users", 4), ("teams", 3), ("groups", 2))
EVERYONE = 1


def specificity(match: Iterable[Selector]) -> int:
    """Rank of the narrowest part: key 6, project 5, user 4, team 3, group 2, everyone 1."""
    return max((rank for part in match for name, rank in _RANKS if getattr(part, name)), default=EVERYONE)
