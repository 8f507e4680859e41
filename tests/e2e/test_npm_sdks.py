"""The npm SDKs as clients and aimock as the upstream: both ends written by others."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running import RunningProxy

NODE = Path(__file__).with_name("node")
TEXT = "Hello from aimock, word by word."

pytestmark = pytest.mark.needs("node", "tests/e2e/node/node_modules")


@pytest.fixture(scope="module")
def aimock() -> Iterator[str]:
    process = subprocess.Popen(
        ["node", "upstream.mjs"], cwd=NODE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    yield process.stdout.readline().strip()
    process.stdin.close()
    process.wait(10)
    process.stdout.close()


@pytest.fixture(scope="module")
def proxy_before_aimock(aimock: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    upstreams = {
        "openai": f'{{ dialect: openai, base_url: "{aimock}/v1", key: env:MOCK_KEY, models: ["gpt-*"], prices_from: openai }}',
        "anthropic": f'{{ dialect: anthropic, base_url: "{aimock}", key: env:MOCK_KEY, models: ["claude-*"], prices_from: anthropic }}',
    }
    with RunningProxy(tmp_path_factory.mktemp("home"), upstreams, env={"MOCK_KEY": "mock"}) as running:
        yield running


def test_openai_and_anthropic_from_npm_get_aimocks_answers_and_every_call_leaves_a_priced_row(
    proxy_before_aimock: RunningProxy,
) -> None:
    proxy = proxy_before_aimock
    done = subprocess.run(
        ["node", "clients.mjs", proxy.base_url, proxy.key],
        cwd=NODE,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen.pop("refusal") == "AuthenticationError"
    assert set(seen.values()) == {TEXT}
    rows = proxy.wait_rows(len(seen))
    assert [row.outcome for row in rows] == ["ok"] * len(seen)
    assert {(row.usage.input, row.usage.output, row.usage.usage_source) for row in rows} == {(12, 9, "reported")}
    assert all(row.cost_nusd > 0 for row in rows)
