"""``deploy/compose.yaml`` as a newcomer starts it: up, a call, and Prometheus has it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from tests.support.containers import (
    ROOT,
    built_image,
    environment,
    first_key,
    healthy,
    inspected,
    page,
    podman,
    require_images,
)
from tests.support.running import free_port
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.needs("podman")
SERVICES = ("proxy", "store", "cache", "prometheus")
COMPOSE = str(Path(sys.executable).with_name("podman-compose"))
ENGINE, PROMETHEUS = "docker.io/valkey/valkey:8.1", "docker.io/prom/prometheus:v3.5.0"


class Stack:
    """What the file describes, on free ports and under a name of its own."""

    def __init__(self, image: str) -> None:
        self.project = f"tallygate-test-{uuid.uuid4().hex[:12]}"
        self.port, self.admin, self.prometheus = free_port(), free_port(), free_port()
        self._environment = {
            **{name: value for name, value in environment().items() if not name.endswith("_API_KEY")},
            "TALLYGATE_IMAGE": image,
            "TALLYGATE_PORT": str(self.port),
            "TALLYGATE_ADMIN_PORT": str(self.admin),
            "PROMETHEUS_PORT": str(self.prometheus),
        }

    def compose(self, *arguments: str) -> None:
        """Run the tool on the file."""
        command = [COMPOSE, "--project-name", self.project, "--file", str(ROOT / "deploy" / "compose.yaml"), *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def container(self, service: str) -> str:
        """The name of a service's container."""
        return f"{self.project}_{service}_1"

    def asked(self, query: str) -> list[dict[str, object]]:
        """What Prometheus answers."""
        question = urllib.parse.urlencode({"query": query})
        answer = json.loads(page(f"http://127.0.0.1:{self.prometheus}/api/v1/query?{question}"))
        found: list[dict[str, object]] = answer["data"]["result"]
        return found


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    require_images(ENGINE, PROMETHEUS)
    stack = Stack(built_image())
    try:
        stack.compose("up", "--detach", "--no-build")
        page(f"http://127.0.0.1:{stack.port}/readyz")
        yield stack
    finally:
        stack.compose("down", "--volumes")


def test_it_answers_a_call_and_prometheus_has_it(stack: Stack) -> None:
    key = first_key(stack.container("proxy"))
    with OpenAI(base_url=f"http://127.0.0.1:{stack.port}/v1", api_key=key, timeout=PATIENCE_S) as sdk:
        answer = sdk.chat.completions.create(model="demo-small", messages=[{"role": "user", "content": "Hello"}])
    assert (answer.choices[0].message.content or "").startswith("Hello, I am Tallygate's stand-in.")
    end = time.monotonic() + 3 * PATIENCE_S
    while not (found := stack.asked('tallygate_requests_total{job="tallygate",outcome="ok"}')):
        assert time.monotonic() < end, stack.asked("up")
        time.sleep(0.2)
    assert [one["value"] for one in found if isinstance(one["value"], list) and one["value"][1] == "1"]


def test_every_service_is_healthy_and_confined(stack: Stack) -> None:
    for service in SERVICES:
        container = stack.container(service)
        assert healthy(container), service
        host = inspected(container)["HostConfig"]
        assert host["ReadonlyRootfs"], service
        assert "no-new-privileges" in str(host["SecurityOpt"]), service
        status = podman("exec", container, "cat", "/proc/1/status")
        assert "CapEff:\t0000000000000000" in status, service
        assert "\nUid:\t0\t" not in status, service


def test_what_holds_money_never_evicts_and_is_kept_while_answers_may_go(stack: Stack) -> None:
    wanted = {"store": ("noeviction", "yes"), "cache": ("allkeys-lfu", "no")}
    for service, settings in wanted.items():
        said = podman("exec", stack.container(service), "valkey-cli", "config", "get", "maxmemory-policy", "appendonly")
        assert dict(zip(*[iter(said.split())] * 2, strict=True)) == dict(
            zip(("maxmemory-policy", "appendonly"), settings, strict=True)
        )


def test_nobody_but_the_proxy_reaches_the_engines(stack: Stack) -> None:
    networks = {
        service: set(inspected(stack.container(service))["NetworkSettings"]["Networks"]) for service in SERVICES
    }
    assert networks["store"] == networks["cache"] == networks["proxy"] - networks["prometheus"]
    for service in ("store", "cache"):
        assert not any((inspected(stack.container(service))["HostConfig"]["PortBindings"] or {}).values())
