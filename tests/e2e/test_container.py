"""The image as it is deployed: read-only, without a capability, as nobody in particular, on a volume."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from tests.support.containers import (
    BASE,
    Container,
    built_image,
    first_key,
    healthy,
    inspected,
    logged,
    logs,
    page,
    podman,
    volume,
)
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.needs("podman")
OURS_BYTES = 120_000_000  # on python:3.13-slim, which is some 125 MB: less than 250 MB together
NOTHING = "0" * 16


@pytest.fixture(scope="module")
def proxy() -> Iterator[Container]:
    built_image()
    with volume() as kept, Container(kept) as running:
        yield running.ready()


@pytest.fixture(scope="module")
def key(proxy: Container) -> str:
    return first_key(proxy.name)


def client(proxy: Container, key: str) -> OpenAI:
    return OpenAI(base_url=f"{proxy.base_url}/v1", api_key=key, max_retries=0, timeout=PATIENCE_S)


def ask(proxy: Container, key: str) -> tuple[str, str]:
    """A whole answer of the stand-in, and the call's id."""
    with client(proxy, key) as sdk:
        answer = sdk.chat.completions.with_raw_response.create(
            model="demo-small", messages=[{"role": "user", "content": "Hello"}]
        )
        return answer.parse().choices[0].message.content or "", answer.headers["x-request-id"]


def told(proxy: Container, key: str, path: str) -> Any:
    request = urllib.request.Request(proxy.base_url + path, headers={"authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def test_the_image_adds_less_than_120_mb_and_nothing_that_installs_or_builds() -> None:
    image = built_image()
    assert inspected(image)["Size"] - inspected(BASE)["Size"] < OURS_BYTES
    packages = podman("run", "--rm", "--entrypoint=sh", image, "-c", "ls /opt/tallygate/lib/python3.13/site-packages")
    assert "proxy\n" in packages
    assert not {"pip", "setuptools", "pytest"} & set(packages.split())
    assert "Usage: tallygate" in podman("run", "--rm", image, "--help")


def test_it_runs_as_a_number_without_capabilities_and_writes_only_its_volume(proxy: Container) -> None:
    status = dict(line.split(":\t", 1) for line in proxy.run("cat", "/proc/1/status").splitlines())
    assert status["Uid"].split() == ["10001"] * 4
    assert {status[kind] for kind in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {NOTHING}
    assert status["NoNewPrivs"] == "1"
    written = proxy.run("sh", "-c", "for at in / /tmp /opt/tallygate /etc /state; do touch $at/new &&  echo $at; done")
    assert written.split() == ["/state"]


def test_without_any_configuration_it_answers_a_call_and_a_streamed_one(proxy: Container, key: str) -> None:
    whole, request_id = ask(proxy, key)
    assert whole.startswith("Hello, I am Tallygate's stand-in.")
    with client(proxy, key) as sdk:
        stream = sdk.chat.completions.create(
            model="demo-small", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        pieces = [event.choices[0].delta.content or "" for event in stream if event.choices]
    assert len(pieces) > 2
    assert "".join(pieces) == whole
    assert told(proxy, key, f"/v1/calls/{request_id}")["outcome"] == "ok"


def test_its_own_health_check_finds_it_healthy(proxy: Container) -> None:
    assert healthy(proxy.name)
    assert inspected(proxy.name)["State"]["Health"]["Status"] == "healthy"


def test_it_starts_from_the_bytecode_that_the_image_brings(proxy: Container) -> None:
    said = proxy.run(
        "sh", "-c", "python -v -c 'import proxy.app.work, proxy.cli.main' 2>&1 | grep -c '^# code object from /'"
    )
    assert said == "0\n"  # nothing had to be compiled


def test_whatever_dies_inside_is_replaced_and_leaves_no_zombie(proxy: Container) -> None:
    victims = "for p in /proc/[0-9]*; do grep -qaE '[w]orker|[v]alkey' $p/cmdline && kill -9 ${p#/proc/}; done; true"
    proxy.run("sh", "-c", victims)
    page(f"{proxy.base_url}/readyz")
    states = proxy.run("sh", "-c", "cat /proc/[0-9]*/stat").splitlines()
    assert len(states) >= 3
    assert not [line for line in states if ") Z " in line]


def test_a_stop_lets_a_stream_end_and_the_next_container_on_the_volume_knows_the_call() -> None:
    built_image()
    with volume() as kept:
        with Container(kept) as proxy:
            key = first_key(proxy.ready().name)
            with client(proxy, key) as sdk:
                answer = sdk.chat.completions.with_raw_response.create(
                    model="demo-small", messages=[{"role": "user", "content": "Hello"}], stream=True
                )
                events = iter(answer.parse())
                next(events)
                proxy.terminate()
                reasons = [event.choices[0].finish_reason for event in events if event.choices]
            assert reasons[-1] == "stop"
            assert proxy.exit_code() == 0, logs(proxy.name)
        with Container(kept) as proxy:
            call = told(proxy.ready(), key, f"/v1/calls/{answer.headers['x-request-id']}")
            assert (call["outcome"], len(call["attempts"])) == ("ok", 1)
            assert "key is shown" not in logs(proxy.name)


def test_a_stop_that_comes_while_it_starts_is_obeyed() -> None:
    built_image()
    with volume() as kept, Container(kept) as starting:
        logged(starting.name, "wrote /state/directory.yaml")
        starting.terminate()
        assert starting.exit_code() == 0, logs(starting.name)
