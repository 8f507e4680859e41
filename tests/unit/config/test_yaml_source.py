"""What the strict reader takes, and where it says that something is wrong."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.config.problems import ConfigError, Problem
from proxy.config.yaml_nodes import locate, plain
from proxy.config.yaml_source import parse_source


def value(text: str) -> object:
    source = parse_source(text.encode(), "f.yaml")
    assert not source.problems
    return plain(source.root)


def said(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    try:
        return str(ConfigError(parse_source(raw, "f.yaml").problems))
    except ConfigError as error:
        return str(error)


@pytest.mark.parametrize(
    "word", ["no", "yes", "on", "off", "012", "1_0", "1e3", "190:20:30", "2027-01-01", "0x1f", ".5"]
)
def test_a_scalar_is_the_text_that_was_written(word: str) -> None:
    assert value(f"{word}: [{word}]") == {word: [word]}


@pytest.mark.parametrize("nothing", ["", "~", "null"])
def test_only_a_bare_nothing_is_none(nothing: str) -> None:
    assert value(f"a: {nothing}\nb: '{nothing}'") == {"a": None, "b": nothing}


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "\ufeff", "\ufeff# bom\n"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert value(text) == {}


def test_a_byte_order_mark_moves_no_column() -> None:
    source = parse_source("\ufeffa: 1\nb: 2\n".encode(), "f.yaml")
    assert locate(source.root, ("a",), key=True)[0].col == 1


def test_every_kind_of_line_break_counts_as_one_line() -> None:
    source = parse_source(b"a: 1\r\nb: 2\rc: 3\nd: [x,\r\n y]\r\n", "f.yaml")
    assert [locate(source.root, (name,))[0].line for name in "abcd"] == [1, 2, 3, 4]
    assert locate(source.root, ("d", 1))[0] == (5, 2, 25)


def test_all_duplicate_keys_are_told_at_once() -> None:
    assert said("a: 1\nb: {c: 1, 'c': 2}\na: 2\n") == (
        "f.yaml:2:11: b: 'c' stands here twice, first on line 2\n    b: {c: 1, 'c': 2}\n              ^\n"
        "f.yaml:3:1: 'a' stands here twice, first on line 1\n    a: 2\n    ^"
    )


def test_aliases_and_merge_keys_share_members() -> None:
    assert value("base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo: *b\n") == {
        "base": {"x": "1", "y": "2"},
        "one": {"y": "3", "x": "1"},
        "two": {"x": "1", "y": "2"},
    }


def test_a_billion_laughs_end_at_the_limit() -> None:
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "aliases expand to more than 10000 values" in said("\n".join(lines))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [*a]", "f.yaml:1:8: a.0: *a stands for nothing; no &a above it"),
        ("a: *b", "f.yaml:1:4: a: *b stands for nothing; no &b above it"),
        ("a: !!python/object:os.system x", "f.yaml:1:4: a: YAML tags (!…) are not used here"),
        ("a: 1\n---\nb: 2", "f.yaml:2:1: a second document begins here"),
        ("? [a]\n: b", "f.yaml:1:3: a list or mapping cannot be a name"),
        ("[" * 5000, "f.yaml:1:41: is nested deeper than 40 levels"),
        ("a:\n\tb: 1", "f.yaml:2:1: found character that cannot start any token"),
        ("a: b: c", "f.yaml:1:5: mapping values are not allowed in this context"),
        ('a: 1\nb: "open\n', 'f.yaml:2:4: the " on line 2 is never closed'),
        ("a: {<<: 3}", "f.yaml:1:9: a: '<<' takes a mapping or a list of mappings"),
        ("a: \x00", "f.yaml:1:4: character U+0000 may not stand in YAML"),
        (b"a: 1\nb: caf\xe9\n", "f.yaml:2:7: byte 0xe9 is not UTF-8"),
        ("a: 1".encode("utf-16"), "f.yaml:1:1: is UTF-16; save it as UTF-8"),
    ],
)
def test_a_mistake_of_structure_has_its_place(text: str | bytes, message: str) -> None:
    assert message in said(text)


def test_a_bracket_that_is_not_closed_is_shown_where_it_was_opened() -> None:
    assert said("a: 1\nb: [x,\n  y\nc: 2\n") == (
        "f.yaml:4:2: the [ on line 2 is not closed before this; a ] or a comma is missing\n"
        "    b: [x,\n       ^\n    c: 2\n     ^"
    )
    assert "f.yaml:2:3: the [ on line 1 is not closed before this" in said("a: [\n  - x\n")
    assert said("a: {b: [1, 2\n\n\n") == "f.yaml:1:8: the [ on line 1 is never closed\n    a: {b: [1, 2\n           ^"


def test_a_name_that_is_indented_wrongly_is_shown_beside_the_others() -> None:
    told = said("a:\n  - b: 1\n c: 2\n")
    assert "or it is not indented like the others; they began on line 1, column 1\n    a:\n    ^\n     c: 2" in told


def test_a_tab_is_named() -> None:
    assert "indent with spaces, YAML takes no tabs" in said("a:\n\tb: 1")


@given(st.one_of(st.binary(max_size=200), st.text("ab:-[]{}#&*!|>'\"%@`\\ \t\r\n,?<~\ufeff\u2028\x85é日", max_size=80)))
@example("a: *b\n")
@example("? ")
@example("- - - ? - :")
@example("%YAML 9.9\n---\n")
@example("%TAG ! tag:x\n--- !y z")
@example(b"\xed\xa0\x80")
def test_any_bytes_give_a_value_or_a_config_error(garbage: bytes | str) -> None:
    raw = garbage.encode() if isinstance(garbage, str) else garbage
    try:
        found, problems = plain(parse_source(raw, "f.yaml").root), list[Problem]()
    except ConfigError as error:
        found, problems = None, list(error.problems)
    assert problems or found is None or isinstance(found, (str, list, dict))
    assert all(problem.line >= 1 and problem.col >= 1 and str(problem).startswith("f.yaml:") for problem in problems)
