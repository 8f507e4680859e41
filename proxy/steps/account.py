"""What a caller is told of a decision afterwards, from the row that it left: which rules, their words, and whom to ask.

A refusal's row says it as it was then. Of other calls the row keeps what ``decide`` saw, so that while their generation
is in force they are decided again; what the counters showed then is not known any more, and that is said.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from proxy.domain.decision import Decision
from proxy.domain.errors import PolicyNote
from proxy.domain.row import REDACTED, VERIFY, Outcome, Row
from proxy.policy.decide import decide
from proxy.policy.explain import explain
from proxy.policy.facts import Facts
from proxy.steps.cache_status import MISS, OFF_WORD
from proxy.steps.generation import Generation

THEN = "As it was decided."
AGAIN = "Decided again from what was known of the call, by the rules still in force; what counters showed is not known any more."
SHORT = "As it was decided, in short."
OLD = "The rules of that time are no longer in force."
NEVER = "No rule was asked: the call ended before."


class DecisionView(msgspec.Struct, frozen=True):
    """The answer of ``/v1/policy/decisions/{id}``. ``note`` says how sure ``why`` is."""

    decision: str
    request_id: str
    at: str
    generation: str
    outcome: Outcome
    status: int
    error: str | None
    endpoint: str
    team: str
    project: str | None
    model_requested: str
    model: str | None
    refused_by: tuple[str, ...]  # rules; the first one was told
    limit: str | None
    used: str | None
    resets_at: str | None
    owner: str | None
    why: tuple[str, ...]  # plain words, a line each
    note: str


def asks_rules(row: Row) -> bool:
    """Whether ``account`` decides again; else the row says all that it tells."""
    return bool(row.decision) and not row.why


def account(row: Row, generation: Generation | None, user: str) -> DecisionView:
    """Tell of the decision in ``row``. ``user``: the name behind the pseudonym.

    ``generation``: the one in force; without it, only what the row knows is told.
    """
    note = row.refused or PolicyNote("", row.decision)
    again = _again(row, generation, user) if generation is not None and asks_rules(row) else None
    if again is not None and bool(row.refused) != bool(again.denials):
        again = None  # a counter or the content refused it, which nobody can ask again; what happened is never disputed
    told = [note.rule, *([denial.rule for denial in again.denials] if again else [])] if row.refused else []
    at = datetime.fromtimestamp(row.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return DecisionView(
        decision=row.decision,
        request_id=row.request_id,
        at=at,
        generation=row.generation,
        outcome=row.outcome,
        status=row.status,
        error=row.error,
        endpoint=row.endpoint,
        team=row.team,
        project=row.project,
        model_requested=row.model_requested,
        model=row.model,
        refused_by=tuple(dict.fromkeys(told)),
        limit=note.limit,
        used=note.used,
        resets_at=note.resets_at,
        owner=note.owner,
        why=(*(row.why or (explain(again) if again else _in_short(row))), *_masked(row), *_cached(row)),
        note=THEN if row.why else AGAIN if again else SHORT if row.refused else OLD if row.decision else NEVER,
    )


def _in_short(row: Row) -> tuple[str, ...]:
    """What the row names of a decision that it does not explain."""
    if (note := row.refused) is None:
        return (f"routed   to {row.routed} instead of {row.model_requested}",) if row.routed else ()
    told = [
        f"refused {row.status}  {note.rule}  generation {row.generation}, decision {row.decision}",
        f"  why    {note.used} of {note.limit}" if note.used and note.limit else "",
        f"  resets {note.resets_at}" if note.resets_at else "",
        f"  ask    {note.owner}" if note.owner else "",
    ]
    return tuple(filter(None, told))


def _masked(row: Row) -> tuple[str, ...]:
    """That a rule masked, without what: findings are written down nowhere."""
    return ("masked   the prompt was redacted before it was sent",) if REDACTED in row.edits else ()


def _cached(row: Row) -> tuple[str, ...]:
    """What became of it at the cache, where that says more than that it was asked."""
    if row.cache in (OFF_WORD, VERIFY) or (row.cache == MISS and not row.cache_reason):
        return ()
    return (f"cache    {row.cache}" + (f" ({row.cache_reason})" if row.cache_reason else ""),)


def _again(row: Row, generation: Generation, user: str) -> Decision | None:
    if row.generation != generation.id:
        return None
    try:
        facts = Facts.of_row(row.facts, org=row.org, key=row.key_id, person=row.principal, user=user)
    except msgspec.ValidationError:  # of an earlier release
        return None
    return decide(facts, generation.policy, row.decision)
