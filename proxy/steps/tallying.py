"""What rules said of a call, for the metric of decisions: which rule, in which mode, to which effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from proxy.domain.decision import Decision
from proxy.domain.trace import Said
from proxy.policy.levels import Reading
from proxy.ports import Gauge

# Rules that want nothing of a call are not counted, and meters once they have been asked.
_ACTIONS: Final[Mapping[Said, str]] = {
    Said.DENY: "deny",
    Said.CLAMP: "match",
    Said.ROUTE: "match",
    Said.INSPECT: "match",
    Said.CACHE: "match",
    Said.WASTE: "match",
    Said.FAILED: "failed",
}


def tell_notes(gauge: Gauge, decision: Decision) -> None:
    """Count the rules that act by themselves: deny (warn where that is all it does), match, or failed."""
    for note in decision.trace:
        if (action := _ACTIONS.get(note.said)) is not None:
            gauge.decided(note.rule, note.mode, "warn" if action == "deny" and note.mode == "warn" else action)


def tell_meters(gauge: Gauge, seen: Iterable[Reading]) -> None:
    """Count the rules whose meters were asked: allow, deny, or warn where the call passes all the same.

    A rule in audit is counted as if it were in force: what it would do is what it is watched for.
    """
    for one in seen:
        wish = one.wish
        past = "deny" if wish.enforce or wish.mode == "audit" else "warn"
        gauge.decided(wish.rule, wish.mode, past if one.level.over else "allow")
