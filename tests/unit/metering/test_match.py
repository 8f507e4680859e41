"""Clauses match as the price table means them, and the first model wins."""

from __future__ import annotations

import pytest

from proxy.metering.match import NameIndex, compile_clause, dashed_date, is_same, is_version, sold_as, spellings


@pytest.mark.parametrize(
    ("clause", "fitting", "other"),
    [
        (["=", "a", "B"], "b", "ab"),
        (["^", "gpt-"], "gpt-4", "x-gpt-4"),
        (["$", "-free"], "m-free", "m-freed"),
        (["*", "sonnet"], "claude-sonnet-4", "claude"),
        (["~", "^o[134]"], "o3-mini", "co3"),
        (["|", ["=", "a"], ["^", "b"]], "bc", "c"),
        (["&", ["^", "a"], ["$", "z"]], "a-z", "a-y"),
    ],
)
def test_each_kind_of_clause(clause: list[object], fitting: str, other: str) -> None:
    test = compile_clause(clause)
    assert test(fitting)
    assert not test(other)


def test_an_unknown_kind_of_clause_is_an_error() -> None:
    with pytest.raises(ValueError, match="kind of clause"):
        compile_clause(["?", "a"])


def test_the_first_model_that_fits_wins_whatever_its_kind() -> None:
    index = NameIndex([["^", "gpt-4o-a"], ["=", "gpt-4o", "gpt-4o-audio"], ["|", ["=", "x"], ["*", "4o"]], ["=", "x"]])
    assert index.find("gpt-4o-audio") == 0
    assert index.find("gpt-4o") == 1
    assert index.find("my-4o") == 2
    assert index.find("x") == 2
    assert index.find("nothing") is None


@pytest.mark.parametrize(
    ("name", "dashed"),
    [
        ("gpt-5.2-20251211", "gpt-5.2-2025-12-11"),
        ("gpt-5.2-20251211-mini", "gpt-5.2-2025-12-11-mini"),
        ("gpt-5.2-20251399", "gpt-5.2-20251399"),
        ("gpt-5.2-20250230", "gpt-5.2-20250230"),
        ("gpt-5.2-202512110", "gpt-5.2-202512110"),
    ],
)
def test_dates_without_dashes_get_them_when_they_are_dates(name: str, dashed: str) -> None:
    assert dashed_date(name) == dashed


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("gpt-4o", ["gpt-4o"]),
        ("gpt-5.2-20251211", ["gpt-5.2-20251211", "gpt-5.2-2025-12-11"]),
        ("us.amazon.nova-lite-v1:0", ["us.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"]),
        ("apac.amazon.nova-lite-v1:0", ["apac.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"]),
        ("us-gov.amazon.nova-lite-v1:0", ["us-gov.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0"]),
        ("global.amazon.nova-2-lite-v1:0", ["global.amazon.nova-2-lite-v1:0"]),
        ("arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0", ["amazon.nova-lite-v1:0"]),
        ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.a.b", ["eu.a.b", "a.b"]),
        ("meta/llama-3.1", ["meta/llama-3.1"]),
        ("v3.1", ["v3.1"]),
    ],
)
def test_a_name_is_looked_up_as_it_is_and_then_within_its_region(name: str, spelled: list[str]) -> None:
    assert list(spellings(name)) == spelled


@pytest.mark.parametrize(
    ("asked", "served", "same"),
    [
        ("gpt-4o", "gpt-4o", True),
        ("gpt-4o-mini", "gpt-4o", False),
        ("global.anthropic.claude-opus-4-8", "claude-opus-4-8", True),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929", True),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-opus-4-8-v1:0:200k", "claude-opus-4-8", True),
        ("us.anthropic.claude-opus-5-5", "claude-opus-5", False),
        ("us.anthropic.claude-opus-5", "claude-haiku-5-5", False),
        ("openrouter/gpt-4o", "gpt-4o", False),
    ],
)  # fmt: skip
def test_bedrock_s_ids_are_the_vendor_s_name_with_more_around_it(asked: str, served: str, same: bool) -> None:  # noqa: FBT001 - a case
    assert is_same(asked, served) is same


@pytest.mark.parametrize(
    ("asked", "served", "sold"),
    [
        ("global.anthropic.claude-opus-4-8", "claude-haiku-5-5", "global.anthropic.claude-haiku-5-5"),
        ("anthropic.claude-opus-4-8", "claude-haiku-5-5", "claude-haiku-5-5"),
        ("us.a.router", "arn:aws:bedrock:us-east-1:1:inference-profile/us.a.b", "arn:aws:bedrock:us-east-1:1:inference-profile/us.a.b"),
        ("gpt-5", "gpt-5-mini", "gpt-5-mini"),
    ],
)  # fmt: skip
def test_another_model_is_sold_where_the_asked_one_was(asked: str, served: str, sold: str) -> None:
    assert sold_as(asked, served) == sold


@pytest.mark.parametrize(
    ("asked", "served", "is_it"),
    [
        ("gpt-5", "gpt-5", True),
        ("gpt-5", "gpt-5-2025-08-07", True),
        ("gpt-4", "gpt-4-0613", True),
        ("gpt-4o", "openai/gpt-4o-2024-08-06", True),
        ("mistral-large-latest", "mistral-large-2411", True),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", True),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5-20250929", True),
        ("gemini-2.5-flash", "gemini-2.5-flash", True),
        ("gpt-5", "gpt-5-mini", False),
        ("gpt-5", "gpt-5-mini-2025-08-07", False),
        ("gpt-5-mini", "gpt-5", False),
        ("claude-opus-4-20250514-v1", "claude-opus-4-20250514-v1:0", True),
        ("gemini-2.0-flash", "gemini-2.0-flash-001", True),
        ("claude-opus-4", "claude-opus-4-1", False),
        ("claude-opus-4", "claude-opus-4-1-20250805", False),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929", True),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250514", False),
        ("claude-opus-4@20250514", "claude-opus-4-1-20250805", False),
        ("gpt-5", "gpt-50", False),
        ("gpt-5", "claude-5", False),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite", False),
        ("gpt-5", "", False),
        ("my-deployment", "gpt-5", False),
    ],
)
def test_a_version_of_a_model_is_not_another_model(asked: str, served: str, is_it: bool) -> None:  # noqa: FBT001 - a row of the table
    assert is_version(asked, served) is is_it
