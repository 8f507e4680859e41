"""Containers as their users run them: the image built from this project, and podman where there is no Docker."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.support.running import free_port

ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.13-slim"
IMAGE = "localhost/tallygate:under-test"
CONFINED = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=ALL", "--security-opt=no-new-privileges")
_PATIENCE_S = 60.0  # generous: it only proves that nothing is stuck


def environment() -> dict[str, str]:
    """What podman is started with; root without systemd needs settings of its own, others have theirs."""
    fitting = {"CONTAINERS_CONF": str(ROOT / ".ci" / "containers.conf")} if os.geteuid() == 0 else {}
    return {"BUILDAH_ISOLATION": "chroot", "BUILDAH_FORMAT": "docker", **fitting, **os.environ}


def podman(*arguments: str, check: bool = True, seconds: float = 300) -> str:
    """Run it; what it printed. A failure tells what it complained about."""
    done = subprocess.run(
        ["podman", *arguments], env=environment(), capture_output=True, text=True, check=False, timeout=seconds
    )
    assert done.returncode == 0 or not check, f"podman {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


def has_image(name: str) -> bool:
    """Whether an image is on this machine."""
    return not subprocess.run(["podman", "image", "exists", name], env=environment(), check=False).returncode


def require_images(*names: str) -> None:
    """Skip, saying what to do, unless these are here: no test waits for a registry."""
    for name in names:
        if not has_image(name):
            pytest.skip(f"needs the image {name}: run .ci/base-image, or podman pull {name}")


@cache
def built_image() -> str:
    """The image of this project, built once for all tests; unchanged layers come from the last time."""
    require_images(BASE)
    podman("build", "--pull=never", "--format=docker", "--tag", IMAGE, str(ROOT))
    return IMAGE


def inspected(name: str) -> dict[str, Any]:
    """What podman knows about a container or an image."""
    found: dict[str, Any] = json.loads(podman("inspect", name))[0]
    return found


def logged(container: str, pattern: str) -> str:
    """The first text in a container's log that fits; waits for it."""
    end = time.monotonic() + _PATIENCE_S
    while not (found := re.search(pattern, said := logs(container))):
        assert time.monotonic() < end, said
        time.sleep(0.05)
    return found[0]


def first_key(container: str) -> str:
    """The key that a first start shows in its log."""
    return logged(container, r"tg_[A-Za-z0-9_-]{43}")


def logs(container: str) -> str:
    """What a container has said on both streams."""
    done = subprocess.run(
        ["podman", "logs", container],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.stdout


def healthy(container: str) -> bool:
    """Run the container's own health check once; its timer would need systemd."""
    done = subprocess.run(["podman", "healthcheck", "run", container], env=environment(), check=False)
    return done.returncode == 0


def page(url: str) -> bytes:
    """GET, waiting until it answers 200."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return bytes(answer.read())
        except OSError:
            assert time.monotonic() < end, f"{url} does not answer"
            time.sleep(0.1)


@contextmanager
def volume() -> Iterator[str]:
    """A volume for the time of the block."""
    name = podman("volume", "create", f"tallygate-test-{uuid.uuid4().hex[:12]}").strip()
    try:
        yield name
    finally:
        podman("volume", "rm", "--force", name)


class Container:
    """A confined container of the image on a volume; started by ``with``, and gone when the block is left."""

    def __init__(self, volume: str, *options: str) -> None:
        """``options`` are podman's, before the image."""
        self.name = f"tallygate-test-{uuid.uuid4().hex[:12]}"
        self.port = free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._options = (*CONFINED, f"--publish=127.0.0.1:{self.port}:8080", f"--volume={volume}:/state", *options)

    def ready(self) -> Self:
        """Wait until calls are served."""
        page(f"{self.base_url}/readyz")
        return self

    def run(self, *command: str) -> str:
        """Run a command inside; what it printed, or "" when it failed."""
        return podman("exec", self.name, *command, check=False)

    def terminate(self) -> None:
        """Send SIGTERM to process 1, and nothing after it."""
        podman("kill", "--signal=TERM", self.name)

    def exit_code(self) -> int:
        """Wait for the end."""
        return int(podman("wait", self.name, seconds=_PATIENCE_S))

    def __enter__(self) -> Self:
        podman("run", "--detach", f"--name={self.name}", *self._options, built_image())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        podman("rm", "--force", "--time=0", self.name)
