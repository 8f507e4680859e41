"""The request on its way: sent once, and where its answers are drained or shared, not ended by a caller who leaves."""

from __future__ import annotations

import asyncio

from proxy.ports import Answer, Body
from proxy.steps.visit import Plan
from proxy.steps.world import World


class Asking:
    """Of one attempt."""

    def __init__(self, world: World, plan: Plan, *, for_others: bool = False) -> None:
        """Nothing is sent yet. ``for_others``: somebody else may wait for the answer."""
        self._may_outlive = for_others or plan.upstream.on_disconnect == "drain"
        self._world = world
        self._plan = plan
        self._sending: asyncio.Future[Answer] | None = None  # where it outlives a caller who leaves
        self.at = 0.0  # monotonic: the request was given to the wire
        self.is_sent = False  # the whole request is on a connection: from here on a provider may bill

    @property
    def outlives(self) -> bool:
        """Whether it goes on after its caller has left."""
        return self._sending is not None

    async def send(self, target: str, headers: list[tuple[bytes, bytes]], body: bytes | Body) -> Answer:
        """Ask; the answer has begun. Raises what ``ports.Wire`` does."""
        upstream, method = self._plan.upstream, self._plan.ask.endpoint.method
        self.at = self._world.clock.monotonic()
        sending = self._world.wire.send(upstream, method, target, headers, body, self._on_sent)
        if not self._may_outlive:
            return await sending
        self._sending = asyncio.ensure_future(sending)
        self._sending.add_done_callback(_heard)
        return await asyncio.shield(self._sending)

    async def answer(self) -> Answer | None:
        """The answer that a caller who left did not wait for; None where nobody does."""
        return None if self._sending is None else await self._sending

    def let_go(self) -> None:
        """End it: nobody waits any more. Its answer may have come in the very turn in which the caller left."""
        sending = self._sending
        if sending is None:
            return
        if sending.done() and not sending.cancelled() and sending.exception() is None:
            sending.result().close()
        else:
            sending.cancel()

    def _on_sent(self, is_sent: bool) -> None:  # noqa: FBT001 - as ``ports.OnSent`` has it
        self.is_sent = is_sent


def _heard(sending: asyncio.Future[Answer]) -> None:
    """Take note of how an asking ended that nobody may wait for any more."""
    if not sending.cancelled():
        sending.exception()
