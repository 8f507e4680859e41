"""An upstream that does what a test tells it, on plain sockets so that it can misbehave, and remembers what it saw.

It runs its own event loop in its own thread: a proxy that blocks or dies does not stop the judge. Requests are answered
by the scripts queued for their path, else by those queued for any path; a script marked ``always`` stays.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.support.scripts import Over, Script, Talk, failing, fixture_reply

__all__ = ["ScriptedUpstream", "Seen", "Wired", "fixture_reply"]  # the other scripts stand in tests.support.scripts


@dataclass
class Seen:
    """One request as it arrived, with the number of the connection that carried it."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int
    at: float

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: str) -> str | None:
        """Value of the first header of this name, any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Wired:
    """One accepted connection; ``closed`` resolves to the monotonic time at which the peer's end was seen."""

    id: int
    closed: Future[float]
    requests: int = 0


class Queued(NamedTuple):
    """A script in line: ``always`` keeps it there, ``early`` starts it before the body is read."""

    script: Script
    always: bool = False
    early: bool = False


NOT_SCRIPTED = Queued(failing(404, message="no script is queued for this path"))


class WatchedReader(asyncio.StreamReader):
    """Tells when the peer's end is seen, without anybody reading."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=4 << 20, loop=loop)
        self.left = asyncio.Event()
        self.closed: Future[float] = Future()

    def feed_eof(self) -> None:
        super().feed_eof()
        self._mark()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self._mark()

    def _mark(self) -> None:
        if not self.left.is_set():
            self.left.set()
            self.closed.set_result(time.monotonic())


class ScriptedUpstream:
    """``with ScriptedUpstream() as upstream``; a request without a script gets 404 and a sentence."""

    def __init__(self, tls: tuple[Path, Path] | None = None, host: str = "127.0.0.1") -> None:
        """``tls``: paths of certificate and key."""
        self.seen: list[Seen] = []
        self.connections: list[Wired] = []
        self._host, self._tls = host, tls
        self._scripts: dict[str | None, deque[Queued]] = {}
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-upstream", daemon=True)
        self.port = 0

    @property
    def base_url(self) -> str:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    def replies(self, *scripts: Script, path: str | None = None, always: bool = False, early: bool = False) -> Self:
        """Queue scripts, for one path or for any.

        ``always`` keeps the last one for every further request; ``early`` starts them before the body is read, which
        then stays unread.
        """
        queue = self._scripts.setdefault(path, deque())
        queue.extend(Queued(script, always and script is scripts[-1], early) for script in scripts)
        return self

    def forget(self) -> None:
        """Drop queued scripts and what was seen; connections stay."""
        self._scripts.clear()
        self.seen.clear()

    async def wait_closed(self, connection: int = -1, within: float = 5.0) -> float:
        """Monotonic time at which the peer left this connection (the last one by default)."""
        closed = asyncio.wrap_future(self.connections[connection].closed)
        return await asyncio.wait_for(asyncio.shield(closed), within)

    async def wait_seen(self, count: int = 1, within: float = 5.0) -> None:
        """Wait until so many requests have arrived whole."""
        async with asyncio.timeout(within):
            while len(self.seen) < count:  # noqa: ASYNC110  # filled by another thread's loop
                await asyncio.sleep(0.002)

    def drop(self) -> None:
        """Close every connection from this side, as a provider does with idle ones."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._tasks])

    def start(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(5)
        return self

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    async def _listen(self) -> None:
        context = None
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._tls)

        def protocol() -> asyncio.StreamReaderProtocol:
            return asyncio.StreamReaderProtocol(WatchedReader(self._loop), self._accept, loop=self._loop)

        self._server = await self._loop.create_server(protocol, self._host, 0, ssl=context, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert isinstance(reader, WatchedReader)
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: WatchedReader, writer: asyncio.StreamWriter) -> None:
        wired = Wired(len(self.connections), reader.closed)
        self.connections.append(wired)
        talk = Talk(reader, writer)
        try:
            while True:
                queued = await self._hear(reader, wired)
                await self._play(queued.script, talk, reader)
                if queued.early:
                    break
        except (Over, OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _hear(self, reader: asyncio.StreamReader, wired: Wired) -> Queued:
        """Read one request and note it; what comes back answers it."""
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = text[:-4].split("\r\n")
        method, target, _ = line.split(" ")
        headers = [(name, value.strip()) for name, _, value in (header.partition(":") for header in lines)]
        seen = Seen(method, target, headers, b"", wired.id, time.monotonic())
        queued = self._next(seen.path)
        if not queued.early:
            seen.body = await reader.readexactly(int(seen.header("content-length") or 0))
        wired.requests += 1
        self.seen.append(seen)
        return queued

    def _next(self, path: str) -> Queued:
        for key in (path, None):
            queue = self._scripts.get(key)
            if queue:
                return queue[0] if queue[0].always else queue.popleft()
        return NOT_SCRIPTED

    async def _play(self, script: Script, talk: Talk, reader: WatchedReader) -> None:
        """Run a script until its end or until the peer leaves."""

        async def steps() -> None:
            for step in (script,) if callable(script) else script:
                await step(talk)

        playing = self._loop.create_task(steps())
        leaving = self._loop.create_task(reader.left.wait())
        try:
            await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():
                raise Over
            playing.result()
        finally:
            playing.cancel()
            leaving.cancel()
