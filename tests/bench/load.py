"""Load: wrk for throughput and CPU, one unhurried connection for added latency."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cases import MARK, Case

LUA = """
local before, after, n = [==[{before}]==], [==[{after}]==], {start}
local headers = {{ ["content-type"] = "application/json", ["authorization"] = "Bearer {key}"{more} }}
function request()
  n = n + 1
  return wrk.format("POST", nil, headers, before .. string.format("%010d", n) .. after)
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.duration, latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk saw."""

    requests: int
    seconds: float
    p99_ms: float
    errors: int


@dataclass(frozen=True)
class Latency:
    """One connection at an easy rate: microseconds."""

    p50: float
    p99: float
    first_byte_p50: float


class Prompts:
    """Running numbers that never come twice in one run of the benchmark."""

    def __init__(self) -> None:
        self._next = 0

    def take(self, count: int) -> int:
        """The first of ``count`` fresh numbers."""
        first, self._next = self._next, self._next + count
        return first


def wrk(case: Case, url: str, key: str, seconds: float, prompts: Prompts, folder: Path, core: int) -> Load:
    """Run wrk on one core with one thread."""
    before, after = case.split
    script = folder / "case.lua"
    more = "".join(f', ["{name}"] = "{value}"' for name, value in case.headers.items())
    script.write_text(LUA.format(before=before, after=after, start=prompts.take(10_000_000), key=key, more=more))
    command = ["taskset", "-c", str(core), "wrk", "-t1", f"-c{case.connections}", f"-d{seconds:g}s", "--timeout", "30s"]
    out = subprocess.run([*command, "-s", str(script), url], capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", out)
    if found is None:
        raise RuntimeError(f"wrk said nothing: {out}")
    requests, micros, p99, errors = map(int, found.groups())
    return Load(requests, micros / 1e6, p99 / 1000, errors)


def latency(case: Case, port: int, path: str, key: str, prompts: Prompts, *, count: int, pause_s: float) -> Latency:
    """One request after the other with a pause between, timed from the last byte sent."""
    before, after = case.split
    length = len(before.encode()) + len(MARK) + len(after.encode())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Length: {length}\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in case.headers.items())
        + "\r\n"
    )
    number = prompts.take(count)
    firsts, totals = [], []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(number, number + count):
            data = (head + before + f"{n:010d}" + after).encode()
            began = time.perf_counter()
            connection.sendall(data)
            first = _answer(connection)
            totals.append((time.perf_counter() - began) * 1e6)
            firsts.append((first - began) * 1e6)
            time.sleep(pause_s)
    totals.sort()
    firsts.sort()
    return Latency(totals[count // 2], totals[int(count * 0.99)], firsts[count // 2])


def _answer(connection: socket.socket) -> float:
    """Read one answer; the time when the first byte of its body was here."""
    got, first = b"", 0.0
    while True:
        piece = connection.recv(262_144)
        if not piece:
            raise ConnectionError("closed in the middle of an answer")
        got += piece
        head, gap, body = got.partition(b"\r\n\r\n")
        if not gap:
            continue
        if not first and body:
            first = time.perf_counter()
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            if body.endswith(b"\r\n0\r\n\r\n"):
                return first
        elif len(body) >= int(lower.partition(b"content-length:")[2].split(b"\r\n", 1)[0]):
            return first
