"""A shard as the meters see it: scripts that run, or ``StoreAway`` at once.

Behind it a task keeps one connection: it connects, follows failovers, watches for silence, listens to the store's clock and
says when the store has returned. Behaviour in failure: a call fails after its deadline (50 ms), from the third in a row on
at once, until the store was seen alive again; nothing here waits for it on a call's time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from proxy.domain.errors import StoreAway
from proxy.stores.breaker import Breaker
from proxy.stores.clock import StoreClock
from proxy.stores.connection import DEADLINE_S, Connection, Value, open_connection
from proxy.stores.errors import Refused, Unanswered, Unfit, Unsent
from proxy.stores.greeting import greet
from proxy.stores.locate import Locator
from proxy.stores.scripts import Script, load_scripts

_log = logging.getLogger(__name__)
_ELSEWHERE: Final = frozenset(
    {"READONLY", "LOADING", "MASTERDOWN", "MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "NOREPLICAS"}
)  # nothing was done here: another server, or the same one later, will do it
_CONNECT_S: Final = 2.0
_SILENCE_S: Final = 2.0  # a connection that waits this long for a byte is given up
_HEARTBEAT_S: Final = 1.0
_BACKOFF_S: Final = (0.02, 1.0)


class Shard:
    """One server, or what stands behind its name. Made in the loop that uses it; ``start`` once, ``close`` once."""

    def __init__(
        self,
        locator: Locator,
        org: str,
        on_return: Sequence[Callable[[], None]],
        *,
        deadline_s: float = DEADLINE_S,
        may_evict: bool = False,
    ) -> None:
        """``org`` is the one whose keys lie here, "" for all; ``on_return`` is called whenever this shard is back."""
        self._loop = asyncio.get_running_loop()
        self._locator = locator
        self._org = org
        self._on_return = on_return
        self._deadline_s = deadline_s
        self._may_evict = may_evict
        self._scripts = load_scripts()
        self._breaker = Breaker()
        self._connection: Connection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._there = asyncio.Event()
        self._tried = asyncio.Event()
        self.clock = StoreClock(time.monotonic, time.time)
        self.fault = "not connected yet"  # why the store is away; "" while it is there

    @property
    def up(self) -> bool:
        """Whether a call would be sent now."""
        connection = self._connection
        return connection is not None and not connection.lost.done() and not self._breaker.open

    @property
    def connected(self) -> bool:
        """Whether there is a connection, be it one that does not answer just now."""
        return self._connection is not None

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._keeper = self._loop.create_task(self._keep(), name="store")

    async def wait_up(self, timeout_s: float) -> None:
        """Wait for the store. Raises ``StoreAway`` with the last fault when it did not come."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._there.wait()
        except TimeoutError:
            raise StoreAway(f"the store at {self._locator} is away: {self.fault}") from None

    async def close(self) -> None:
        """Let go of the connection; whoever still waits gets ``Unanswered``."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait((self._keeper,))
        if self._connection is not None:
            self._connection.abort()
        self._connection = None
        self._there.clear()

    def run(
        self, name: str, names: Sequence[str], *args: Value, deadline_s: float | None = None, anyway: bool = False
    ) -> Coroutine[Any, Any, Any]:
        """Run a script on the keys of these names and return its reply. Raises ``Unsent``, ``Unanswered`` or ``Refused``.

        A script that the engine does not know is loaded and sent once more; a server that is not (or not yet) the right one
        is left, and the call sent once more to the one that is. All within the deadline. ``anyway`` sends past an open
        breaker: for what must follow an earlier call down the same connection.
        """
        script = self._scripts[name]
        return self._send(("EVALSHA", script.sha, len(names), *names, *args), script, deadline_s, anyway=anyway)

    def command(self, *command: Value, deadline_s: float | None = None) -> Coroutine[Any, Any, Any]:
        """Run a plain command; as ``run``."""
        return self._send(command, None, deadline_s, anyway=False)

    def tell(self, *command: Value) -> None:
        """Send a plain command before whatever is sent next; nobody waits for it, and without a connection it is lost."""
        if self._connection is not None:
            with suppress(Unsent):
                self._connection.tell(*command)

    async def _send(
        self, command: tuple[Value, ...], script: Script | None, deadline_s: float | None, *, anyway: bool
    ) -> Any:
        within_s = deadline_s or self._deadline_s
        until = self._loop.time() + within_s
        if self._connection is None:
            within_s = await self._first_try(until)
        connection = self._ready(anyway=anyway)
        try:
            return await self._answer(connection.call(*command, deadline_s=within_s))
        except Refused as refusal:
            if refusal.code == "NOSCRIPT" and script is not None:
                connection.tell("SCRIPT", "LOAD", script.text)
            elif refusal.code in _ELSEWHERE:
                await self._elsewhere(connection, refusal, until)
            else:
                raise
        return await self._answer(self._ready(anyway=anyway).call(*command, deadline_s=until - self._loop.time()))

    async def _first_try(self, until: float) -> float:
        """A shard may have been made for this very call: let it try to connect. Returns the seconds that remain."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._tried.wait()
        return until - self._loop.time()

    def _ready(self, *, anyway: bool = False) -> Connection:
        if self._connection is None or (self._breaker.open and not anyway):
            raise Unsent(f"the store is away: {self.fault}")
        return self._connection

    async def _answer(self, future: asyncio.Future[Any]) -> Any:
        try:
            reply = await future
        except Unanswered as error:
            if self._breaker.failed():
                self._say(str(error))
                self._wake.set()
            raise
        self._breaker.succeeded()
        return reply

    async def _elsewhere(self, connection: Connection, refusal: Refused, until: float) -> None:
        """Leave a server that cannot serve; others who wait for its replies still get them."""
        if self._connection is connection:
            self._lose(str(refusal))
            connection.retire()
            self._loop.call_later(_SILENCE_S, connection.abort)
            self._wake.set()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._there.wait()

    async def _keep(self) -> None:
        pause_s = 0.0
        while True:
            try:
                connection = await self._connect()
            except Exception as error:  # noqa: BLE001  # whatever is wrong with a server, the keeper must outlive it
                self._say(str(error) or type(error).__name__, loud=isinstance(error, Unfit))
                self._tried.set()
                pause_s = _longer(pause_s)
                await asyncio.sleep(pause_s)
                continue
            pause_s = 0.0
            self._connection = connection
            self.clock.unsettle()
            self._returned()
            self._tried.set()
            await self._watch(connection)
            if self._connection is connection:
                self._lose("the connection was lost")
                connection.abort()

    async def _connect(self) -> Connection:
        async with asyncio.timeout(_CONNECT_S):
            server = await self._locator.find(self._org)
            connection = await open_connection(server, self._deadline_s)
        connection.lost.add_done_callback(lambda _: self._wake.set())
        try:
            clock = await greet(
                connection,
                server.login(),
                self._scripts.values(),
                self._org,
                within_s=_CONNECT_S,
                may_evict=self._may_evict,
            )
        except BaseException:
            connection.abort()
            raise
        self._heard_time(clock)
        return connection

    async def _watch(self, connection: Connection) -> None:
        """Stay until the connection is lost or no longer ours: ask the time now and then, and oftener while in doubt."""
        doubt_s = 0.0
        while True:
            self._wake.clear()
            if self._connection is not connection or connection.lost.done():
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(doubt_s or _HEARTBEAT_S):
                    await self._wake.wait()
            if self._connection is not connection or connection.lost.done():
                return
            if await self._alive(connection):
                doubt_s = 0.0
            elif connection.silent_s() > _SILENCE_S:
                return
            else:
                doubt_s = _longer(doubt_s)

    async def _alive(self, connection: Connection) -> bool:
        try:
            self._heard_time(await connection.call("TIME"))
        except StoreAway as error:
            if self._breaker.failed():
                self._say(str(error))
            return False
        if self._breaker.open:
            self._returned()
        return True

    def _heard_time(self, reply: Any) -> None:
        seconds, micros = reply
        self.clock.heard(int(seconds) * 1_000_000 + int(micros))

    def _returned(self) -> None:
        self._breaker.close()
        if self.fault:
            _log.info("the store at %s is there", self._locator)
        self.fault = ""
        self._there.set()
        for callback in self._on_return:
            try:
                callback()
            except Exception:  # noqa: BLE001  # the keeper must outlive whatever others do on our return
                _log.exception("what should happen when the store returns went wrong")

    def _lose(self, reason: str) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._say(reason)
        self._there.clear()

    def _say(self, fault: str, *, loud: bool = False) -> None:
        if fault != self.fault:
            _log.log(logging.ERROR if loud else logging.WARNING, "the store at %s is away: %s", self._locator, fault)
        self.fault = fault
        self._there.clear()


def _longer(pause_s: float) -> float:
    return min(max(2 * pause_s, _BACKOFF_S[0]), _BACKOFF_S[1])
