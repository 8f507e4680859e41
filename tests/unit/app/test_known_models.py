"""What counts as a model that exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.app.known_models import known_of
from proxy.config.directory import Directory
from proxy.config.every_upstream import every_upstream
from proxy.metering.table import PriceTable
from proxy.policy.names import Names

CONFIG = """\
store: {url: env:STORE_URL}
upstreams:
  openai: {dialect: openai, base_url: "https://api.openai.com/v1", key: env:OPENAI_KEY, models: ["gpt-*"], prices: {match: gpt-own, input: 1, output: 1}}
  azure:  {dialect: openai, base_url: "https://x.openai.azure.com", key: env:AZURE_KEY, models: ["eu/*"], strip_prefix: eu/, prices_from: openai}
  vllm:   {dialect: openai, base_url: "http://127.0.0.1:8000/v1", models: ["vllm/*"], strip_prefix: vllm/, prices: {input: 1, output: 1}}
"""


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Names:
    path = tmp_path_factory.mktemp("config") / "tallygate.yaml"
    path.write_text(CONFIG)
    upstreams = every_upstream(path, {})
    assert [one.name for one in upstreams] == ["openai", "azure", "vllm"], "an upstream without its key counts, too"
    return Names(Directory("acme"), known_of(upstreams, PriceTable.load(), ["pii.email"]), {})


@pytest.mark.parametrize(
    "glob",
    ["gpt-5", "gpt-5*", "gpt-5-mini-2025-08-07", "gpt-own", "claude-*", "claude-haiku-4-5-20251001", "vllm/anything", "vllm/*-chat", "eu/gpt-5*", "*-preview", "*", "o[0-9]*"],
)  # fmt: skip
def test_what_is_priced_or_cannot_be_listed_exists(names: Names, glob: str) -> None:
    assert names.pattern(glob) == glob


@pytest.mark.parametrize(
    ("glob", "said"),
    [
        ("gpt-5-mnii", "no model fits 'gpt-5-mnii'; did you mean 'gpt-5-mini'?"),
        ("gtp-5*", "no model fits 'gtp-5*'; did you mean 'gpt-5*'?"),
        ("vlm/*", "no model fits 'vlm/*'; did you mean 'vllm/*'?"),
        ("eu/gtp-5", "did you mean 'eu/gpt-5'?"),
        ("*-rpeview", "did you mean '*-preview'?"),
    ],
)
def test_what_nobody_is_billed_for_is_a_typo(names: Names, glob: str, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        names.pattern(glob)
    assert said in str(caught.value)


def test_a_test_may_ask_for_a_model_that_goes_somewhere_but_is_not_priced(names: Names) -> None:
    assert names.asked_model("gpt-5-preview") == "gpt-5-preview"
    with pytest.raises(ValueError, match="no model fits"):
        names.asked_model("pgt-5-preview")


def test_the_dialects_of_a_model_are_those_of_the_upstreams_that_serve_it(names: Names) -> None:
    assert names.models.families("gpt-5") == {"openai"}
    assert names.models.families("claude-haiku-4-5") == frozenset()


def test_our_own_switches_are_not_made_up(tmp_path: Path) -> None:
    path = tmp_path / "tallygate.yaml"
    path.write_text("upstreams: {}\n")
    assert every_upstream(path, {}) == ()
