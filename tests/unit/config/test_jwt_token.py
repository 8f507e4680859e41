"""A token is taken apart in one way or not at all, and nothing in its header chooses the key or the rules."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.jwt_token import MAX_BYTES, BadToken, is_token, read
from tests.support.tokens import ALGORITHMS, b64, claims, token


def made(header: bytes, body: bytes = b"{}", signature: bytes = b"x") -> str:
    return ".".join(map(b64, (header, body, signature)))


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_every_accepted_algorithm_is_read_with_its_parts(alg: str) -> None:
    text = token(claims(0), alg=alg)
    found = read(text)
    assert (found.alg, found.kid, found.claims) == (alg, "k1", claims(0))
    assert text.startswith(found.signed.decode() + ".")
    assert "growth" not in repr(found)


def test_a_token_is_told_from_a_key_by_its_dots() -> None:
    assert is_token("eyJ.e30.x")
    assert not any(map(is_token, ("tg_" + "k" * 43, "sk-proj-x", "a.b", "a.b.c.d", "")))


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"none"}',
        b'{"alg":"None"}',
        b'{"alg":"HS256"}',
        b'{"alg":"HS512"}',
        b'{"alg":"RS1"}',
        b'{"alg":"ES256K"}',
        b'{"alg":"RSA-OAEP"}',
        b'{"alg":["RS256"]}',
        b'{"alg":null}',
        b"{}",
        b"[]",
        b"null",
        b"",
        b'{"alg":"RS256","alg":"RS256"}',
        b'{"alg":"RS256","crit":["exp"]}',
        b'{"alg":"RS256","crit":[]}',
        b'{"alg":"RS256","b64":false}',
        b'{"alg":"RS256","kid":5}',
        b'{"alg":"RS256","kid":"' + b"k" * 600 + b'"}',
        b'{"alg":"RS256","typ":"logout+jwt"}',
        b'{"alg":"RS256","typ":"secevent+jwt"}',
        b'{"alg":"RS256","typ":1}',
        b'{"alg":"RS256"} x',
        b'{"alg":"RS256\xff"}',
    ],
)
def test_a_header_that_is_not_plainly_one_of_ours_is_refused(header: bytes) -> None:
    with pytest.raises(BadToken):
        read(made(header))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_the_types_of_access_and_identity_tokens_are_accepted(typ: str) -> None:
    assert read(made(json.dumps({"alg": "RS256", "typ": typ}).encode())).kid is None


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"", b'{"exp":NaN}', b'{"a":1,"a":2}', b"{" * 5000, b"[" * 5000])
def test_claims_that_are_not_one_plain_mapping_are_refused(body: bytes) -> None:
    with pytest.raises(BadToken):
        read(made(b'{"alg":"RS256"}', body))


def test_a_token_is_bounded() -> None:
    with pytest.raises(BadToken):
        read(token(claims(0, more="x" * MAX_BYTES)))
    assert read(token(claims(0, more="x" * 8000))).claims["more"] == "x" * 8000


@pytest.mark.parametrize("change", ["=", "==", " ", "\n", "é", "+", "/", "."])
def test_another_spelling_of_the_same_bytes_is_refused(change: str) -> None:
    text = token(claims(0))
    for at in (text.index("."), text.rindex("."), len(text)):
        with pytest.raises(BadToken):
            read(text[:at] + change + text[at:])


def test_the_spare_bits_of_the_last_letter_must_be_zero() -> None:
    text = token(claims(0))  # 256 bytes: the last of 342 letters has four bits to spare
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    others = [letter for letter in alphabet if letter != text[-1]]
    readable = 0
    for letter in others:
        try:
            assert read(text[:-1] + letter).signature != read(text).signature
            readable += 1
        except BadToken:
            pass
    assert readable < len(others)


@given(st.text(max_size=200) | st.binary(max_size=60).map(lambda raw: f"{b64(raw)}.{b64(raw)}.{b64(raw)}"))
def test_any_text_is_a_token_or_a_bad_one(text: str) -> None:
    with contextlib.suppress(BadToken):
        assert read(text).alg in ALGORITHMS
