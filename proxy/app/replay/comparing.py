"""What differs between what two generations made of a call, and between a replay and what happened."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from proxy.app.replay.outcome import Outcome
from proxy.app.replay.recorded import Recorded


class Kind(StrEnum):
    """A change, in the order in which people want to know."""

    REFUSED = "newly_refused"
    ADMITTED = "newly_admitted"
    REROUTED = "rerouted"
    BACK = "rerouted_back"  # it went elsewhere, and now goes where it was asked to
    WARNED = "newly_warned"
    CLAMPED = "newly_clamped"  # its output ceiling is lowered, or lower than it was
    OTHERWISE = "refused_by_another_rule"


class Change(msgspec.Struct, frozen=True):
    """One change of one call, and the rule that makes it: of the new generation, or of the old one where it lets go."""

    kind: Kind
    rule: str
    delta_nusd: int = 0  # what the call costs more in the new generation
    model: str = ""  # where it goes now


def changes(old: Outcome, new: Outcome) -> Iterator[Change]:
    """What changes for a call, a kind once but for warnings, which are one for each rule."""
    delta = new.cost_nusd - old.cost_nusd
    if new.refused_by or old.refused_by:
        if new.refused_by and old.refused_by:
            if new.refused_by != old.refused_by:
                yield Change(Kind.OTHERWISE, new.refused_by)
        elif new.refused_by:
            yield Change(Kind.REFUSED, new.refused_by, delta)
        else:
            yield Change(Kind.ADMITTED, old.refused_by, delta, new.model)
        return
    if new.model != old.model:
        is_back = not new.model
        yield Change(
            Kind.BACK if is_back else Kind.REROUTED, old.routed_by if is_back else new.routed_by, delta, new.model
        )
    for rule in new.warned_by:
        if rule not in old.warned_by:
            yield Change(Kind.WARNED, rule)
    if new.clamp is not None and (old.clamp is None or new.clamp < old.clamp):
        yield Change(Kind.CLAMPED, new.clamped_by, delta)


class Doubt(StrEnum):
    """Why a replayed decision may differ from what happened."""

    ELSEWHEN = "decided by another generation"
    AWAY = "decided while the store was away"
    COUNTER = "a counter that had counted before the window"
    NOT_ALIKE = "for another reason"


def doubt(call: Recorded, replayed: Outcome, generation: str) -> Doubt | None:
    """Why a replay under the policies in force does not give what happened; None where it does.

    ``generation``: the newest of the recorded ones.
    """
    if call.answered == (not replayed.refused_by) and (not call.answered or call.routed == replayed.model):
        return None
    if call.generation != generation:
        return Doubt.ELSEWHEN
    if call.local:
        return Doubt.AWAY
    return Doubt.NOT_ALIKE if replayed.refused_by else Doubt.COUNTER
