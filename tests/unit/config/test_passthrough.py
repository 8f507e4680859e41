"""Entries of ``passthrough:``: what they let through, what they cost, and what is wrong with those that are none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.loader import load_settings
from proxy.config.passthrough import checked, fits, overlaps
from proxy.config.problems import ConfigError
from proxy.config.settings import Settings
from tests.support.config_files import Write

HEAD = """\
upstreams:
  openai: { dialect: openai, base_url: "https://api.openai.com/v1", key: env:OPENAI_API_KEY }
  jina: { dialect: openai, base_url: "https://api.jina.ai/v1" }
passthrough:
"""
FILES = '  files: { upstream: openai, paths: ["/v1/files", "/v1/files/**", "/v1/uploads/**"], methods: [GET, POST, DELETE], price: $0/call }\n'
RERANK = '  rerank: { upstream: jina, paths: ["/v1/rerank"], methods: [POST], model: body.model, usage: usage.total_tokens, price: { input: 0.02 } }\n'


def load(path: Path, *, key: str | None = "sk-x") -> Settings:
    return load_settings(path, {"OPENAI_API_KEY": key} if key else {})


def test_entries_say_where_calls_go_and_what_they_cost(tallygate_yaml: Write) -> None:
    files, rerank = load(tallygate_yaml(HEAD + FILES + RERANK)).passthrough
    assert (files.name, files.upstream, files.methods) == ("files", "openai", ("GET", "POST", "DELETE"))
    assert (files.rates, files.usage, files.model) == ((("per_request", 0),), (), ())
    assert rerank.rates == (("input", 20_000_000),)
    assert (rerank.usage, rerank.model) == ((("input", ("usage", "total_tokens")),), ("model",))


@pytest.mark.parametrize(
    ("metering", "rates", "usage"),
    [
        ("price: $0.01/call", {"per_request": 10_000_000}, ()),
        ("price: 0.5/call", {"per_request": 500_000_000}, ()),
        ("price: $0.02/million, usage: meta.tokens", {"input": 20_000_000}, ("input",)),
        ("price: $0.002/unit, usage: n", {"input": 2_000_000 * 10**6}, ("input",)),
        ("price: { per_second: 0.0001 }, usage: audio.seconds", {"per_second": 100_000}, ("per_second",)),
        ("price: { per_request: 0.01, output: 3 }, usage: used", {"per_request": 10_000_000, "output": 3 * 10**9}, ("output",)),
        ("price: { input: 1, output: 2 }, usage: { output: u.o, input: u.i }", {"input": 10**9, "output": 2 * 10**9}, ("output", "input")),
    ],
)  # fmt: skip
def test_a_price_is_flat_or_for_what_an_answer_shows(
    metering: str, rates: dict[str, int], usage: tuple[str, ...], tallygate_yaml: Write
) -> None:
    (entry,) = load(tallygate_yaml(HEAD + f"  x: {{ upstream: jina, paths: [/v1/x], {metering} }}\n")).passthrough
    assert (dict(entry.rates), tuple(unit for unit, _ in entry.usage)) == (rates, usage)


WRONG = {
    "no metering": ("upstream: jina, paths: [/v1/x]", "does not say how its calls are metered"),
    "usage without a price": ("upstream: jina, paths: [/v1/x], usage: a.b", "does not say how its calls are metered"),
    "a unit without usage": ("upstream: jina, paths: [/v1/x], price: { input: 1 }", "wants a `price` for what `usage` counts"),
    "usage with a flat price": ("upstream: jina, paths: [/v1/x], usage: a, price: $1/call", "wants a `price` for what `usage` counts"),
    "two units and one place": ("upstream: jina, paths: [/v1/x], usage: a, price: { input: 1, output: 1 }", "unit for unit"),
    "a price of no form": ("upstream: jina, paths: [/v1/x], price: cheap", "is no price"),
    "a unit that nothing shows": ("upstream: jina, paths: [/v1/x], usage: a, price: { per_page: 1 }", "is no unit"),
    "a misspelt unit": ("upstream: jina, paths: [/v1/x], usage: a, price: { inptu: 1 }", "did you mean 'input'?"),
    "no paths": ("upstream: jina, paths: [], price: $0/call", "lets nothing through"),
    "a path of no form": ("upstream: jina, paths: [v1/x], price: $0/call", "wants a path"),
    "everything": ('upstream: jina, paths: ["/**"], price: $0/call', "wants a path"),
    "anything first": ('upstream: jina, paths: ["/*/files"], price: $0/call', "wants a path"),
    "a star inside a word": ('upstream: jina, paths: ["/v1/f*"], price: $0/call', "wants a path"),
    "stars in the middle": ('upstream: jina, paths: ["/v1/**/x"], price: $0/call', "wants a path"),
    "a slash at the end": ("upstream: jina, paths: [/v1/x/], price: $0/call", "wants a path"),
    "dots": ("upstream: jina, paths: [/v1/../x], price: $0/call", "wants a path"),
    "a method that is none": ("upstream: jina, paths: [/v1/x], methods: [FETCH], price: $0/call", "is no method"),
    "an upstream that is none": ("upstream: opena, paths: [/v1/x], price: $0/call", "did you mean 'openai'?"),
    "a model that is not in the body": ("upstream: jina, paths: [/v1/x], model: model, price: $0/call", "such as body.model"),
    "a place that is none": ("upstream: jina, paths: [/v1/x], usage: a..b, price: { input: 1 }", "is no place"),
    "an unknown key": ("upstream: jina, paths: [/v1/x], price: $0/call, prise: 1", "unknown key"),
}  # fmt: skip


@pytest.mark.parametrize(("entry", "said"), WRONG.values(), ids=WRONG)
def test_an_entry_that_cannot_be_metered_or_reached_says_what_to_write(
    entry: str, said: str, tallygate_yaml: Write
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tallygate_yaml(HEAD + f"  x: {{ {entry} }}\n"))
    (problem,) = caught.value.problems
    assert said in str(problem)
    assert (problem.line, problem.path.partition(".")[0]) == (5, "passthrough")


def test_a_pattern_that_an_earlier_entry_has_is_told(tallygate_yaml: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tallygate_yaml(HEAD + FILES + '  again: { upstream: jina, paths: ["/v1/files/**"], price: $0/call }\n'))
    assert "let through by 'files' already" in str(caught.value)
    other = '  again: { upstream: jina, paths: ["/v1/files/**"], methods: [PUT], price: $0/call }\n'
    assert len(load(tallygate_yaml(HEAD + FILES + other)).passthrough) == 2


def test_an_entry_is_off_with_its_upstream(tallygate_yaml: Write) -> None:
    settings = load(tallygate_yaml(HEAD + FILES + RERANK), key=None)
    assert [entry.name for entry in settings.passthrough] == ["rerank"]
    assert "passthrough files is off with its upstream openai" in settings.notes


@pytest.mark.parametrize(
    ("pattern", "path", "does"),
    [
        ("/v1/files", "/v1/files", True),
        ("/v1/files", "/v1/files/", False),
        ("/v1/files", "/v1/files/a", False),
        ("/v1/files", "/v1/file", False),
        ("/v1/files/**", "/v1/files", True),
        ("/v1/files/**", "/v1/files/a", True),
        ("/v1/files/**", "/v1/files/a/content", True),
        ("/v1/files/**", "/v1/filesystem", False),
        ("/v1/files/*/content", "/v1/files/a/content", True),
        ("/v1/files/*/content", "/v1/files//content", False),
        ("/v1/files/*/content", "/v1/files/a/b/content", False),
        ("/v1/files/**", "/v1/FILES", False),
        ("/v1/files/**", "/v1/%66iles", False),
    ],
)
def test_a_pattern_means_paths_as_they_come(pattern: str, path: str, *, does: bool) -> None:
    assert fits(pattern, path) == does


segments = st.sampled_from(["a", "b", "*"])
patterns = st.builds(
    lambda first, rest, below: "/" + "/".join([first, *rest]) + ("/**" if below else ""),
    st.sampled_from(["a", "b"]), st.lists(segments, max_size=3), st.booleans(),
)  # fmt: skip
paths = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))


@given(patterns, patterns, paths)
def test_patterns_that_a_path_fits_both_overlap(one: str, other: str, path: str) -> None:
    assert checked(one) == one
    if fits(one, path) and fits(other, path):
        assert overlaps(one, other)
        assert overlaps(other, one)
    assert overlaps(one, other) == overlaps(other, one)
