"""A proxy for the time of a demonstration: ports, state, directory and key of its own, gone when the block is left."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from proxy.cli.door import Door, NoAnswer
from proxy.config.keys import Order, issue
from proxy.config.settings import Address
from proxy.domain.upstream import Secret

_CONFIG = """\
listen: 127.0.0.1:{port}
admin: 127.0.0.1:{admin}
state: ./state
directory: ./directory.yaml
demo: "on"
drain: {{ delay: 0s, max: 1s }}
budget: {{ limit: $1/day, timezone: UTC }}
log: {{ level: warning }}
"""
_DIRECTORY = """\
org: demo
teams:
  demo-team: { department: demo, projects: [first-steps] }
users:
  you: { team: demo-team }
keys:
"""
_START_S = 30.0
_END_S = 10.0
_LOOK_S = 0.05


@contextmanager
def trial() -> Iterator[Door]:
    """Start a proxy with the stand-in upstream, and end it with all that it wrote. Raises ``NoAnswer``."""
    home = Path(tempfile.mkdtemp(prefix="tallygate-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        port, admin = _free_ports()
        config, directory = home / "tallygate.yaml", home / "directory.yaml"
        config.write_text(_CONFIG.format(port=port, admin=admin))
        directory.write_text(_DIRECTORY)
        token = issue(directory, Order(user="you", project="first-steps")).token
        process = _start(config, home / "log")
        stack.callback(_end, process)
        door = Door(Address("127.0.0.1", port), Secret(token))
        _await_ready(door, process, home / "log")
        yield door


def _free_ports() -> tuple[int, int]:
    """Two ports that nobody listens on; both are held until both are known, so that they differ."""
    with socket.socket() as one, socket.socket() as other:
        for probe in (one, other):
            probe.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _start(config: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the proxy as users do, in a session of its own: Ctrl-C is ours to understand."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALLYGATE_")}
    command = (sys.executable, "-m", "proxy", "serve", "--config", str(config))
    with log.open("wb") as out:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and our own program
            command, env=own, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )


def _await_ready(door: Door, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < end:
        try:
            door.knock()
        except NoAnswer:
            time.sleep(_LOOK_S)
        else:
            return
    last = log.read_text(errors="replace").strip().splitlines()[-3:]
    raise NoAnswer("\n".join(["The proxy of the demonstration did not start.", *last]))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
