"""What cannot be read does not pass, and whatever else an upstream sends does no harm."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.dialects import event_stream
from proxy.dialects.rewriting import Rewriter, values
from proxy.domain.errors import ContentRefused, UpstreamFailed
from tests.support.answers import Same, Shout, framed, rewriting, sse, through
from tests.support.frames import event, exception
from tests.support.recorded import cuts


def chat(**kwargs: Any) -> Rewriter:
    return rewriting("openai_chat", "openai.chat", **kwargs)


def delta(text: str) -> bytes:
    return sse({"choices": [{"index": 0, "delta": {"content": text}}]})


UNREADABLE = (
    b'data: {"choices": [{"delta": {"content": "sec\n\n',
    b'data: {"choices": \ndata: nothing\n\n',
    b'data: {"a": ' + b"[" * 5000 + b"\n\n",
    b'{"choices": [} x\n\n',
)


@pytest.mark.parametrize("bad", UNREADABLE)
def test_an_event_that_should_be_json_and_is_not_ends_the_answer(bad: bytes) -> None:
    made = chat()
    assert made.feed(delta("one ") + bad) == b'data: {"choices":[{"index":0,"delta":{"content":"ONE "}}]}\n\n'
    with pytest.raises(UpstreamFailed) as told:
        made.feed(delta("two "))
    assert "sec" not in str(told.value)
    with pytest.raises(UpstreamFailed):
        made.finish()


@pytest.mark.parametrize("bad", UNREADABLE)
def test_whoever_only_puts_values_back_lets_it_pass(bad: bytes) -> None:
    passed = through(chat(strict=False), delta("one ") + bad + delta("two "))
    assert passed.count(bad) == 1
    assert b"TWO" in passed


@pytest.mark.parametrize(
    "known",
    [b": ping\n\n", b"\n\n\n\n", b"event: ping\n\n", b"data: keep-alive\n\n", b"data\n\n", b"id: 7\nretry: 5\n\n", b"data: 7\n\n",
     b'data: {"object": "x", "object": "y"}\r\n\r\n', b'data: {"n": NaN, "big": 123456789012345678901234567890}\n\n',
     b'data: {"choices": null}\n\n', b'data: {"choices": [7, {"delta": 8}, {"delta": {"content": 9}}]}\n\n', b"data: []\n\n",
     b'data: {"choices": [{"index": {}, "delta": {"content": null, "tool_calls": [null, {"function": 3}]}}]}\n\n',
     b'data: {"error": {"message": "x"}}\n\n'],
)  # fmt: skip
def test_events_without_text_pass_as_they_came(known: bytes) -> None:
    assert through(chat(), known) == known


def test_what_is_no_number_elsewhere_survives_a_change() -> None:
    raw = b'data: {"big": 123456789012345678901234567890, "x": 0.1, "choices": [{"delta": {"content": "a "}}]}\n\n'
    assert json.loads(through(chat(), raw)[6:])["big"] == 123456789012345678901234567890


def test_of_a_repeated_member_the_last_one_is_filtered_and_kept() -> None:
    raw = b'data: {"choices": [{"delta": {"content": "hidden ", "content": "seen "}}]}\n\n'
    assert through(chat(), raw) == b'data: {"choices":[{"delta":{"content":"SEEN "}}]}\n\n'


def test_bytes_that_are_no_utf8_are_written_as_they_were_read() -> None:
    raw = b'data: {"choices": [{"delta": {"content": "a\xffb"}}]}\n\n'
    passed = through(rewriting("openai_chat", "openai.chat", lambda _: Same()), raw)
    assert json.loads(passed[6:])["choices"][0]["delta"]["content"] == "a\ufffdb"


@given(st.data())
@settings(max_examples=20)
def test_halves_of_a_character_join_on_the_other_side(data: st.DataObject) -> None:
    raw = b"".join(
        b'data: {"choices": [{"index": 0, "delta": {"content": "%b"}}]}\n\n' % text
        for text in (b"ab \\ud83d", b"\\ude00 cd", b"\\ud83d")
    )
    passed = through(chat(), raw, data.draw(cuts(len(raw))))
    said = [json.loads(line[6:])["choices"][0]["delta"]["content"] for line in passed.split(b"\n\n") if line]
    assert "".join(said).encode("utf-16", "surrogatepass").decode("utf-16", "replace")[:7] == "AB \U0001f600 CD"[:7]


def test_what_ends_a_line_for_some_clients_is_written_as_an_escape() -> None:
    passed = through(chat(), delta("a\u2028b\u2029c\x85d "))
    assert passed == b'data: {"choices":[{"index":0,"delta":{"content":"A\\u2028B\\u2029C\\u0085D "}}]}\n\n'


def test_an_event_keeps_its_other_lines_and_their_ends() -> None:
    raw = b'\xef\xbb\xbfid: 3\r\nevent: chunk\r\n: note\r\ndata: {"choices": [{"index": 0,\r\ndata:"delta": {"content": "a "}}]}\r\nx: y\r\n\r\n'
    changed = b'\xef\xbb\xbfid: 3\r\nevent: chunk\r\n: note\r\ndata: {"choices":[{"index":0,"delta":{"content":"A "}}]}\r\nx: y\r\n\r\n'
    assert through(chat(), raw, range(1, len(raw))) == changed


@given(st.lists(st.sampled_from((b"\r", b"\n", b"\r\n", b"data: {}", b"x", b"data: [1]")), max_size=12), st.data())
def test_no_byte_of_an_event_stream_is_lost(pieces: list[bytes], data: st.DataObject) -> None:
    raw = b": \n" + b"".join(pieces)
    assert through(chat(make=lambda _: Same(), strict=False), raw, data.draw(cuts(len(raw)))) == raw


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n"])
def test_an_event_passes_as_soon_as_it_has_ended(end: bytes) -> None:
    made = chat()
    head = b'data: {"choices": [{"index": 0, "delta": {"content": "a "}}]}'
    assert made.feed(head) == b""
    passed = b"".join(made.feed(bytes([byte])) for byte in end)
    assert passed == b'data: {"choices":[{"index":0,"delta":{"content":"A "}}]}' + end


def test_an_event_that_never_ends_is_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.dialects.rewriting.events.MAX_UNIT", 1 << 16)
    made = chat()
    assert made.feed(b": " + b"x" * 65000) == b""
    with pytest.raises(UpstreamFailed):
        made.feed(b"x" * 4096)
    lenient = chat(strict=False)
    assert (
        b"".join(lenient.feed(b": " + b"x" * 4096) for _ in range(100)) + lenient.finish()
        == (b": " + b"x" * 4096) * 100
    )


def test_a_stream_with_too_many_texts_at_once_ends() -> None:
    made = chat()
    made.feed(sse({"choices": [{"index": index, "delta": {"content": "a"}} for index in range(1000)]}))
    with pytest.raises(UpstreamFailed):
        made.feed(sse({"choices": [{"index": index, "delta": {"content": "a"}} for index in range(1000, 2000)]}))


def test_many_choices_one_after_the_other_are_fine() -> None:
    made = chat()
    for index in range(5000):
        made.feed(sse({"choices": [{"index": index, "delta": {"content": "a"}, "finish_reason": "stop"}]}))
    assert made.finish() == b""


def test_what_a_filter_raises_passes_when_the_events_before_it_have() -> None:
    class Denies(Shout):
        def feed(self, text: str) -> str:
            if "bad" in text:
                raise ContentRefused("A rule denies it.")
            return super().feed(text)

    made = chat(make=lambda _: Denies())
    assert made.feed(delta("one ") + delta("bad ") + delta("two ")).count(b"data:") == 1
    with pytest.raises(ContentRefused):
        made.feed(delta("more "))


def test_a_damaged_frame_ends_the_answer() -> None:
    good = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "a "}})
    for bad in (good[:-1] + b"\x00", b"\x00" * 16, good[:20] + b"!" + good[21:]):
        made = rewriting("bedrock", "bedrock.converse_stream")
        passed = made.feed(good + bad)
        assert event_stream.read(passed) is not None
        with pytest.raises(UpstreamFailed):
            made.feed(good)


def test_what_is_held_comes_before_an_exception_of_bedrock() -> None:
    raw = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "held"}}) + exception()
    passed = through(rewriting("bedrock", "bedrock.converse_stream"), raw)
    frames = [event_stream.read(frame) for frame in event_stream.Frames().feed(passed)]
    assert [frame.object().get("delta", {}).get("text") for frame in frames if frame] == ["", "HELD", None]
    assert passed.endswith(exception())


def test_a_whole_body_is_read_as_one_though_a_stream_was_asked_for() -> None:
    body = {"id": "c", "choices": [{"index": 0, "message": {"content": "so it is"}, "finish_reason": "stop"}]}
    raw = json.dumps(body, indent=2).encode()
    passed = json.loads(through(chat(), raw, range(1, len(raw))))
    assert passed["choices"][0]["message"]["content"] == "SO IT IS"


def test_the_bound_leaves_room_for_pictures() -> None:
    assert values.MAX_UNIT >= event_stream.MAX_FRAME
    picture = {"type": "response.image_generation_call.partial_image", "partial_image_b64": "A" * (4 << 20)}
    raw = framed("sse", [picture])
    places = range(0, len(raw), 65536)
    assert through(rewriting("openai_responses", "openai.responses"), raw, places) == raw


def test_an_answer_that_was_ended_stays_ended() -> None:
    made = chat()
    for _ in range(2):
        with pytest.raises(UpstreamFailed):
            made.feed(UNREADABLE[0])
        with pytest.raises(UpstreamFailed):
            made.feed(delta("one "))


@pytest.mark.parametrize(
    "ends", [(b"\r\r", b"\n\n"), (b"\n\n", b"\r\n\r\n"), (b"\r\n\r\n", b"\n\n"), (b"\r\r", b"\r\n\r\n")]
)
def test_ends_of_events_may_differ(ends: tuple[bytes, bytes]) -> None:
    raw = b"".join(b'data: {"choices": [{"index": 0, "delta": {"content": "a "}}]}' + end for end in ends)
    assert through(chat(), raw).count(b'"A "') == 2
