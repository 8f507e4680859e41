"""Which upstream serves a model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.config.routes import Routes
from proxy.domain.upstream import Upstream


def upstream(name: str, *models: str, dialect: str = "openai") -> Upstream:
    return Upstream(name=name, dialect=dialect, base_url="https://a.example", models=models)


ROUTES = Routes(
    [
        upstream("any", "*"),
        upstream("gpt", "gpt-*", "o[0-9]*"),
        upstream("exact", "gpt-5.1", "ft:[odd"),
        upstream("claude", "claude-*", dialect="anthropic"),
        upstream("vllm", "vllm/*"),
    ]
)


def named(family: str, model: str) -> list[str]:
    return [found.name for found in ROUTES.candidates(family, model)]


def test_an_exact_name_comes_before_patterns_and_patterns_in_the_order_of_the_file() -> None:
    assert named("openai", "gpt-5.1") == ["exact", "any", "gpt"]
    assert named("openai", "o3-mini") == ["any", "gpt"]
    assert named("openai", "vllm/qwen") == ["any", "vllm"]


def test_two_upstreams_with_one_pattern_are_a_choice_in_the_order_of_the_file() -> None:
    routes = Routes([upstream("first", "*"), upstream("second", "*")])
    assert [found.name for found in routes.candidates("openai", "x")] == ["first", "second"]


def test_only_upstreams_of_the_family_serve_a_call() -> None:
    assert named("anthropic", "claude-sonnet-4-5") == ["claude"]
    assert ROUTES.candidates("anthropic", "gpt-5.1") == ()
    assert ROUTES.candidates("gemini", "claude-x") == ()


def test_patterns_tell_small_letters_from_capitals() -> None:
    assert named("openai", "GPT-5") == ["any"]


def test_a_bracket_that_is_never_closed_is_a_letter_like_any_other() -> None:
    assert named("openai", "ft:[odd")[0] == "exact"


def test_an_empty_or_endless_name_is_served_by_nobody() -> None:
    assert ROUTES.candidates("openai", "") == ()
    assert ROUTES.candidates("openai", "x" * 257) == ()


def test_a_404_can_name_what_is_near() -> None:
    assert ROUTES.names_near("gtp-5.1") == ("gpt-5.1", "gpt-*")
    assert ROUTES.names_near("cluade-opus") == ("claude-*",)
    assert ROUTES.names_near("zzzz") == ()


def test_the_cache_has_an_end() -> None:
    routes = Routes([upstream("any", "*")])
    for number in range(10_000):
        assert routes.candidates("openai", f"m{number}")
    assert len(routes._found) <= 4096


@given(st.text(max_size=40))
def test_asking_twice_gives_the_same_answer(model: str) -> None:
    assert ROUTES.candidates("openai", model) == ROUTES.candidates("openai", model)


def test_an_alias_names_its_upstream_as_an_exact_name_does() -> None:
    fast = Upstream("fast", "openai", "https://a.example", models=("o*",), aliases=(("quick", "gpt-5-mini"),))
    routes = Routes([upstream("any", "*"), fast])
    assert [found.name for found in routes.candidates("openai", "quick")] == ["fast", "any"]
    assert fast.own_name("quick") == "gpt-5-mini"
    assert routes.names_near("quik") == ("quick",)
