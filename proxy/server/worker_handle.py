"""A worker as its supervisor sees it: a child process with a line to it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Sequence

from proxy.server import link
from proxy.server.link import Link

Command = Callable[[int], Sequence[str]]  # file descriptor of the worker's end of the link -> argv


class WorkerHandle:
    """One running worker. Made by ``start``; ``ended`` must be awaited, which also reaps the process."""

    def __init__(self, process: asyncio.subprocess.Process, line: Link, on_change: Callable[[], None]) -> None:
        """``on_change`` is called whenever ``ready`` or ``degraded`` changed."""
        self._process = process
        self._line = line
        self._on_change = on_change
        self._listening = asyncio.create_task(self._listen())
        self._asked: asyncio.Future[str] | None = None  # how the upstreams do; who asks meanwhile gets the same answer
        self.ready = False
        self.degraded = ""

    @classmethod
    async def start(cls, command: Command, on_change: Callable[[], None]) -> WorkerHandle:
        """Start a worker in a session of its own: a terminal's Ctrl-C is the supervisor's to understand.

        Raises ``OSError`` when the process cannot be started.
        """
        ours, theirs = link.pair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command(theirs.fileno()), pass_fds=(theirs.fileno(),), start_new_session=True
                )
            except BaseException:
                ours.close()
                raise
        return cls(process, await Link.open(ours), on_change)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def say(self, word: str) -> None:
        """Tell the worker ``drain`` or ``now``."""
        self._line.say(word)

    def hand(self, in_force: bytes) -> None:
        """Tell the worker what is in force from now on."""
        self._line.hand(in_force)

    async def upstreams(self, within_s: float) -> str | None:
        """What the worker says of its upstreams, as JSON; None when it does not in time."""
        if self._asked is None:
            self._asked = asyncio.get_running_loop().create_future()
            self._line.say(link.UPSTREAMS)
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(self._asked)
        except TimeoutError:
            return None

    def kill(self) -> None:
        """End it without asking."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> int:
        """The exit code, negative for a signal, once the process is gone."""
        try:
            return await self._process.wait()
        finally:
            self.ready = False
            self._listening.cancel()
            self._line.close()

    async def _listen(self) -> None:
        while (message := await self._line.next()) is not None:
            word, rest = message
            if word == link.READY:
                self.ready = True
            elif word == link.DEGRADED:
                self.degraded = rest
            elif word == link.UPSTREAMS:
                self._tell(rest)
                continue
            self._on_change()

    def _tell(self, word: str) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.set_result(word)


def how_it_ended(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
