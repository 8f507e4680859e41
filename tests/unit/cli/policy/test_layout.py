"""Tidying changes white space and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.cli.policy.layout import tidy
from proxy.config.problems import ConfigError
from proxy.config.yaml_nodes import plain
from proxy.config.yaml_source import parse_source
from tests.support.policies import EXAMPLE


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("a: {b: 1}\n", "a: { b: 1 }\n"),
        ("a: {  b: [ 1,2 ,3 ]   }\n", "a: { b: [1, 2, 3] }\n"),
        ("a: { }\nb: [ ]\n", "a: {}\nb: []\n"),
        ("a: 1   \n\n\n\nb: 2", "a: 1\n\nb: 2\n"),
        ("\n\na: 1\r\nb: 2\r\n\n", "a: 1\nb: 2\n"),
        ("a:   1  # why, {x}\n#note\n", "a:   1  # why, {x}\n#note\n"),
        ("a: '{x,y}'\n", "a: '{x,y}'\n"),
        ("a: |\n  x  \n\n\n  y\nb: 1\n", "a: |\n  x  \n\n\n  y\nb: 1\n"),
        ("a: [1, # one\n  2]\n", "a: [1, # one\n  2]\n"),
        ("a: |+\n  x\n\n\n", "a: |+\n  x\n\n\n"),
        ("", ""),
    ],
)
def test_only_white_space_changes(text: str, tidied: str) -> None:
    assert tidy(text) == tidied
    assert tidy(tidied) == tidied


def test_the_example_is_tidy() -> None:
    for path in (EXAMPLE / "policies").rglob("*.yaml"):
        assert tidy(path.read_text()) == path.read_text()


_PARTS = st.sampled_from(
    [
        "a: ",
        "b: ",
        "- ",
        "{ c: 1,d: [ x ] }",
        "[]",
        "x",
        "\n",
        "\n  ",
        "  ",
        "# note",
        "'q  '",
        "|\n",
        ">\n",
        "\t",
        ", ",
        "{",
        "}",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(_PARTS, max_size=14).map("".join))
def test_what_a_file_means_stays_and_twice_is_once(text: str) -> None:
    try:
        before = plain(parse_source(text.encode(), "").root)
    except ConfigError:
        return
    done = tidy(text)
    assert plain(parse_source(done.encode(), "").root) == before
    assert tidy(done) == done
    assert [line.partition("#")[2].strip() for line in text.splitlines() if "#" in line] == [
        line.partition("#")[2].strip() for line in done.splitlines() if "#" in line
    ]
