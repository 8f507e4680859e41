"""A running Tallygate, started as its users start it: ``tallygate serve`` with a configuration file."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis

from proxy.config.keys import Order, issue
from proxy.domain.row import Row
from proxy.journal.record import row_from

TALLYGATE = str(Path(sys.executable).with_name("tallygate"))
DIRECTORY = """\
org: acme
teams:
  growth: { projects: [crm, site] }
  research: { projects: [evals] }
users:
  ann@acme.example: { team: growth }
keys: []
"""
CONFIG = """\
listen: 127.0.0.1:{port}
admin: 127.0.0.1:{admin}
state: {home}/state
directory: {home}/directory.yaml
workers: {workers}
lease: {lease}
drain: {{ delay: 0s, max: {drain} }}
{budget}
{more}
upstreams:
{upstreams}
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def openai_like(base_url: str, *, models: str = '"*"', prices: str = "{ input: 1, output: 2 }", more: str = "") -> str:
    """One line of YAML: an upstream of the OpenAI family; prices in USD per million tokens."""
    return f'{{ dialect: openai, base_url: "{base_url}/v1", models: [{models}], prices: {prices}{more} }}'


class RunningProxy:
    """Start with ``with``; ends itself and everything it started."""

    options: tuple[str, ...] = ()  # of ``serve``

    def __init__(
        self,
        home: Path,
        upstreams: Mapping[str, str],
        *,
        workers: int = 1,
        budget: str = "budget: { limit: $1000/day, timezone: UTC }",
        lease: str = "30s",
        drain: str = "2s",
        more: str = "",
        env: Mapping[str, str] | None = None,
    ) -> None:
        """``upstreams`` maps names to YAML flow mappings."""
        self.home, self.port, self.admin_port = home, free_port(), free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.admin_url = f"http://127.0.0.1:{self.admin_port}"
        self.log = home / "log"
        lines = "\n".join(f"  {name}: {text}" for name, text in upstreams.items())
        home.mkdir(parents=True, exist_ok=True)
        self.config = home / "tallygate.yaml"
        self.config.write_text(
            CONFIG.format(
                port=self.port, admin=self.admin_port, home=home, workers=workers, lease=lease,
                drain=drain, budget=budget, more=more, upstreams=lines,
            )
        )  # fmt: skip
        if not (home / "directory.yaml").exists():
            (home / "directory.yaml").write_text(DIRECTORY)
        self._env = {**os.environ, "TALLYGATE_CONFIG": str(self.config), **(env or {})}
        self.key = self.issue()
        self.process: subprocess.Popen[bytes] | None = None

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a ``tallygate`` command against this configuration."""
        return subprocess.run(
            [TALLYGATE, *arguments], env=self._env, cwd=self.home, capture_output=True, text=True, check=False
        )

    def issue(self, user: str = "ann@acme.example", project: str = "crm") -> str:
        """A fresh virtual key, as ``tallygate keys issue`` draws it; here, because a process costs a second."""
        return issue(self.home / "directory.yaml", Order(user=user, project=project)).token

    def start(self) -> Self:
        """Start, and return when it answers."""
        out = self.log.open("ab")
        self.process = subprocess.Popen(
            [TALLYGATE, "serve", *self.options],
            env=self._env,
            cwd=self.home,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        out.close()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                self.get("/readyz")
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise AssertionError(f"not ready: {self.log.read_text()}")

    def stop(self, seconds: float = 20) -> int:
        """End it politely; its exit code."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def kill(self) -> None:
        """Kill -9 of the supervisor; its children must follow by themselves."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- asking it

    def get(self, path: str, *, base: str | None = None, key: str | None = None) -> bytes:
        """GET; raises ``OSError`` (``HTTPError`` is one) when it does not answer 200."""
        request = urllib.request.Request((base or self.base_url) + path)
        if key:
            request.add_header("Authorization", f"Bearer {key}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())

    def get_json(self, path: str) -> Any:
        """GET with our key, as JSON."""
        return json.loads(self.get(path, key=self.key))

    def post(
        self, path: str, body: bytes | dict[str, Any], headers: Mapping[str, str] | None = None, key: str | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """POST with our key: status, headers in lower case, body."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.base_url + path, data, method="POST")
        request.add_header("Authorization", f"Bearer {key or self.key}")
        request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    # -- looking into it

    def rows(self, **equal: object) -> list[Row]:
        """Rows of the journal whose fields have these values, oldest first."""
        path = self.home / "state" / "calls.db"
        if not path.exists():
            return []
        base = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
        try:
            stored = base.execute("SELECT doc, rank FROM attempts WHERE rank > 1 ORDER BY request_id, attempt")
            rows = [row_from(doc, rank) for doc, rank in stored]
        finally:
            base.close()
        return [row for row in rows if all(getattr(row, name) == value for name, value in equal.items())]

    def wait_rows(self, count: int = 1, seconds: float = 10, **equal: object) -> list[Row]:
        """Rows, once there are at least ``count``."""
        end = time.monotonic() + seconds
        while len(rows := self.rows(**equal)) < count:
            assert time.monotonic() < end, f"{len(rows)} rows instead of {count}; log: {self.log.read_text()[-3000:]}"
            time.sleep(0.05)
        return rows

    def engine(self) -> redis.Redis:
        """A plain client of the embedded store."""
        sockets = list((self.home / "state").rglob("store*.sock"))
        assert sockets, "no store socket"
        return redis.Redis(unix_socket_path=str(sockets[0]), decode_responses=True)
