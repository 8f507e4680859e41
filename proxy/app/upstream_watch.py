"""How a worker's upstreams do, told to those who ask: metrics once a second, probes, and ``tallygate upstreams``."""

from __future__ import annotations

import msgspec

from proxy.domain.upstream import Upstream
from proxy.domain.verdict import Reason
from proxy.telemetry import metrics
from proxy.telemetry.accumulator import Accumulator
from proxy.upstream.breaker import State
from proxy.upstream.desk import Desk
from proxy.upstream.permits import UpstreamPermits
from proxy.upstream.view import WorkerView, view_of

_STATES = {State.CLOSED: 0.0, State.HALF_OPEN: 1.0, State.OPEN: 2.0}
_GAUGES = (metrics.UPSTREAM_UP, metrics.UPSTREAM_BREAKER, metrics.UPSTREAM_INFLIGHT, metrics.UPSTREAM_QUEUE)


class UpstreamWatch:
    """Of one worker."""

    def __init__(self, accumulator: Accumulator) -> None:
        """``watch`` says whom."""
        self._accumulator = accumulator
        self._shown: frozenset[str] = frozenset()

    def failed(self, upstream: Upstream, reason: Reason) -> None:
        """Count a failure."""
        self._accumulator.cell(metrics.UPSTREAM_FAILURES, upstream.name, reason.value).value += 1

    def refresh(self, permits: UpstreamPermits) -> tuple[str, ...]:
        """Bring the gauges up to date; gives what probes are told, a phrase for each upstream that is left alone."""
        desks, now, cell = list(permits.desks()), permits.now(), self._accumulator.cell
        for desk in desks:
            name, state = desk.upstream.name, desk.breaker.state(now)
            cell(metrics.UPSTREAM_UP, name).set(1.0 if state is State.CLOSED else 0.0)
            cell(metrics.UPSTREAM_BREAKER, name).set(_STATES[state])
            cell(metrics.UPSTREAM_INFLIGHT, name).set(desk.busy)
            cell(metrics.UPSTREAM_QUEUE, name).set(desk.queued)
        self._forget_gone(frozenset(desk.upstream.name for desk in desks))
        return tuple(_phrase(desk) for desk in desks if desk.breaker.state(now) is not State.CLOSED)

    def told(self, permits: UpstreamPermits, off: tuple[tuple[str, str], ...]) -> str:
        """All of it as JSON, for the supervisor."""
        now = permits.now()
        view = WorkerView(tuple(view_of(desk, now) for desk in permits.desks()), off)
        return msgspec.json.encode(view).decode()

    def _forget_gone(self, names: frozenset[str]) -> None:
        for gone in self._shown - names:
            for gauge in _GAUGES:
                self._accumulator.forget(gauge, gone)
        self._shown = names


def _phrase(desk: Desk) -> str:
    """Constant while nothing changes: no seconds, no counts that grow."""
    told = f" ({desk.last_failure.told})" if desk.last_failure else ""
    if desk.breaker.is_throttled:
        return f"upstream {desk.upstream.name} is asked only where nobody else serves{told}"
    return f"upstream {desk.upstream.name} is left alone after {desk.breaker.rule.failures} failures in a row{told}"
