"""One running proxy with short deadlines for all tests of bad input; after each, nothing was forwarded and the next call is served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.families import OPENAI, one_call, upstreams
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import whole

LIMITS = "limits: { body: 1MB, header_timeout: 1s, body_timeout: 1s, body_rate: 1KB, keepalive: 5s }"
MODELS = {"openai": '["gpt-*", "free-*"]', "anthropic": '["claude-*"]', "gemini": '["gemini-*"]'}


@pytest.fixture(scope="package")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="package")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    given = upstreams(scripted.base_url, models=MODELS)
    unpriced = f'{{ dialect: openai, base_url: "{scripted.base_url}/v1", models: ["unpriced-*"] }}'
    home = tmp_path_factory.mktemp("home")
    with RunningProxy(
        home, {"unpriced": unpriced, **given}, more=LIMITS, env={"SCRIPTED_KEY": "provider-secret"}
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_is_forwarded_and_the_next_call_is_served(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> Iterator[None]:
    scripted.forget()
    yield
    scripted.replies(whole({"choices": []}))
    assert one_call(proxy, OPENAI.post(proxy)).status == 200
    assert len(scripted.seen) == 1
