"""Leave to ask an upstream: its breaker, its bound on parallel calls, and the bounded queue before it.

Satisfies ``ports.Permits`` for one worker; nothing is shared between workers, which divide every bound among them.
Failure: a call that can have no leave gets ``Busy``, at once when all are left alone or their queues are full.

A throttled upstream (429) is passed by while somebody else may serve, and asked all the same by whoever has nobody else:
its own refusal, with its own Retry-After, tells a caller more than any word of ours, and costs nobody anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from proxy.domain.errors import Busy
from proxy.domain.upstream import Upstream
from proxy.domain.verdict import Reason, Verdict
from proxy.upstream.desk import Desk, Share

Now = Callable[[], float]
OnFailure = Callable[[Upstream, Reason], None]


class UpstreamPermit:
    """Satisfies ``ports.Permit``; its place is taken already."""

    __slots__ = ("_began", "_breaker", "_desk", "_passed", "_permits", "upstream")

    def __init__(self, permits: UpstreamPermits, desk: Desk, upstream: Upstream, now: float) -> None:
        """``upstream`` is as the call's own generation has it, which may be older than the desk's."""
        self.upstream = upstream
        self._permits = permits
        self._desk: Desk | None = desk
        self._began = now
        self._breaker = desk.breaker  # which a new configuration may replace meanwhile
        self._passed = self._breaker.began(now)
        desk.asked += 1

    def answered(self, verdict: Verdict) -> None:
        """The head of the answer is here."""
        desk = self._desk
        if desk is not None:
            desk.first_bytes_s.append(self._permits.now() - self._began)
            self._breaker.answered(self._passed, verdict)

    def ended(self, verdict: Verdict) -> None:
        """Give the place back and tell the breaker; the first telling counts."""
        desk, self._desk = self._desk, None
        if desk is None:
            return
        now = self._permits.now()
        self._breaker.ended(now, self._passed, verdict)
        if verdict.good is False:
            self._permits.failed(desk, verdict, now)
        desk.leave()


class UpstreamPermits:
    """The desks of all upstreams of one worker."""

    def __init__(self, now: Now, share: Share | None = None, on_failure: OnFailure | None = None) -> None:
        """``now`` is monotonic seconds; ``on_failure`` counts."""
        self.now = now
        self._share = share or Share()
        self._on_failure = on_failure
        self._desks: dict[str, Desk] = {}

    def take(self, upstreams: Sequence[Upstream]) -> UpstreamPermit | None:
        """Leave to ask the first of these that takes a call at once; None where all are full or left alone."""
        upstream = self.free(upstreams)
        return None if upstream is None else self._permit(self._desk(upstream), upstream, self.now())

    def free(self, upstreams: Sequence[Upstream]) -> Upstream | None:
        """Whom ``take`` would give leave for now; nothing is taken."""
        now = self.now()
        for upstream in upstreams:
            desk = self._desk(upstream)
            if desk.has_room() and desk.breaker.lets(now):
                return upstream
        return None

    async def wait(self, upstreams: Sequence[Upstream]) -> UpstreamPermit:
        """Leave to ask one of these, after a wait in its queue, or although it is throttled. Raises ``Busy``."""
        now = self.now()
        desks = [(self._desk(upstream), upstream) for upstream in upstreams]
        open_to_us = [one for one in desks if one[0].breaker.lets(now)]
        throttled = [one for one in desks if not one[0].breaker.lets(now) and one[0].breaker.is_throttled]
        for desk, upstream in (*open_to_us, *throttled):
            if desk.has_room():
                return self._permit(desk, upstream, now)
            if desk.has_line():
                return await self._stand_in(desk, upstream)
        if open_to_us or throttled:
            raise _full(upstreams)
        raise _left_alone(upstreams, min(desk.breaker.rest_s(now) for desk, _ in desks))

    def may_ask(self, upstreams: Sequence[Upstream]) -> bool:
        """Whether the breaker of any of these would let a call through now."""
        now = self.now()
        return any(self._desk(upstream).breaker.lets(now) for upstream in upstreams)

    def failed(self, desk: Desk, verdict: Verdict, now: float) -> None:
        """Note a failure, for people; tell those in line when it opened the breaker."""
        desk.failed += 1
        desk.last_failure, desk.last_failure_at = verdict, now
        if self._on_failure is not None and verdict.reason is not None:
            self._on_failure(desk.upstream, verdict.reason)
        if not desk.breaker.lets(now) and not desk.breaker.is_throttled:
            desk.dismiss()

    def desks(self) -> Iterable[Desk]:
        """Every upstream that is configured or was asked."""
        return self._desks.values()

    def retain(self, upstreams: Iterable[Upstream]) -> None:
        """At start and after a reload: these are configured now. What is known of those that stay is kept."""
        desks: dict[str, Desk] = {}
        for upstream in upstreams:
            desk = self._desks.pop(upstream.name, None)
            if desk is None:
                desk = Desk(upstream, self._share)
            elif desk.upstream != upstream:
                desk.configure(upstream)
            desks[upstream.name] = desk
        for gone in self._desks.values():
            gone.dismiss()
        self._desks = desks

    def _desk(self, upstream: Upstream) -> Desk:
        desk = self._desks.get(upstream.name)
        if desk is None:  # configured no longer, but a call of an older generation goes on
            desk = self._desks[upstream.name] = Desk(upstream, self._share)
        return desk

    def _permit(self, desk: Desk, upstream: Upstream, now: float) -> UpstreamPermit:
        desk.busy += 1
        return UpstreamPermit(self, desk, upstream, now)

    async def _stand_in(self, desk: Desk, upstream: Upstream) -> UpstreamPermit:
        """Wait in line. What happened to the upstream meanwhile counts."""
        try:
            is_served = await desk.in_line()
        except TimeoutError:
            raise _full([upstream]) from None
        now, breaker = self.now(), desk.breaker
        if is_served and (breaker.lets(now) or breaker.is_throttled):
            return UpstreamPermit(self, desk, upstream, now)
        if is_served:
            desk.leave()
        raise _left_alone([upstream], breaker.rest_s(now))


def _full(upstreams: Sequence[Upstream]) -> Busy:
    return Busy(
        f"As many calls as may be are under way to {_names(upstreams)}, and nobody else serves this one; try again shortly.",
        retry_after_s=1.0,
    )


def _left_alone(upstreams: Sequence[Upstream], rest_s: float) -> Busy:
    return Busy(
        f"After failures in a row no call is sent for a moment to {_names(upstreams)}, and nobody else serves this one.",
        retry_after_s=max(1.0, rest_s),
    )


def _names(upstreams: Sequence[Upstream]) -> str:
    return "upstream " + " or ".join(upstream.name for upstream in upstreams)
