"""One running proxy before two scripted upstreams for every model, the second one dearer."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support.pairs import PATIENT, SECOND_PRICES, SHORT, entry, pair, two
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream


@pytest.fixture(scope="package")
def first() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="package")
def second() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="package")
def nobody() -> Iterator[str]:
    """Where connections are refused."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and not listening
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture(scope="package")
def proxy(
    first: ScriptedUpstream, second: ScriptedUpstream, nobody: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    one, other = first.base_url, second.base_url
    found = {
        **pair(one, other, "model", SHORT, PATIENT),
        **pair(nobody, other, "refused", SHORT, PATIENT),
        **two(one, other, "openai-strict", PATIENT, "failover_on: []"),
        **two(one, other, "openai-dear", PATIENT),
        "named": entry(one, "openai-none", PATIENT, "aliases: { openai-fast: gpt-one }"),
        "stripped": entry(
            other,
            "openai-vendor/*",
            PATIENT,
            "strip_prefix: openai-vendor/",
            "aliases: { openai-fast: two/gpt }",
            prices=SECOND_PRICES,
        ),
    }
    # What the second charges for this one is more than there is.
    found["openai-dear-second"] = entry(other, "openai-dear", PATIENT, prices="{ input: 90000000, output: 90000000 }")
    home = tmp_path_factory.mktemp("home")
    with RunningProxy(home, found, budget="budget: { limit: $1/day, timezone: UTC }") as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(first: ScriptedUpstream, second: ScriptedUpstream) -> None:
    first.forget()
    second.forget()
