"""A stream under a `max` hold is cut where it outgrows it, not a lease later."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.anthropic_usage import AnthropicTap
from proxy.dialects.base import Tap
from proxy.dialects.bedrock_tap import ConverseTap, InvokeTap
from proxy.dialects.gemini_usage import GeminiTap
from proxy.dialects.ollama_tap import OllamaTap
from proxy.dialects.openai_chat_tap import ChatTap
from proxy.metering.count import count
from proxy.metering.vocab import O200K, Vocabulary
from proxy.steps.ceiling import LEAST, MOST, Ceiling
from tests.support.frames import event, packed

ENCODING = Vocabulary().get(O200K)
INPUT, EACH = 5_000, 10  # nano-dollars


def ceiling(tokens: int, tap: type[ChatTap | GeminiTap | AnthropicTap] = ChatTap, each: int = EACH) -> Ceiling:
    """A watch over a hold of so many output tokens."""
    return Ceiling(INPUT + tokens * EACH, lambda output: INPUT + output * each, lambda text: count(text, ENCODING), tap)


def chunk(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


def conversed(text: str) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})


def invoked(text: str) -> bytes:
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}
    return packed(delta)


def lined(text: str) -> bytes:
    return json.dumps({"message": {"role": "assistant", "content": text}, "done": False}).encode() + b"\n"


FORMS = pytest.mark.parametrize(
    ("tap", "made", "gap"),
    [(ConverseTap, conversed, b""), (InvokeTap, invoked, b""), (OllamaTap, lined, b"\n")],
    ids=["frames", "frames of chunks", "lines"],
)


def watched(tokens: int, tap: Callable[[], Tap], gap: bytes) -> Ceiling:
    return Ceiling(
        INPUT + tokens * EACH, lambda output: INPUT + output * EACH, lambda text: count(text, ENCODING), tap, gap
    )


def passed(watch: Ceiling, pieces: list[bytes]) -> int:
    """Pieces that passed until the stream was cut, or all."""
    return next((number for number, piece in enumerate(pieces) if watch.feed(piece)), len(pieces))


@pytest.mark.parametrize("tokens", [10, 300, 5_000, 30_000])
def test_a_stream_that_goes_on_beyond_its_hold_is_cut_within_a_kilobyte(tokens: int) -> None:
    pieces = [chunk(" the")] * (tokens + 200)
    late = passed(ceiling(tokens), pieces) - tokens
    assert 0 <= late <= LEAST // len(pieces[0]) + 1


@given(st.lists(st.text(max_size=30).map(chunk), max_size=60), st.integers(1, 40))
def test_a_stream_that_keeps_to_its_ceiling_is_never_cut_however_it_is_split(pieces: list[bytes], size: int) -> None:
    tap, stream = ChatTap(), b"".join(pieces)
    tap.feed(stream)
    paid = count(tap.relayed_text(), ENCODING) + len(stream) // LEAST + 1  # a look may part one token
    split = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert passed(ceiling(paid), split) == len(split)


def test_a_long_stream_is_counted_once_and_rarely() -> None:
    counted: list[int] = []

    def counting(text: str) -> int:
        counted.append(len(text))
        return count(text, ENCODING)

    pieces = [chunk(f" word{number}") for number in range(20_000)]
    watch = Ceiling(INPUT + 80_000 * EACH, lambda output: INPUT + output * EACH, counting, ChatTap)
    assert passed(watch, pieces) == len(pieces)
    assert sum(counted) < 1.1 * sum(len(f" word{number}") for number in range(20_000))
    assert len(counted) < 2 * sum(map(len, pieces)) / MOST * 2


def test_what_the_provider_reports_of_tokens_that_nobody_sees_counts() -> None:
    def thinking(tokens: int) -> bytes:
        usage = {"promptTokenCount": 5, "candidatesTokenCount": 1, "thoughtsTokenCount": tokens}
        shown = {"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": usage}
        return b"data: " + json.dumps(shown).encode() + b"\r\n\r\n"

    pieces = [thinking(10 * number) for number in range(200)]
    assert 50 <= passed(ceiling(500, GeminiTap), pieces) <= 50 + LEAST // len(pieces[0]) + 1


def test_a_stream_that_is_an_array_is_watched_too() -> None:
    def element(number: int) -> bytes:
        return (b"," if number else b"[") + json.dumps(
            {"candidates": [{"content": {"parts": [{"text": " the"}]}}]}
        ).encode()

    pieces = [element(number) for number in range(2_000)]
    assert 500 <= passed(ceiling(500, GeminiTap), pieces) <= 500 * 1.3


def test_a_line_that_never_ends_and_bytes_that_are_no_events_are_survived() -> None:
    assert not ceiling(10).feed(b"data: " + b"x" * 3_000_000)
    watch = ceiling(10, AnthropicTap)
    assert not any(watch.feed(b"\xff\x00" * 5_000) for _ in range(100))


def test_what_costs_nothing_is_never_cut() -> None:
    assert passed(ceiling(0, each=0), [chunk(" the")] * 1_000) == 1_000


def test_a_text_without_spaces_is_counted_in_parts() -> None:
    pieces = [chunk("字") for _ in range(2_000)]
    assert passed(ceiling(300), pieces) < 500


@FORMS
@pytest.mark.parametrize("tokens", [10, 2_000])
def test_a_stream_of_another_form_is_cut_within_a_kilobyte(
    tap: Callable[[], Tap], made: Callable[[str], bytes], gap: bytes, tokens: int
) -> None:
    pieces = [made(" the")] * (tokens + 200)
    late = passed(watched(tokens, tap, gap), pieces) - tokens
    assert 0 <= late <= LEAST // len(pieces[0]) + 1


@FORMS
@pytest.mark.parametrize("size", [1, 7, 100, 5_000])
def test_a_stream_of_another_form_that_keeps_to_its_ceiling_passes_in_any_split(
    tap: Callable[[], Tap], made: Callable[[str], bytes], gap: bytes, size: int
) -> None:
    stream = b"".join(map(made, [" the", "字", " ünd", "\n", ""] * 40))
    told = tap()
    told.feed(stream)
    paid = count(told.relayed_text(), ENCODING) + len(stream) // LEAST + 1
    split = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert passed(watched(paid, tap, gap), split) == len(split)


def test_bytes_that_should_be_frames_and_are_none_are_cut_as_the_text_they_may_be() -> None:
    pieces = [b"<p>this is no frame at all</p>\n" * 40] * 50
    assert passed(watched(100, ConverseTap, b""), pieces) < 5
