"""A program for tests of the supervisor: the real supervisor, admin listener, lock and workers around a toy handler.

``python -m tests.support.supervised supervise …`` is the program; ``Supervised`` starts and watches it. Files in the state
folder steer the workers: ``crash`` makes the next ones crash while starting, ``refuse`` makes them exit with code 2.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from proxy import ports
from proxy.config.settings import Address, Drain
from proxy.server import health, link, sockets, worker_process
from proxy.server.admin import serve_admin
from proxy.server.listener import serve
from proxy.server.lock import StateLock, StateTaken
from proxy.server.supervisor import Backoff, Supervisor

PATIENCE_S = 30.0
ROOT = Path(__file__).parents[2]


class Toy:
    """A worker's work: answers its pid, streams until told to go on, crashes on request."""

    def __init__(self, life: worker_process.Life, state: Path) -> None:
        self._life = life
        self._state = state

    async def start(self, port: int) -> Self:
        """Listen."""
        self.listener = await serve(self._handle, sockets=sockets.bind(Address("127.0.0.1", port)))
        return self

    def reload(self, _: bytes) -> None:
        """Leave a trace."""
        with (self._state / "reloaded").open("a") as trace:
            trace.write(f"{os.getpid()}\n")

    def upstreams(self) -> str:
        """There are none."""
        return '{"upstreams": []}'

    async def stop(self) -> None:
        """Leave a trace."""
        (self._state / f"stopped-{os.getpid()}").touch()

    async def _handle(self, request: ports.Request, reply: ports.Reply) -> None:
        match request.raw_path:
            case "/crash":
                os._exit(3)
            case "/readyz":
                await reply.whole(*health.readyz(self._life.readiness))
            case "/degrade":
                self._life.degrade(["store away"])
                await reply.whole(200, [], b"")
            case "/stream":
                await reply.open(200, [])
                await reply.write(b"first ")
                try:
                    while not (self._state / "go").exists():  # noqa: ASYNC110 - the test is another process
                        await asyncio.sleep(0.02)
                except asyncio.CancelledError:
                    await reply.write(b"cut")
                    reply.abort()
                    raise
                await reply.write(b"last")
                await reply.close()
            case _:
                await reply.whole(200, [], str(os.getpid()).encode())


def worker(fd: str, port: str, state: str, delay: str, longest: str) -> int:
    """A worker process."""
    folder = Path(state)
    line = link.inherited(int(fd))
    link.first(line)
    if (folder / "refuse").exists():
        return 2
    if (folder / "crash").exists():
        return 1

    async def build(life: worker_process.Life) -> Toy:
        return await Toy(life, folder).start(int(port))

    return worker_process.run(build, line, drain=Drain(float(delay), float(longest)))


async def supervise(port: str, admin_port: str, workers: str, state: str, delay: str, longest: str) -> int:
    """The supervisor process."""
    address, kept = sockets.reserve(Address("127.0.0.1", int(port)))
    supervisor = Supervisor(
        lambda _, fd: [
            sys.executable,
            "-m",
            __spec__.name,
            "worker",
            str(fd),
            str(address.port),
            state,
            delay,
            longest,
        ],
        in_force=bytes,
        workers=int(workers),
        drain=Drain(float(delay), float(longest)),
        backoff=Backoff(first_s=0.05, longest_s=0.4, stable_s=5),
        on_ready=lambda: print("all ready", flush=True),
        kill_after_s=10,
    )
    admin = await serve_admin(
        Address("127.0.0.1", int(admin_port)), render=lambda: b"up 1\n", readiness=lambda: supervisor.readiness
    )
    print(f"listening {address.port} {admin.address.port}", flush=True)
    try:
        return await supervisor.run()
    finally:
        await admin.close()
        sockets.close(kept)


def main() -> int:
    """Run a command; refusals are one line, as users see them."""
    command, *arguments = sys.argv[1:]
    if command == "worker":
        return worker(*arguments)
    try:
        with StateLock(Path(arguments[3])):
            return asyncio.run(supervise(*arguments))
    except (StateTaken, OSError) as error:
        print(f"error: {error}", flush=True)
        return 1


class Supervised:
    """The running program; ends with everything it started."""

    def __init__(
        self, state: Path, *, workers: int = 1, port: int = 0, delay_s: float = 0, max_s: float = 20, wait: bool = True
    ) -> None:
        self.state = state
        self._log = (state.parent / f"{state.name}.log").open("w+b")
        numbers = [str(port), "0", str(workers), str(state), str(delay_s), str(max_s)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.supervised", "supervise", *numbers],
            cwd=ROOT,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.port = self.admin_port = 0
        if wait:
            self.until(lambda: "all ready" in self.said())
        with contextlib.suppress(StopIteration):
            words = next(line for line in self.said().splitlines() if line.startswith("listening")).split()
            self.port, self.admin_port = int(words[1]), int(words[2])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            for _ in range(3):
                self.signal(signal.SIGTERM)
                time.sleep(0.1)
            self.process.wait(PATIENCE_S)
        self._log.close()

    def said(self) -> str:
        """Everything it and its workers printed and logged."""
        return Path(self._log.name).read_text()

    def signal(self, number: int) -> None:
        """Send a signal to the supervisor."""
        self.process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; the exit code."""
        return self.process.wait(PATIENCE_S)

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds; fails when the program ended or it never does."""
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, f"it never came to hold; the program said: {self.said()}"
            time.sleep(0.02)

    def get(self, path: str, *, admin: bool = False, method: str = "GET") -> tuple[int, str]:
        """Status and body of one call on a new connection; status 0 when there is no listener."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.admin_port if admin else self.port, timeout=PATIENCE_S
        )
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (ConnectionError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def worker_pids(self) -> set[int]:
        """The workers that are alive now: children of the supervisor."""
        listing = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in listing.split()}


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


if __name__ == "__main__":
    sys.exit(main())
