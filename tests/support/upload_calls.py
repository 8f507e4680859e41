"""Uploads as clients send them, byte by byte, and what a worker keeps of them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from proxy.domain.row import Row
from tests.support.forms import BOUNDARY, CONTENT_TYPE, Part, form
from tests.support.running import RunningProxy
from tests.support.talking import Heard, Talking, request
from tests.support.uploading import Taker

MB = 1 << 20
PATH = "/v1/audio/transcriptions"
NOISE = os.urandom(MB)
PRICE = "prices: { per_second: 0.001 }"
LIMITS = "limits: { upload: 210MiB, body_timeout: 1500ms }"
MODEL = Part("model", b"own/whisper")
FILE = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n'.encode()
END = f"--{BOUNDARY}--\r\n".encode()


def field(part: Part) -> bytes:
    return form([part]).removesuffix(END)


def large(parts: tuple[Part, ...], megabytes: int, *, first: bool = True) -> tuple[int, Iterable[bytes]]:
    """A form with a large file behind or before its fields: its size, and its pieces."""
    fields = b"".join(map(field, parts))
    head, tail = (fields + FILE, b"\r\n" + END) if first else (FILE, b"\r\n" + fields + END)
    return len(head) + megabytes * MB + len(tail), (head, *[NOISE] * megabytes, tail)


def headers(proxy: RunningProxy, *more: tuple[str, str], key: str | None = None) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key or proxy.key}"), ("content-type", CONTENT_TYPE), *more)


def send(proxy: RunningProxy, body: bytes, path: str = PATH) -> Heard:
    """A whole form on a connection of its own; its answer."""
    with Talking(proxy.port) as line:
        return line.send(request("POST", path, body, headers(proxy))).answer()


def begin(proxy: RunningProxy, line: Talking, length: int, key: str | None = None) -> None:
    """The head of an upload."""
    head = headers(proxy, ("content-length", str(length)), key=key)
    line.send(request("POST", PATH, None, head))


def row_of(proxy: RunningProxy, heard: Heard, attempts: int = 1) -> Row:
    return proxy.wait_rows(attempts, request_id=heard.header("x-request-id"))[-1]


def worker_of(proxy: RunningProxy) -> Path:
    """The worker's folder in /proc."""
    assert proxy.process is not None
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == proxy.process.pid and b"\0worker\0" in (folder / "cmdline").read_bytes():
                return folder
        except OSError:
            continue
    raise AssertionError("no worker")


def kept_by(proxy: RunningProxy, worker: Path) -> list[str]:
    """Files in the state folder that have no name and are still open."""
    folder = str(proxy.home / "state") + "/"
    names = []
    for link in (worker / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed a moment ago
            names.append(str(link.readlink()))
    return [name for name in names if name.startswith(folder) and name.endswith("(deleted)")]


class Watched:
    """How much a worker's memory grows while it is watched, in KiB."""

    def __init__(self, worker: Path) -> None:
        self._worker = worker
        self._over = threading.Event()
        self._begun = self._peak = self._now()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def growth(self) -> int:
        return self._peak - self._begun

    def _now(self) -> int:
        status = (self._worker / "status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self._peak = max(self._peak, self._now())


def upload_proxy(home: Path, upstream: Taker, second: Taker) -> RunningProxy:
    """A proxy that has not begun: two upstreams for ``pair-*``, and the first alone for all other models."""

    def line(to: Taker, models: str, price: str = PRICE, more: str = "") -> str:
        return f'{{ dialect: openai, base_url: "{to.base_url}/v1", models: ["{models}"], {price}{more} }}'

    brisk = ", timeouts: { first_byte: 30s, idle: 1s }, breaker: { failures: 0 }"
    upstreams = {
        "own": line(upstream, "own/*", more=', strip_prefix: "own/"' + brisk),
        "one": line(upstream, "pair-*", more=brisk),
        "two": line(second, "pair-*", more=brisk),
        "drained": line(upstream, "drained", more=", on_disconnect: { drain: { max: 5s } }"),
        "dear": line(upstream, "dear-*", "prices: { per_second: 100 }"),
        "tokens": line(upstream, "token-*", "prices: { input: 1000, output: 1000 }"),
    }
    return RunningProxy(home, upstreams, more=LIMITS)
