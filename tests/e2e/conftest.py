"""One running proxy for the end-to-end tests of a module, with a scripted upstream for every dialect."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream

FAMILY = '{{ dialect: {family}, base_url: "{url}", key: env:SCRIPTED_KEY, models: ["*"], prices: {{ input: 1, output: 2 }} }}'


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    """The upstream that logs what it saw."""
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """A proxy whose three families all lead to the scripted upstream."""
    url = scripted.base_url
    upstreams = {
        "openai": FAMILY.format(family="openai", url=url + "/v1"),
        "anthropic": FAMILY.format(family="anthropic", url=url),
        "gemini": FAMILY.format(family="gemini", url=url),
    }
    home = tmp_path_factory.mktemp("home")
    with RunningProxy(home, upstreams, env={"SCRIPTED_KEY": "provider-secret"}) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh_script(scripted: ScriptedUpstream) -> None:
    """No test answers from another's script."""
    scripted.forget()
