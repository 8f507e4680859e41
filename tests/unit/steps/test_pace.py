"""How far a stream has come is known near enough, for a few looks of a few kilobytes."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.base import Tap
from proxy.dialects.bedrock_tap import ConverseTap
from proxy.dialects.gemini_usage import GeminiTap
from proxy.dialects.ollama_tap import OllamaTap
from proxy.dialects.openai_chat_tap import ChatTap
from proxy.metering.count import count
from proxy.metering.vocab import O200K, Vocabulary
from proxy.steps.pace import LEAST, WINDOW, Pace
from tests.support.frames import event

ENCODING = Vocabulary().get(O200K)


class Run:
    """A stream that passes, and what its pace counts meanwhile."""

    def __init__(self, enough: float, make: Callable[[], Tap] = ChatTap, gap: bytes = b"\n\n") -> None:
        self.counted: list[int] = []
        self.enough = enough
        self.tap = make()
        self.pace = Pace(self.tap, make, self._count, gap, self._left)

    def feed(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.tap.feed(piece)
            self.pace.passed += len(piece)
            if self.pace.passed >= self.pace.due:
                self.pace.take(piece)

    def _count(self, text: str) -> int:
        self.counted.append(len(text))
        return count(text, ENCODING)

    def _left(self, output: int) -> float:
        return max(1, self.enough - output)


def chunk(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


def conversed(text: str) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})


def lined(text: str) -> bytes:
    return json.dumps({"message": {"role": "assistant", "content": text}, "done": False}).encode() + b"\n"


def test_a_stream_far_from_its_end_is_not_looked_at() -> None:
    run = Run(enough=10_000)
    run.feed(*[chunk(" the")] * 1_500)
    assert run.counted == []
    assert not run.pace.is_known


def test_nothing_is_looked_at_for_whom_nothing_can_be_too_much() -> None:
    run = Run(enough=float("inf"))
    run.feed(*[chunk(" the")] * 5_000)
    assert run.counted == []


@pytest.mark.parametrize("enough", [50, 1_000, 8_000])
@pytest.mark.parametrize(
    ("make", "made", "gap"),
    [(ChatTap, chunk, b"\n\n"), (OllamaTap, lined, b"\n"), (ConverseTap, conversed, b"")],
    ids=["events", "lines", "frames"],
)
def test_the_end_is_met_within_a_tenth_after_few_looks(
    make: Callable[[], Tap], made: Callable[[str], bytes], gap: bytes, enough: int
) -> None:
    run, piece, met = Run(enough, make, gap), made(" the"), 0
    while not (run.pace.is_known and run.pace.output >= enough) and met < enough * 2:
        run.feed(piece)
        met += 1
    assert abs(met - enough) <= max(enough // 10, (LEAST + WINDOW) // len(piece) + 1)
    assert len(run.counted) <= 8


def test_a_stream_that_becomes_denser_is_noticed_before_long() -> None:
    run = Run(enough=4_000)
    run.feed(*[chunk(" the")] * 500)
    run.feed(*[chunk(" the" * 40)] * 400)
    assert run.pace.output == pytest.approx(500 + 400 * 40, rel=0.4)


def test_what_the_provider_says_of_tokens_that_nobody_sees_counts() -> None:
    def thinking(tokens: int) -> bytes:
        usage = {"promptTokenCount": 5, "candidatesTokenCount": 1, "thoughtsTokenCount": tokens}
        shown = {"candidates": [{"content": {"parts": [{"text": "a"}]}}], "usageMetadata": usage}
        return b"data: " + json.dumps(shown).encode() + b"\r\n\r\n"

    run = Run(500, GeminiTap)
    run.feed(*[thinking(20 * number) for number in range(150)])
    assert run.pace.output == pytest.approx(3_000, rel=0.2)


def test_an_array_is_read_from_its_beginning() -> None:
    def element(number: int) -> bytes:
        parts = [{"text": " the" * 8}]
        return (b"," if number else b"[") + json.dumps({"candidates": [{"content": {"parts": parts}}]}).encode()

    run = Run(500, GeminiTap)
    run.feed(*map(element, range(260)))
    assert run.pace.output == pytest.approx(260 * 8, rel=0.1)


def test_a_look_is_brought_forward_when_somebody_is_in_a_hurry() -> None:
    run = Run(enough=100_000)
    run.feed(*[chunk(" the")] * 50)
    run.pace.hurry()
    run.feed(*[chunk(" the")] * 200)
    assert run.pace.is_known
    assert run.pace.output == pytest.approx(250, rel=0.1)


def test_a_true_count_stands() -> None:
    run = Run(enough=100)
    run.feed(*[chunk(" the")] * 300)
    at = run.pace.passed
    run.pace.correct(600, at)
    assert run.pace.output == 600


def test_what_was_longer_than_is_kept_has_no_text() -> None:
    run = Run(enough=10**9)
    run.feed(chunk("a"))
    assert run.pace.text == "a"
    run.feed(b"x" * (1 << 20))
    assert run.pace.text is None


@given(st.lists(st.binary(max_size=20_000), max_size=30), st.sampled_from([b"\n\n", b"\n", b""]))
def test_bytes_of_any_kind_are_survived(pieces: list[bytes], gap: bytes) -> None:
    run = Run(50, {b"": ConverseTap, b"\n": OllamaTap}.get(gap, ChatTap), gap)
    run.feed(*pieces)
    assert run.pace.output >= 0


def test_one_line_without_end_is_survived() -> None:
    run = Run(50)
    run.feed(b"data: ", *[b"x" * 50_000] * 40)
    assert run.pace.output >= 0
