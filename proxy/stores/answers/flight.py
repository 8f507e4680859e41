"""Those of this process who wait for one answer, while somebody here or elsewhere is about to find it.

Where the leader is one of ours, they get the answer from its hand. Else one task looks for all of them: whenever the cache
tells that a lease ended, and a few times a second, because what it tells may be lost and leaders may die. Whoever leaves
leaves alone; with the last one the task ends.

Whoever comes has looked first and found a lease held, for only the cache knows of a flush or a deletion. So they are given
what the holder of that lease says, or a later one, and nothing that was asked before: leads are numbered, and each of those
who wait knows the last one before them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from proxy.domain.errors import StoreAway
from proxy.domain.reuse import Hit, Missed
from proxy.ports import Lead

POLL_S: Final = 0.25
_SLACK_S: Final = 0.1  # what was stored just before they began to wait was not there when they looked
WAIT_S: Final = 30.0
MOST_LEADERS: Final = 3  # of whom none had an answer: then each asks for itself, instead of one after the other

Look = Callable[
    [float], Awaitable[Hit | Lead | Missed | bytes]
]  # for answers of at most this age, s; bytes: who leads elsewhere


class Flight:
    """One answer that is on its way."""

    def __init__(self, look: Look, landed: Callable[[Flight], None], wait_s: float = WAIT_S) -> None:
        """``landed`` is called when nobody leads here and nobody waits any more."""
        self._look = look
        self._landed = landed
        self._wait_s = wait_s
        self._began = asyncio.get_running_loop().time() - _SLACK_S
        self._waiting: dict[asyncio.Future[Hit | Lead | Missed], int] = {}  # with the last lead before they came
        self._driver: asyncio.Task[None] | None = None
        self._stirred = asyncio.Event()
        self._leader = b""  # the token of one of ours
        self._number = 0  # of the last lead
        self._failures = 0  # leaders who had no answer
        self._elsewhere = b""  # who led last in another process

    def is_wanted(self, number: int) -> bool:
        """Whether anybody waits for what this lead will say."""
        return any(last <= number for last in self._waiting.values())

    async def wait(self, holder: bytes) -> Hit | Lead | Missed:
        """The answer; or the duty to find it, of which one of those who wait is told; or that waiting is no use.

        ``holder`` of the lease is a token that was just found.
        """
        if self._leader and holder != self._leader:  # ours lost its lease: what it says is for those who wait already
            self._leader, self._number = b"", self._number + 1
        future: asyncio.Future[Hit | Lead | Missed] = asyncio.get_running_loop().create_future()
        self._waiting[future] = self._number
        if not self._leader and self._driver is None:
            self._drive()
        try:
            async with asyncio.timeout(self._wait_s):
                return await future
        except BaseException as error:
            handed = future.result() if future.done() and not future.cancelled() else None
            if isinstance(error, TimeoutError):
                return handed or Missed("waited")
            if handed is not None and not isinstance(handed, Hit | Missed):
                handed.give_up()
            raise
        finally:
            self._waiting.pop(future, None)
            self._rest()

    def led(self, token: bytes) -> int:
        """One of ours leads now; its number."""
        self._leader, self._number = token, self._number + 1
        self._end_driver()
        return self._number

    def over(self, number: int, found: Hit | Missed) -> None:
        """The lead of this number ends it: this is for everybody who came before another one led."""
        if number == self._number:
            self._leader = b""
        self._share(found, number)
        self._rest()

    def left(self, number: int) -> None:
        """The lead of this number has no answer; those who still wait look anew."""
        if number != self._number:
            return
        self._leader = b""
        self._failures += 1
        if self._failures >= MOST_LEADERS:
            self._share(Missed("failed"), self._number)
        if self._waiting:
            self._stirred.set()
            self._drive()
        self._rest()

    def stir(self) -> None:
        """Something happened elsewhere: look."""
        self._stirred.set()

    def _share(self, found: Hit | Missed, number: int) -> None:
        served = [future for future, last in self._waiting.items() if last <= number]
        for future in served:
            del self._waiting[future]
            if not future.done():
                future.set_result(found)

    def _drive(self) -> None:
        self._driver = asyncio.get_running_loop().create_task(self._look_out(), name="answer")

    def _end_driver(self) -> None:
        driver, self._driver = self._driver, None
        if driver is not None and driver is not asyncio.current_task():
            driver.cancel()

    def _rest(self) -> None:
        if not self._waiting and not self._leader:
            self._end_driver()
            self._landed(self)

    async def _look_out(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await self._stirred.wait()
            self._stirred.clear()
            try:
                found = await self._look(asyncio.get_running_loop().time() - self._began)
            except StoreAway:
                found = Missed("away")
            if isinstance(found, bytes):
                if not self._is_one_too_many(found):
                    continue
                found = Missed("failed")
            self._driver = None
            if isinstance(found, Hit | Missed):
                self._share(found, self._number)
            else:
                self._hand(found)
            self._rest()
            return

    def _is_one_too_many(self, holder: bytes) -> bool:
        """Whether leaders in other processes come and go without an answer."""
        if self._elsewhere and holder != self._elsewhere:
            self._failures += 1
        self._elsewhere = holder
        return self._failures >= MOST_LEADERS

    def _hand(self, lead: Lead) -> None:
        """Whoever waits longest leads now."""
        for future in self._waiting:
            if not future.done():
                del self._waiting[future]
                future.set_result(lead)
                return
        lead.give_up()
