"""What stands in source text is found as it means, however it is escaped, and nothing of an escape is left."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.content.detector import Detector
from proxy.policy.content.escapes import Read
from proxy.policy.content.findings import Finding
from proxy.policy.content.pack import PACK
from proxy.policy.content.scanner import Scanner
from proxy.policy.content.vault import Vault

SCANNER = Scanner(PACK)
ANY: Detector = PACK[0]
KEY = "AKIAABCDEFGHIJKLMNOP"


def masked(text: str) -> str:
    return Vault(b"key").redact(text, SCANNER.scan(text))


@pytest.mark.parametrize("value", [KEY, "bob@example.com"])
@pytest.mark.parametrize("before", ["", " ", '"', "=", "&", "é", "\n"])
@given(picks=st.sets(st.integers(0, 40)), quoted=st.integers(0, 2))
def test_a_value_is_found_wherever_it_is_escaped(value: str, before: str, picks: set[int], quoted: int) -> None:
    plain = f"a{before} {value} b"
    escape = "\\" * 2**quoted
    text = "".join(
        f"{escape}u{ord(char):04x}" if at in picks and char.isascii() else char for at, char in enumerate(plain)
    )
    for source in (text, json.dumps({"a": "x"}) + text):
        (found,) = SCANNER.scan(source)
        assert Read(source[found.start : found.end]).text == value
        assert SCANNER.hits_all(["before", source, "after"]) == {1: tuple(SCANNER.hits(source))}


@pytest.mark.parametrize("char", ['"', "=", "&", "@", "\t", "'"])
def test_an_escaped_character_beside_a_value_stays(char: str) -> None:
    escape = f"\\u{ord(char):04x}"
    sealed = masked(f'{{"a": "x{escape}{KEY}{escape}"}}')
    assert sealed.startswith(f'{{"a": "x{escape}KEY-')
    assert sealed.endswith(f'{escape}"}}')
    json.loads(sealed)


def test_an_escaped_value_has_the_placeholder_of_the_plain_one() -> None:
    assert masked('{"a": "bob\\u0040example.com"}') == masked('{"a": "bob@example.com"}')


@given(
    st.lists(st.sampled_from(["\\u0041", "\\\\u003d", "\\", "u0041", "a", "é😀", "\\u00e9"]), max_size=9).map("".join)
)
def test_places_of_what_is_meant_are_places_in_the_source(source: str) -> None:
    read = Read(source)
    for start in range(len(read.text) + 1):
        for end in range(start, len(read.text) + 1):
            found = read.in_source(Finding(start, end, ANY))
            assert Read(source[: found.start]).text == read.text[:start]
            assert Read(source[found.start : found.end]).text == read.text[start:end]
            assert not read.cuts(found)


def test_a_finding_that_ends_inside_an_escape_cuts_it() -> None:
    read = Read("ab\\u0041cd")
    assert [at for at in range(11) if read.cuts(Finding(at, at, ANY))] == [3, 4, 5, 6, 7]
