"""Strict JSON: what another parser could read otherwise is refused, and nobody learns the text from the error."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects import routes
from proxy.dialects.strict_json import MAX_DEPTH, boolean, integer, mapping, parse, string, text
from proxy.domain.errors import BadRequest

SIZES = (0, 6_000, 140_000)  # each of the three ways to look at depth
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


def nested(depth: int, filler: int, opening: bytes = b'{"a":', closing: bytes = b"}") -> bytes:
    """An object of ``depth`` levels in a body of about ``filler`` bytes more."""
    inner = opening * (depth - 1) + b"1" + closing * (depth - 1)
    return b'{"fill":"' + b"x" * filler + b'","deep":' + inner + b"}"


@given(st.dictionaries(st.text(), JSON), st.sampled_from(SIZES))
def test_valid_objects_are_read_as_python_reads_them(members: dict[str, Any], filler: int) -> None:
    members["filler"] = "x" * filler
    assert parse(json.dumps(members).encode()) == members


@pytest.mark.parametrize("filler", SIZES)
def test_nesting_ends_at_the_limit(filler: int) -> None:
    assert parse(nested(MAX_DEPTH, filler))
    for opening, closing in ((b'{"a":', b"}"), (b"[", b"]")):
        with pytest.raises(BadRequest, match="deeper than 64"):
            parse(nested(MAX_DEPTH + 1, filler, opening, closing))


@pytest.mark.parametrize(
    "body", [b"[" * 1_000_000, b'{"a":' * 100_000, nested(100_000, 0), b"[" * 3_000 + b"]" * 3_000]
)
def test_abysses_are_refused_and_crash_nothing(body: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(body)
    assert refused.value.code == "invalid_json"


@pytest.mark.parametrize("filler", SIZES)
@pytest.mark.parametrize(
    "fault",
    [
        b'"secret":1,"secret":2',
        b'"secret":1,"\\u0073ecret":2',
        b'"secret":NaN',
        b'"secret":-Infinity',
        b'"secret":"\xff"',
        b'"secret":"\\ud800"',
        b'"secret":01',
        b'"secret":1,',
        b'"secret":"a\nb"',
        b"'secret':1",
        b'"secret":1}],[{"secret":2',
        b'"secret":1},{"secret":2',
        b'"secret":1}]',
    ],
)
def test_ambiguous_text_is_refused_with_its_position_and_without_its_words(fault: bytes, filler: int) -> None:
    with pytest.raises(BadRequest) as refused:
        parse(b'{"f":"' + b"x" * filler + b'",\n' + fault + b"}")
    assert refused.value.code == "invalid_json"
    assert "line 2 column" in refused.value.message or "line 3 column" in refused.value.message
    assert "secret" not in refused.value.message


@pytest.mark.parametrize("body", [b"", b" ", b"[]", b'"x"', b"1", b"null", b"\x00", b"\xef\xbb\xbf{}"])
def test_only_an_object_will_do(body: bytes) -> None:
    with pytest.raises(BadRequest):
        parse(body)


@given(st.binary(max_size=300), st.sampled_from((b"", b"{" * 70, b'{"a":"' + b"x" * 5_000 + b'"')))
def test_garbage_is_refused_and_nothing_else(noise: bytes, start: bytes) -> None:
    body = start + noise
    with suppress(BadRequest):
        assert type(parse(body)) is dict


@pytest.mark.parametrize(
    ("getter", "value"),
    [
        (string, 1),
        (text, ""),
        (text, None),
        (text, ["x"]),
        (boolean, "true"),
        (boolean, 1),
        (integer, "1"),
        (integer, True),
        (integer, 1.0),
        (integer, 0),
        (integer, 2**63),
        (mapping, []),
    ],
)
def test_a_member_of_another_type_is_refused_by_name(getter: Any, value: Any) -> None:
    with pytest.raises(BadRequest) as refused:
        getter({"it": value}, "it")
    assert refused.value.param == "it"


def test_members_that_are_absent_or_null_are_none() -> None:
    for members in ({}, {"it": None}):
        assert string(members, "it") is None
        assert integer(members, "it") is None
        assert boolean(members, "it") is False
        assert mapping(members, "it") == {}
    assert integer({"it": 0}, "it", least=0) == 0


@pytest.mark.parametrize("name", ["Model", "MODEL", "\u017ftream", "N", "max_Tokens"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages"])
def test_a_deciding_member_in_other_letters_is_refused_because_servers_in_go_would_read_it(
    path: str, name: str
) -> None:
    match = routes.find("POST", path)
    assert match is not None
    with pytest.raises(BadRequest, match="in lower case") as refused:
        match.dialect.understand(match, json.dumps({"model": "cheap", name: "dear"}).encode(), "", {})
    assert refused.value.param == name.casefold()
    match.dialect.understand(match, b'{"model": "m", "Temperature": 1, "safetySettings": {}}', "", {})
