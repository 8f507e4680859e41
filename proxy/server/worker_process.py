"""The life of a worker: build its work, say that it is ready, serve, and end without cutting calls.

A worker obeys its supervisor through the ``link``. SIGTERM and SIGINT mean "drain" and may come any number of times: a
service manager signals every process of the group, and that must not sound like impatience. Only the supervisor says
``now``. When the line breaks the supervisor is dead, and a worker ends rather than hold a port that nobody answers for.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import uvloop

from proxy.config.settings import Drain
from proxy.server.health import Readiness
from proxy.server.link import DEGRADED, DRAIN, NOW, READY, RELOAD, UPSTREAMS, Link
from proxy.server.listener import Listener

_log = logging.getLogger(__name__)


class Work(Protocol):
    """What a worker runs."""

    listener: Listener

    def reload(self, in_force: bytes) -> None:
        """Take what the supervisor says is in force; must not raise."""
        ...

    def upstreams(self) -> str:
        """How the upstreams do now, as JSON on one line; must not raise."""
        ...

    async def stop(self) -> None:
        """End everything behind the listener, whose calls have all ended: flush what is booked, close what is open."""
        ...


class Life:
    """Where a worker stands, for its own probes and for its supervisor."""

    def __init__(self, link: Link) -> None:
        """Begins as starting."""
        self._link = link
        self._stage = "starting"
        self._degraded: tuple[str, ...] = ()

    @property
    def readiness(self) -> Readiness:
        """For the public ``/readyz``."""
        return Readiness(ready=self._stage == "serving", degraded=self._degraded, reason=self._stage)

    def degrade(self, phrases: Sequence[str]) -> None:
        """Say what is missing, nothing when all is well; the supervisor's ``/readyz`` repeats it."""
        if tuple(phrases) != self._degraded:
            self._degraded = tuple(phrases)
            self._link.say(DEGRADED, "; ".join(phrases))

    def serving(self) -> None:
        """Calls are accepted."""
        self._stage = "serving"
        self._link.say(READY)

    def draining(self) -> None:
        """Tell balancers to look elsewhere; calls that still come are served."""
        self._stage = "draining"


Build = Callable[[Life], Awaitable[Work]]


def run(build: Build, line: socket.socket, *, drain: Drain) -> int:
    """Run a worker on uvloop until it is told to end; gives the exit code. What ``build`` raises is raised.

    ``line`` is its end of the link.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_live(build, line, drain))


def settle_memory() -> None:
    """What start-up made will live as long as the process: keep the collector from looking at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


async def _live(build: Build, end: socket.socket, drain: Drain) -> int:
    link = await Link.open(end)
    life = Life(link)
    drain_asked, now_asked = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, drain_asked.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the supervisor obeys it for all
    work = await build(life)
    settle_memory()
    listening = asyncio.create_task(_listen(link, work, drain_asked, now_asked))
    life.serving()
    try:
        await drain_asked.wait()
        life.draining()
        await _drain(work.listener, drain, now_asked)
        await work.stop()
    finally:
        listening.cancel()
        link.close()
    return 0


async def _listen(link: Link, work: Work, drain_asked: asyncio.Event, now_asked: asyncio.Event) -> None:
    while (message := await link.next()) is not None:
        match message[0]:
            case word if word == RELOAD:
                if (in_force := await link.handed(message[1])) is not None:
                    work.reload(in_force)
            case word if word == UPSTREAMS:
                link.say(UPSTREAMS, work.upstreams())
            case word if word == DRAIN:
                drain_asked.set()
            case word if word == NOW:
                now_asked.set()
                drain_asked.set()
    _log.warning("the supervisor is gone; this worker ends")
    now_asked.set()
    drain_asked.set()


async def _drain(listener: Listener, drain: Drain, now_asked: asyncio.Event) -> None:
    """Not ready but serving for the delay, then no new calls, then the rest is cut; ``now`` shortens each."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(now_asked.wait(), drain.delay_s)
    draining = asyncio.create_task(listener.drain(drain.max_s))
    impatient = asyncio.create_task(now_asked.wait())
    await asyncio.wait((draining, impatient), return_when=asyncio.FIRST_COMPLETED)
    impatient.cancel()
    if draining.done():
        cut = draining.result()
    else:
        draining.cancel()
        cut = await listener.drain(0)
    if cut:
        _log.warning("%d calls were cut at the end of the drain", cut)
