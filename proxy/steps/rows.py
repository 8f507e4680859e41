"""From what is known of a call to the row it leaves, and to the charges of its meters. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from proxy.domain.call import Attribution, Call
from proxy.domain.errors import (
    BadRequest,
    CallError,
    ClientGone,
    ContentRefused,
    PassedOver,
    SlowBody,
    TooLarge,
    UpstreamFailed,
    UpstreamTimedOut,
)
from proxy.domain.meter import Charge, Draw, Unit
from proxy.domain.row import Outcome, Rank, Row
from proxy.domain.usage import Usage, UsageSource
from proxy.steps.visit import Plan, Visit

CLIENT_CLOSED = 499  # nginx's number for a caller who left; no answer carries it


def ending(
    error: BaseException | None, upstream_status: int, *, is_open: bool = False
) -> tuple[Outcome, int, str | None]:
    """How an attempt ended: outcome, the status the caller saw, and a stable code.

    ``is_open``: the upstream's status went out before the end, with the head of a stream; an error came inside it.
    """
    if error is None:
        failed = upstream_status >= 400  # noqa: PLR2004 - HTTP's own border
        return (Outcome.UPSTREAM_ERROR if failed else Outcome.OK), upstream_status, None
    if isinstance(error, PassedOver):
        return Outcome.UPSTREAM_ERROR, upstream_status, error.code
    if isinstance(error, UpstreamFailed | UpstreamTimedOut):
        return Outcome.UPSTREAM_ERROR, upstream_status if is_open else error.status, error.code
    # Of a body that was being passed on, or of an answer that was withheld.
    if isinstance(error, BadRequest | TooLarge | SlowBody | ContentRefused):
        return Outcome.DENIED, upstream_status if is_open else error.status, error.code
    if isinstance(error, CallError):
        return Outcome.PROXY_ERROR, upstream_status if is_open else error.status, error.code
    if isinstance(error, ClientGone) or not isinstance(error, Exception):  # CancelledError: the caller left
        return Outcome.CLIENT_ABORT, CLIENT_CLOSED, None
    return Outcome.PROXY_ERROR, upstream_status if is_open else 500, "proxy_error"


def charges(draws: Iterable[Draw], cost_nusd: int, usage: Usage) -> tuple[Charge, ...]:
    """The final amount for every meter that holds something for this attempt."""
    return tuple([Charge(d.key, d.kind, _amount(d.unit, cost_nusd, usage), d.interval_us, d.period_end) for d in draws])


def _amount(unit: Unit, cost_nusd: int, usage: Usage) -> int:
    if unit is Unit.NUSD:
        return cost_nusd
    return (usage.input or 0) + (usage.output or 0) if unit is Unit.TOKENS else 1


def open_row(plan: Plan, draws: Iterable[Draw]) -> Row:
    """The row of an attempt that is about to be made, as a sweeper would finish it if nobody else came back to do so."""
    call, who, what = plan.call, plan.call.principal, plan.call.attribution
    usage = Usage(input=plan.estimate.input_tokens, usage_source=UsageSource.ESTIMATED)
    cost_nusd = plan.amounts.input_nusd
    return Row(
        request_id=call.request_id,
        attempt=plan.number,
        at=call.at,
        rank=Rank.OPEN,
        client_request_id=call.client_request_id,
        org=who.org,
        principal=who.pseudonym,
        key_id=who.key_id,
        team=what.team,
        project=what.project,
        ref=what.ref,
        session=what.session,
        tags=what.tags,
        via=what.via,
        dialect=call.dialect,
        endpoint=call.endpoint,
        upstream=plan.upstream.name,
        model_requested=plan.ask.model,
        model=plan.model,
        routed=plan.decision.route.model if plan.decision.route else None,
        stream=plan.ask.stream,
        outcome=Outcome.PROXY_ERROR,
        usage=usage,
        cost_nusd=cost_nusd,
        held_nusd=max([d.amount for d in draws if d.unit is Unit.NUSD], default=0),
        charges=charges(draws, cost_nusd, usage),
        price_version=plan.price_version,
        decision=plan.decision.id,
        generation=call.generation,
        facts=plan.facts_json,
        cache=plan.cached.result,
        cache_reason=plan.cached.reason,
    )


def unattributed(visit: Visit) -> Call | None:
    """The call of somebody who was identified and whose request was not understood: it belongs to the key's own project.

    None for strangers: a flood of bad keys must not fill the journal.
    """
    who = visit.principal
    if who is None:
        return None
    return Call(
        request_id=visit.request_id,
        at=visit.at,
        principal=who,
        attribution=Attribution(team=who.team, project=who.project),
        dialect=visit.dialect.name,
        endpoint=visit.endpoint,
        generation=visit.generation.id,
    )


def refusal_row(visit: Visit, error: BaseException, duration_ms: float, why: tuple[str, ...] = ()) -> Row | None:
    """Attempt 0 of a call that never went upstream; None where nobody was identified. ``why``: in plain words."""
    call = visit.call
    if call is None:
        return None
    outcome, status, code = ending(error, 0)
    if isinstance(error, CallError) and not isinstance(error, UpstreamFailed | UpstreamTimedOut):
        outcome = Outcome.THROTTLED if error.kind == "throttled" else Outcome.DENIED
        if error.status >= 500:  # noqa: PLR2004
            outcome = Outcome.PROXY_ERROR
    row = _row_here(call, visit, outcome, status, code, duration_ms)
    note = error.policy if isinstance(error, CallError) else None
    return row if note is None else msgspec.structs.replace(row, refused=note, why=why)


def answered_row(call: Call, visit: Visit, status: int, duration_ms: float) -> Row:
    """Attempt 0 of a call that was answered here."""
    return _row_here(call, visit, Outcome.OK, status, None, duration_ms)


def reused_row(plan: Plan, visit: Visit, outcome: Outcome, status: int, code: str | None, duration_ms: float) -> Row:
    """Attempt 0 of a call that was answered with what another one was told: nothing was used, and nothing is spent."""
    row = _row_here(plan.call, visit, outcome, status, code, duration_ms)
    return msgspec.structs.replace(
        row,
        model=plan.model,
        routed=plan.decision.route.model if plan.decision.route else None,
        facts=plan.facts_json,
        price_version=plan.price_version,
        edits=plan.made.edits if plan.made else (),
        cache=plan.cached.result,
        cache_reason=plan.cached.reason,
    )


def _row_here(call: Call, visit: Visit, outcome: Outcome, status: int, code: str | None, duration_ms: float) -> Row:
    ask, who, what = visit.ask, call.principal, call.attribution
    return Row(
        request_id=call.request_id,
        attempt=0,
        at=call.at,
        client_request_id=call.client_request_id,
        org=who.org,
        principal=who.pseudonym,
        key_id=who.key_id,
        team=what.team,
        project=what.project,
        ref=what.ref,
        session=what.session,
        tags=what.tags,
        via=what.via,
        dialect=call.dialect,
        endpoint=call.endpoint,
        model_requested=ask.model if ask else "",
        stream=ask.stream if ask else False,
        status=status,
        outcome=outcome,
        error=code,
        decision=visit.decision.id if visit.decision else "",
        generation=call.generation,
        facts=visit.decided.canonical() if visit.decided else b"{}",
        cache=visit.cached.result,
        cache_reason=visit.cached.reason,
        duration_ms=duration_ms,
    )
