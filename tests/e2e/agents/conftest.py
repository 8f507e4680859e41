"""One aimock, one proxy before it and an empty home a client.

opencode is installed as the package of its Linux binary: its own package names builds for machines that a lock can only
hold where the registry has them all.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agents.bookings import PRICES, Bookings
from tests.e2e.agents.home import Home
from tests.support.running import RunningProxy

FAMILY = '{{ dialect: {family}, base_url: "{url}", key: env:MOCK_KEY, models: ["{models}"], prices: {prices} }}'


@pytest.fixture(scope="module")
def aimock() -> Iterator[str]:
    """The URL of an upstream that nobody here wrote."""
    here = Path(__file__).parent
    with subprocess.Popen(
        ["node", "upstream.mjs"], cwd=here, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


@pytest.fixture(scope="module")
def proxy(aimock: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """A proxy that has no other upstream."""
    upstreams = {
        "openai": FAMILY.format(family="openai", url=f"{aimock}/v1", models="gpt-*", prices=PRICES),
        "anthropic": FAMILY.format(family="anthropic", url=aimock, models="claude-*", prices=PRICES),
    }
    with RunningProxy(tmp_path_factory.mktemp("proxy"), upstreams, env={"MOCK_KEY": "mock"}) as running:
        yield running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A user who has pasted nothing yet."""
    return Home(tmp_path)


@pytest.fixture
def bookings(proxy: RunningProxy) -> Bookings:
    """What the proxy books from now on."""
    return Bookings(proxy)
