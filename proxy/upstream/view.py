"""How the upstreams do, as people read it: one worker's view of each, and the view of all workers together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import msgspec

from proxy.upstream.breaker import State
from proxy.upstream.desk import Desk

_WORST_LAST = (State.CLOSED, State.HALF_OPEN, State.OPEN)


class UpstreamView(msgspec.Struct, frozen=True):
    """One upstream now. Counts are since the start of its workers."""

    name: str
    dialect: str
    models: tuple[str, ...]
    aliases: dict[str, str]
    weight: int | None
    state: State
    throttled: bool  # open only because it is asked too often: asked all the same where nobody else serves
    retry_in_s: float  # until it is asked again; 0 when it is
    in_flight: int
    parallel: int
    queued: int
    queue_max: int
    failures_in_a_row: int
    failures: int
    asked: int
    last_failure: str | None
    last_failure_age_s: float | None
    first_byte_ms: tuple[int, ...]  # of the last calls


class WorkerView(msgspec.Struct, frozen=True):
    """What one worker says: the upstreams that are on, in the order of the file, and (name, why) of those that are not."""

    upstreams: tuple[UpstreamView, ...]
    off: tuple[tuple[str, str], ...] = ()


def view_of(desk: Desk, now: float) -> UpstreamView:
    """One worker's view; ``now`` is monotonic."""
    upstream, breaker, last = desk.upstream, desk.breaker, desk.last_failure
    return UpstreamView(
        name=upstream.name,
        dialect=upstream.dialect,
        models=upstream.models,
        aliases=dict(upstream.aliases),
        weight=upstream.weight,
        state=breaker.state(now),
        throttled=breaker.is_throttled,
        retry_in_s=round(breaker.rest_s(now), 1),
        in_flight=desk.busy,
        parallel=desk.parallel,
        queued=desk.queued,
        queue_max=desk.waiting,
        failures_in_a_row=breaker.failures,
        failures=desk.failed,
        asked=desk.asked,
        last_failure=last.told if last else None,
        last_failure_age_s=round(now - desk.last_failure_at, 1) if last else None,
        first_byte_ms=tuple(round(seconds * 1000) for seconds in desk.first_bytes_s),
    )


def merged(views: Sequence[WorkerView]) -> WorkerView:
    """What all workers say together: sums, the worst state, the latest failure."""
    by_name: dict[str, list[UpstreamView]] = {}
    for worker in views:
        for one in worker.upstreams:
            by_name.setdefault(one.name, []).append(one)
    off = {name: why for worker in views for name, why in worker.off}
    return WorkerView(tuple(_one(found) for found in by_name.values()), tuple(off.items()))


def first_byte_p50_ms(view: UpstreamView) -> int | None:
    """The median of the last calls, None before the first."""
    return round(median(view.first_byte_ms)) if view.first_byte_ms else None


def _one(views: Sequence[UpstreamView]) -> UpstreamView:
    worst = max(views, key=lambda view: (_WORST_LAST.index(view.state), view.failures_in_a_row))
    failed = [view for view in views if view.last_failure_age_s is not None]
    latest = min(failed, key=lambda view: view.last_failure_age_s or 0.0, default=worst)
    return msgspec.structs.replace(
        worst,
        in_flight=sum(view.in_flight for view in views),
        parallel=sum(view.parallel for view in views),
        queued=sum(view.queued for view in views),
        queue_max=sum(view.queue_max for view in views),
        failures=sum(view.failures for view in views),
        asked=sum(view.asked for view in views),
        last_failure=latest.last_failure,
        last_failure_age_s=latest.last_failure_age_s,
        first_byte_ms=tuple(ms for view in views for ms in view.first_byte_ms),
    )
