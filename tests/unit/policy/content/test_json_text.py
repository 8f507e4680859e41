"""Values stand in JSON source as JSON writes them, and in prose as they are."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.content.json_text import escaped, is_json, unescaped
from proxy.policy.content.own import own_detector
from proxy.policy.content.scanner import Scanner
from proxy.policy.content.vault import Vault

LINES = Scanner([own_detector("note", "pii", r"NOTE:.{4,40}:END")])


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_is_read_from_json_as_it_was_written(value: str) -> None:
    assert unescaped(escaped(value)) == value
    assert unescaped(json.dumps(value)[1:-1]) == value


@pytest.mark.parametrize(
    ("text", "yes"), [('{"a": 1}', True), (" [1]", True), ("{x}", False), ("1", False), ("", False)]
)
def test_json_is_an_object_or_an_array(text: str, yes: bool) -> None:  # noqa: FBT001 - pytest's way
    assert is_json(text) == yes


def test_a_part_of_an_escape_stays_as_it_is() -> None:
    assert unescaped("a\\") == "a\\"
    assert unescaped("\\u00") == "\\u00"


def test_a_value_in_arguments_is_the_same_value_in_prose_and_comes_back_fit_for_each() -> None:
    value = 'NOTE: "a\\b" é :END'
    vault = Vault(b"key")
    arguments = json.dumps({"text": value})
    sealed = vault.redact(arguments, LINES.scan(arguments))
    prose = vault.redact(value, LINES.scan(value))
    assert sealed == json.dumps({"text": prose})
    assert json.loads(vault.restore(sealed)) == {"text": value}
    assert vault.restore(f"so {prose}") == f"so {value}"
