"""A signature counts only when a key of the provider's set, made for that algorithm, gave it to these very bytes."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.config.jwk_set import MAX_BYTES, parse
from proxy.config.jwt_token import BadToken, read
from tests.support.tokens import ALGORITHMS, b64, claims, jwk, key_set, private, token

ALL = key_set(
    *(jwk(private(alg), alg) for alg in ALGORITHMS if not alg.startswith("PS")), jwk(private("PS256"), "PS256")
)


def good(text: str, document: bytes) -> bool:
    """Whether anybody would believe it."""
    try:
        return parse(document).signed(read(text))
    except BadToken:
        return False


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_what_the_provider_signed_is_signed_and_nobody_else_s(alg: str) -> None:
    mine, theirs = private(alg), private(alg, 1)
    assert good(token(claims(), mine, alg=alg), key_set(jwk(mine)))
    assert not good(token(claims(), theirs, alg=alg), key_set(jwk(mine)))


def test_tokens_of_another_implementation_are_believed() -> None:
    for alg in ALGORITHMS:
        text = jwt.encode(claims(), private(alg), algorithm=alg, headers={"kid": "k1"})
        assert good(text, key_set(jwk(private(alg), alg=alg)))
    text = jwt.encode(claims(), private("Ed448"), algorithm="EdDSA", headers={"kid": "k1"})
    assert good(text, key_set(jwk(private("Ed448"))))


def test_a_public_key_is_never_a_shared_secret() -> None:
    key = private()
    public = key.public_key()
    for secret in (
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwk(key)).encode(),
        b"",
    ):
        for alg in ("HS256", "HS384", "HS512"):
            assert not good(token(claims(), secret, alg=alg), key_set(jwk(key)))
            assert not good(
                token(claims(), secret, alg=alg), key_set(jwk(key), {"kty": "oct", "k": b64(secret), "kid": "k1"})
            )
    assert not good(token(claims(), None, alg="none", signer="none"), key_set(jwk(key)))


@pytest.mark.parametrize("said", ALGORITHMS)
@pytest.mark.parametrize("signer", ALGORITHMS)
def test_an_algorithm_is_not_taken_for_another(said: str, signer: str) -> None:
    key = private(signer)
    ours = jwk(key, alg=signer)
    assert good(token(claims(), key, alg=said, signer=signer), key_set(ours)) == (said == signer)
    unsaid = {name: value for name, value in ours.items() if name != "alg"}
    assert good(token(claims(), key, alg=said, signer=signer), key_set(unsaid)) == (said == signer)


def test_a_key_that_names_its_algorithm_serves_no_other() -> None:
    key = private()
    assert good(token(claims(), key, alg="PS256"), key_set(jwk(key)))
    assert not good(token(claims(), key, alg="PS256"), key_set(jwk(key, alg="RS256")))
    assert not good(token(claims(), key, alg="RS512"), key_set(jwk(key, alg="RS256")))


@pytest.mark.parametrize(
    "members",
    [{"use": "enc"}, {"key_ops": ["encrypt"]}, {"key_ops": 5}, {"key_ops": "verify"}, {"alg": "RSA-OAEP"}, {"alg": 7}, {"kid": 7}, {"kty": "EC"}, {"e": "AQ"}, {"n": 5}, {"n": "!"}],
)  # fmt: skip
def test_a_key_that_is_not_for_signatures_checks_none(members: dict[str, Any]) -> None:
    key, other = private(), private("ES256")
    assert not good(token(claims(), key), key_set(jwk(key) | members, jwk(other, "other")))


def test_keys_of_unknown_kinds_are_passed_over() -> None:
    odd: list[dict[str, Any]] = [{"kty": "AKP", "kid": "k1"}, {}, {"kty": ["RSA"]}, {"kty": "oct", "k": "AA"}]
    assert good(token(claims()), key_set(*odd, jwk(private())))
    assert good(token(claims()), json.dumps({"keys": [1, None, "x", jwk(private())], "more": 1}).encode())


def test_a_weak_key_checks_nothing() -> None:
    weak = private("RS256", bits=1024)
    assert not good(token(claims(), weak), key_set(jwk(weak), jwk(private("ES256"), "other")))


def test_the_name_of_a_key_is_a_name_and_nothing_else() -> None:
    key = private()
    for kid in ("", "../../dev/null", "k1' OR '1'='1", "https://evil.example/keys", "k1\0", "K1", "k2"):
        assert not good(token(claims(), key, kid=kid), key_set(jwk(key)))


def test_a_key_that_the_header_brings_is_not_looked_at() -> None:
    mine, theirs = private(), private("RS256", 1)
    brought = {"jwk": jwk(theirs), "jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/cert", "x5c": ["AA"]}
    assert not good(token(claims(), theirs, more=brought), key_set(jwk(mine)))
    assert good(token(claims(), mine, more=brought), key_set(jwk(mine)))


def test_a_token_without_a_name_needs_a_set_without_a_choice() -> None:
    one, two = private(), private("RS256", 1)
    assert good(token(claims(), one, kid=None), key_set(jwk(one), jwk(private("ES256"), "other")))
    assert not good(token(claims(), one, kid=None), key_set(jwk(one), jwk(two, "k2")))
    assert good(token(claims(), one, kid=None), key_set(jwk(one, None)))
    assert not good(token(claims(), one), key_set(jwk(one, None)))


def test_one_name_may_stand_for_keys_of_several_kinds() -> None:
    keys = [private("ES256"), private("RS256", 1), private()]
    assert good(token(claims()), key_set(*map(jwk, keys)))


def test_a_set_knows_the_names_of_its_keys() -> None:
    found = parse(key_set(jwk(private())))
    assert found.knows(read(token(claims())))
    assert not found.knows(read(token(claims(), kid="k2")))
    assert not found.knows(read(token(claims(), kid=None)))


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (b"", "is not JSON"),
        (b"<html>", "is not JSON"),
        (b"[]", "no list `keys`"),
        (b'{"keys": {}}', "no list `keys`"),
        (b'{"keys": []}', "holds no public key"),
        (b'{"keys": [], "keys": []}', "is not JSON"),
        (b'{"keys": [' + b"0," * 300 + b"0]}", "more than 256"),
        (b" " * (MAX_BYTES + 1), "larger than 512 KiB"),
        (key_set(jwk(private()) | {"d": "AA"}), "private half of keys.0"),
    ],
)
def test_what_is_no_key_set_is_told(document: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        parse(document)


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "ES512", "EdDSA"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_no_token_with_a_changed_byte_is_believed(alg: str, data: st.DataObject) -> None:
    text = token(claims(0), private(alg), alg=alg, kid=alg)
    at = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.characters(min_codepoint=1, max_codepoint=255).filter(lambda letter: letter != text[at]))
    assert not good(text[:at] + new + text[at + 1 :], ALL)


@settings(deadline=None)
@given(st.data())
def test_no_token_with_a_piece_cut_doubled_or_moved_is_believed(data: st.DataObject) -> None:
    text = token(claims(0), private("ES256"), alg="ES256", kid="ES256")
    start, end = sorted((data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))))
    piece = data.draw(st.sampled_from(["", text[start:end] * 2, text[start:end][::-1]]))
    changed = text[:start] + piece + text[end:]
    assert changed == text or not good(changed, ALL)


@given(st.binary(max_size=300) | st.recursive(st.none() | st.text(max_size=5) | st.integers(), lambda s: st.lists(s, max_size=3) | st.dictionaries(st.sampled_from(["keys", "kty", "n", "e", "crv", "x", "y", "alg", "RSA"]), s, max_size=4)).map(lambda v: json.dumps(v).encode()))  # fmt: skip
def test_any_document_is_a_key_set_or_a_value_error(document: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert parse(document).keys


@given(st.dictionaries(st.sampled_from(["kty", "n", "e", "crv", "x", "y", "alg", "use", "key_ops", "kid"]), st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB", "", "A" * 43, "A" * 342, 5, None, [], {}])))  # fmt: skip
def test_any_key_beside_a_good_one_leaves_the_good_one(odd: dict[str, Any]) -> None:
    assert len(parse(key_set(odd, jwk(private()))).keys) >= 1
