"""Counting is exact on ordinary texts and survives all others."""

from __future__ import annotations

import threading

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.metering.count import CHUNK, count, count_all
from proxy.metering.vocab import O200K, Vocabulary

MILLION = 1_000_000
HOSTILE = {
    "spaces": " " * MILLION,
    "tabs": "\t" * MILLION,
    "no-break spaces": "\u00a0" * MILLION,
    "newlines": "\n" * MILLION,
    "spaces and a letter": " " * MILLION + "x",
    "one letter": "a" * 300_000,
    "equals signs": "=" * 300_000,
    "digits": "7" * 300_000,
    "special tokens": "<|endoftext|><|fim_prefix|><|endofprompt|>" * 5_000,
    "lone surrogates": "\ud800\udfff\udbff" * 20_000,
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈" * 10_000,
    "han": "漢字仮名交じり文" * 20_000,
    "combining marks": "e" + "\u0301" * 200_000,
    "zero bytes": "\x00" * 200_000,
    "right to left": "\u202e\u05d0\u0628" * 50_000,
    "words without end": "ab" * 200_000,
    "blank lines": " \n" * 200_000,
}


@pytest.fixture(scope="module")
def o200k(vocabulary: Vocabulary) -> tiktoken.Encoding:
    return vocabulary.get(O200K)


@pytest.mark.parametrize("kind", HOSTILE)
def test_no_text_can_break_counting(kind: str, o200k: tiktoken.Encoding) -> None:
    text = HOSTILE[kind]
    assert 0 < count(text, o200k) <= len(text.encode("utf-8", "surrogatepass"))


def test_text_that_looks_like_a_special_token_is_text(o200k: tiktoken.Encoding) -> None:
    assert count("<|endoftext|>", o200k) == 7


def test_nothing_is_no_token(o200k: tiktoken.Encoding) -> None:
    assert count("", o200k) == 0
    assert count_all((), o200k) == 0


@given(st.text(max_size=400))
def test_a_short_text_is_counted_exactly(o200k: tiktoken.Encoding, text: str) -> None:
    assert count(text, o200k) == len(o200k.encode(text, disallowed_special=()))


@settings(max_examples=25)
@given(st.lists(st.text(st.sampled_from("abcdefg hijklmno\n.,äß漢"), min_size=1, max_size=60), min_size=1, max_size=40))
def test_cutting_a_long_text_costs_at_most_a_few_tokens(o200k: tiktoken.Encoding, words: list[str]) -> None:
    text = (" ".join(words) + " ") * (3 * CHUNK // len(" ".join(words) + " ") + 1)
    exact = len(o200k.encode(text, disallowed_special=()))
    assert abs(count(text, o200k) - exact) <= 2 * (len(text) // (CHUNK // 2) + 1)


def test_several_texts_are_counted_one_by_one(o200k: tiktoken.Encoding) -> None:
    assert count_all(["hello", " world", ""], o200k) == count("hello", o200k) + count(" world", o200k)


class Broken:
    """An encoding whose compiled half fails as it may."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def encode(self, *_: str, **__: object) -> list[int]:
        raise self.error


PanicException = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})


@pytest.mark.parametrize("error", [ValueError("stack"), MemoryError(), PanicException("unwrap")])
def test_a_failing_tokenizer_is_replaced_by_a_quarter_of_the_bytes(error: BaseException) -> None:
    assert count("äöü\ud800" * 100, Broken(error)) == 225  # type: ignore[arg-type] # the part of the interface in use


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit()])
def test_what_must_end_the_process_is_not_swallowed(error: BaseException) -> None:
    with pytest.raises(type(error)):
        count("text", Broken(error))  # type: ignore[arg-type] # the part of the interface in use


def test_counting_in_threads_gives_the_same(o200k: tiktoken.Encoding) -> None:
    text = "the quick brown fox\n" * 5_000
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(count(text, o200k))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [count(text, o200k)] * 4
