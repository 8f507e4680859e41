"""Vocabularies are ours, checked, and equal to tiktoken's."""

from __future__ import annotations

import gzip
import socket
from typing import Any

import pytest
import tiktoken
import tiktoken_ext.openai_public  # type: ignore[import-untyped] # data, without types
from tiktoken.model import MODEL_TO_ENCODING

from proxy.metering.package_data import read_package_data
from proxy.metering.vocab import CL100K, DEFINITIONS, O200K, Vocabulary, VocabularyDamaged, encoding_name, load_encoding


@pytest.mark.parametrize("name", [O200K, CL100K])
def test_patterns_and_special_tokens_are_tiktokens_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def no_download(_url: str, expected_hash: str) -> dict[bytes, int]:
        seen["sha256"] = expected_hash
        return {}

    monkeypatch.setattr(tiktoken_ext.openai_public, "load_tiktoken_bpe", no_download)
    theirs = getattr(tiktoken_ext.openai_public, name)()
    ours = DEFINITIONS[name]
    assert ours.pattern == theirs["pat_str"]
    assert dict(ours.special_tokens) == theirs["special_tokens"]
    assert ours.sha256 == seen["sha256"]


def test_loading_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a vocabulary must not open a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert len(load_encoding(CL100K).encode("hello world", disallowed_special=())) == 2


def test_known_texts_have_openais_token_ids(vocabulary: Vocabulary) -> None:
    o200k = vocabulary.get(O200K)
    assert o200k.encode("hello world", disallowed_special=()) == [24912, 2375]
    assert o200k.n_vocab == 200_019
    assert o200k.decode(o200k.encode("Grüße, 世界 🌍", disallowed_special=())) == "Grüße, 世界 🌍"


def test_a_changed_file_is_refused() -> None:
    def altered(folder: str, name: str) -> bytes:
        raw = bytearray(gzip.decompress(read_package_data(folder, name)))
        raw[-2] ^= 1
        return gzip.compress(bytes(raw), 1)

    with pytest.raises(VocabularyDamaged, match="cl100k_base"):
        load_encoding(CL100K, altered)


def test_a_truncated_file_is_refused() -> None:
    with pytest.raises(VocabularyDamaged, match="o200k_base"):
        load_encoding(O200K, lambda folder, name: read_package_data(folder, name)[:100_000])


def test_every_model_that_tiktoken_knows_by_these_encodings_gets_its_own() -> None:
    ours = {O200K, CL100K}
    assert {model: encoding_name(model) for model, name in MODEL_TO_ENCODING.items() if name in ours} == {
        model: name for model, name in MODEL_TO_ENCODING.items() if name in ours
    }


@pytest.mark.parametrize("model", ["", "gpt-4o-mini", "gpt-4.1", "claude-opus-5", "vendor/unknown", "\ud800", "gpt-40"])
def test_an_unknown_model_is_counted_by_o200k(model: str) -> None:
    assert encoding_name(model) == O200K


def test_a_vendor_prefix_does_not_hide_an_old_model() -> None:
    assert encoding_name("openai/gpt-3.5-turbo-0125") == CL100K
    assert encoding_name("ft:gpt-4:acme::x") == CL100K
    assert encoding_name("ft:gpt-4o-mini:acme::x") == O200K


def test_the_second_vocabulary_is_loaded_only_when_somebody_says_so() -> None:
    vocabulary = Vocabulary()
    assert vocabulary.missed() == ()
    assert vocabulary.get(CL100K).name == O200K
    assert vocabulary.missed() == (CL100K,)
    vocabulary.load(CL100K)
    assert vocabulary.missed() == ()
    loaded = vocabulary.get(CL100K)
    vocabulary.load(CL100K)
    assert loaded.name == CL100K
    assert vocabulary.get(CL100K) is loaded
    assert isinstance(loaded, tiktoken.Encoding)
