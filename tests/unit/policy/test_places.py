"""Places inside scalars, however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.yaml_nodes import MappingNode, Scalar
from proxy.config.yaml_source import parse_source
from proxy.policy.places import inside


def place(text: str, word: str) -> tuple[int, int]:
    source = parse_source(text.encode(), "p.yaml")
    assert isinstance(source.root, MappingNode)
    scalar = source.root.members["when"].value
    assert isinstance(scalar, Scalar)
    return inside(source, scalar, scalar.text.index(word))[:2]


@pytest.mark.parametrize(
    ("text", "line", "col"),
    [
        ("when: a && BAD", 1, 12),
        ("when: 'a && BAD'", 1, 13),
        ('when: "a && BAD"', 1, 13),
        ("when: >-\n  a\n  && BAD\n", 3, 6),
        ("when: |\n  a\n\n    && BAD\n", 4, 8),
        ("when: a\n  && b\n  && BAD\n", 3, 6),
        ("when: >2-\n    a && BAD\n", 2, 10),
    ],
)
def test_a_word_is_found_on_its_own_line(text: str, line: int, col: int) -> None:
    assert place(text, "BAD") == (line, col)


def test_where_escapes_shift_the_count_the_beginning_is_told() -> None:
    assert place('when: "\\x61 && BAD"', "BAD") == (1, 7)


@given(st.lists(st.sampled_from(["a", "&&", "bb", "(c)"]), min_size=1, max_size=12), st.data())
def test_every_word_of_a_folded_text_is_found(words: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(words) - 1))
    words = [*words[:at], "BAD", *words[at:]]
    breaks = [data.draw(st.booleans()) for _ in words]
    text, line, col = "when: >-\n  ", 2, 3
    for word, breaks_here in zip(words, breaks, strict=True):
        if word == "BAD":
            expected = (line, col)
        text += word + ("\n  " if breaks_here else " ")
        line, col = (line + 1, 3) if breaks_here else (line, col + len(word) + 1)
    assert place(text.rstrip() + "\n", "BAD") == expected
