"""What a caller gets of an answer: without what rules take out, with their own values, and never unread past a rule."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import json
import time
import zlib
from collections.abc import Sequence

import msgspec
import pytest

from proxy.config.directory import Directory
from proxy.domain.decision import Decision, Inspection
from proxy.domain.errors import ContentRefused
from proxy.policy.content.contents import Contents
from proxy.policy.content.pack import PACK
from proxy.policy.content.slices import at_once
from proxy.policy.content.vault import Vault
from proxy.steps.screened import Edited, Screened
from proxy.steps.screened_answer import AnswerScreen, Passed, screen_of
from proxy.steps.screened_stream import StreamScreen, reads_whole, stream_screen_of
from proxy.steps.visit import Plan, Visit
from tests.support.contents import KEY, MAIL, make_wish
from tests.support.plans import NoonClock, Recorder, make_call, make_plan, make_visit, make_world

CONTENTS = Contents(PACK, streamed=PACK)
DENY = make_wish(places=("answer",))
MASK = make_wish(rule="org/mask", find=("pii",), places=("answer",), then="redact")


class Answer:
    """Satisfies ``ports.Answer`` as far as a screen asks."""

    def __init__(self, content_type: bytes = b"application/json", coding: bytes = b"") -> None:
        self.status, self.coding = 200, coding
        self.headers: Sequence[tuple[bytes, bytes]] = ((b"content-type", content_type),)

    async def read(self) -> bytes:
        return b""

    async def piece(self) -> bytes:
        return b""

    def arrived(self, most: int) -> bytes:  # noqa: ARG002 - there is nothing
        return b""

    def close(self) -> None:
        """Nothing to do."""


def stage(*wishes: Inspection, vault: Vault | None = None) -> tuple[AnswerScreen, Visit, Plan, Recorder]:
    """A screen for an answer about which these rules speak, and to which the vault belongs."""
    gauge, visit = Recorder(), make_visit()
    visit.generation = dataclasses.replace(visit.generation, content=CONTENTS, directory=Directory("acme", secret=b"s"))
    decision = Decision("d_1", "g1", inspections=wishes)
    looked = CONTENTS.look([], [])
    plan = make_plan(decision=decision)
    seen = Screened((), make_call(), Edited(plan.ask), looked, vault=vault)
    plan = dataclasses.replace(plan, screened=seen if vault is not None else None)
    screen = screen_of(make_world(gauge), visit, plan)
    assert screen is not None
    return screen, visit, plan, gauge


def filled() -> tuple[Vault, str]:
    vault = Vault(b"key")
    return vault, vault.put("EMAIL", MAIL)


def test_without_rules_and_values_there_is_no_screen() -> None:
    visit, plan = make_visit(), make_plan(decision=Decision("d", "g", inspections=(make_wish(),)))
    assert screen_of(make_world(), visit, plan) is None
    empty = Vault(b"key")
    empty.put("EMAIL", MAIL, lasts=True)
    seen = Screened((), make_call(), Edited(plan.ask), CONTENTS.look([], []), vault=empty)
    assert screen_of(make_world(), visit, dataclasses.replace(plan, screened=seen)) is None


class Ticking(NoonClock):
    """A clock that goes on."""

    def monotonic(self) -> float:
        return time.monotonic()


def test_a_short_answer_that_is_compressed_is_looked_through_while_others_are_served() -> None:
    body = gzip.compress(json.dumps({"text": f"{MAIL}, " * 9000}).encode())
    assert len(body) < 4096
    turns: list[int] = []

    async def others() -> None:
        while True:
            turns.append(1)
            await asyncio.sleep(0)

    async def main() -> Passed:
        _, visit, plan, gauge = stage(MASK)
        world = make_world(gauge)
        world.clock = Ticking()
        screen = screen_of(world, visit, plan)
        assert screen is not None
        beside = asyncio.create_task(others())
        try:
            return await screen.passed(Answer(coding=b"gzip"), body)
        finally:
            beside.cancel()

    passed = asyncio.run(main())
    assert MAIL.encode() not in passed.body
    assert passed.is_unpacked
    assert turns


def test_values_come_back_as_json_has_them_and_other_bytes_stay() -> None:
    vault, made = filled()
    quoted = vault.put("NOTE", 'a "b"\n\\')
    body = json.dumps({"id": made, "text": f"to {made}", "arguments": json.dumps({"x": quoted})}, indent=3).encode()
    screen, *_ = stage(vault=vault)
    passed = at_once(screen.whole(Answer(), body))
    told = json.loads(passed.body)
    assert (told["id"], told["text"]) == (made, f"to {MAIL}")
    assert json.loads(told["arguments"]) == {"x": 'a "b"\n\\'}
    assert passed.body.startswith(b'{\n   "id": "')


def test_an_answer_without_anything_of_ours_is_the_same_object() -> None:
    body = b'{"text": "hello EMAIL-000000"}'
    for screen in (stage(vault=filled()[0])[0], stage(DENY, MASK)[0]):
        assert at_once(screen.whole(Answer(), body)).body is body


def test_what_the_model_wrote_is_looked_at_and_the_callers_own_values_come_back() -> None:
    vault, made = filled()
    screen, *_ = stage(MASK, vault=vault)
    text = json.loads(
        at_once(screen.whole(Answer(), json.dumps({"text": f"{made} or eve@other.example"}).encode())).body
    )["text"]
    assert text.startswith(f"{MAIL} or EMAIL-")
    assert "eve@other.example" not in text


@pytest.mark.parametrize(("coding", "pack"), [(b"gzip", gzip.compress), (b"deflate", zlib.compress)])
def test_a_packed_answer_is_unpacked_where_something_changes(coding: bytes, pack: type[bytes]) -> None:
    screen, *_ = stage(DENY, MASK)
    same, changed = pack(b'{"text": "hi"}'), pack(json.dumps({"text": MAIL}).encode())
    assert at_once(screen.whole(Answer(coding=coding), same))[::2] == (same, False)
    body, _, is_unpacked = at_once(screen.whole(Answer(coding=coding), changed))
    assert is_unpacked
    assert json.loads(body)["text"].startswith("EMAIL-")
    with pytest.raises(ContentRefused):
        at_once(screen.whole(Answer(coding=coding), pack(KEY.encode())))


@pytest.mark.parametrize(
    ("answer", "body"),
    [(Answer(coding=b"br"), b"{}"), (Answer(b"application/octet-stream"), b"\xff\0"), (Answer(coding=b"gzip"), b"{}")],
)
def test_what_cannot_be_read_is_withheld_by_a_rule_in_force_and_passes_where_only_values_would_come_back(
    answer: Answer, body: bytes
) -> None:
    with pytest.raises(ContentRefused, match="cannot be read here"):
        at_once(stage(DENY)[0].whole(answer, body))
    assert at_once(stage(vault=filled()[0])[0].whole(answer, body)).body is body
    warned = at_once(stage(msgspec.structs.replace(DENY, mode="warn"))[0].whole(answer, body))
    assert "would refuse" in warned.plan.decision.warnings[0].text
    assert (
        at_once(stage(msgspec.structs.replace(DENY, mode="audit"))[0].whole(answer, body)).plan.decision.warnings == ()
    )


def test_media_are_not_looked_through() -> None:
    body = b"\xff\0" + KEY.encode()
    assert at_once(stage(DENY)[0].whole(Answer(b"Image/PNG"), body)).body is body
    screen, _, plan, _ = stage(DENY)
    assert stream_screen_of(screen, plan, Answer(b"audio/mpeg")) is None


@pytest.mark.parametrize("mode", ["audit", "warn", "enforce"])
def test_findings_are_counted_in_every_mode_and_refuse_in_one(mode: str) -> None:
    screen, visit, _, gauge = stage(msgspec.structs.replace(DENY, mode=mode))
    body = json.dumps({"a": KEY}).encode()
    if mode == "enforce":
        with pytest.raises(ContentRefused) as refused:
            at_once(screen.whole(Answer(), body))
        assert KEY not in refused.value.message
        assert visit.decision is not None
        assert visit.decision.denied_by == "org/no-secrets"
    else:
        assert bool(at_once(screen.whole(Answer(), body)).plan.decision.warnings) == (mode == "warn")
    assert gauge.said == [("org/no-secrets", (mode, "answer", "secrets.aws-access-key", 1))]


# -- streams


def streaming(*wishes: Inspection, vault: Vault | None = None, coding: bytes = b"") -> tuple[StreamScreen, Recorder]:
    screen, _, plan, gauge = stage(*wishes, vault=vault)
    stream = stream_screen_of(screen, plan, Answer(b"text/event-stream", coding))
    assert stream is not None
    return stream, gauge


def event(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def test_a_stream_is_cut_before_what_is_denied_and_the_refusal_follows_at_once() -> None:
    stream, gauge = streaming(DENY)
    passed = stream.feed(event("the key is ") + event(KEY) + event(". There, you see.\n\n"))
    assert b"the key" in passed
    assert KEY.encode() not in passed
    assert b"you see" not in passed
    with pytest.raises(ContentRefused):
        stream.check()
    with pytest.raises(ContentRefused):
        stream.feed(END)
    stream.ended()
    assert gauge.said == [("org/no-secrets", ("enforce", "answer", "secrets.aws-access-key", 1))]


def test_what_is_only_found_when_the_text_ends_is_refused_before_the_end_passes() -> None:
    stream, _ = streaming(DENY)
    passed = stream.feed(event(KEY))
    stream.check()
    assert KEY[:4].encode() not in passed
    with pytest.raises(ContentRefused):
        stream.feed(END)


def test_a_packed_stream_is_unpacked_and_one_that_cannot_be_is_refused_before_it_begins() -> None:
    vault, made = filled()
    stream, _ = streaming(vault=vault, coding=b"gzip")
    assert stream.is_unpacked
    packed = gzip.compress(event(f"to {made}.") + END)
    passed = b"".join(stream.feed(packed[at : at + 7]) for at in range(0, len(packed), 7)) + stream.finish()
    assert f"to {MAIL}.".encode() in passed
    screen, _, plan, _ = stage(DENY)
    with pytest.raises(ContentRefused, match="compressed"):
        stream_screen_of(screen, plan, Answer(b"text/event-stream", b"br"))


def test_one_json_instead_of_a_stream_that_nobody_takes_apart_is_read_whole() -> None:
    _, _, plan, _ = stage(DENY)
    assert not reads_whole(plan, Answer())
    files = dataclasses.replace(
        plan,
        ask=msgspec.structs.replace(
            plan.ask, endpoint=msgspec.structs.replace(plan.ask.endpoint, api="openai.embeddings")
        ),
    )
    assert reads_whole(files, Answer(b"application/json; charset=utf-8"))
    assert not reads_whole(files, Answer(b"application/octet-stream"))


@pytest.mark.parametrize("mode", ["audit", "warn"])
@pytest.mark.parametrize(
    "data",
    [event("the ke") + event("y is ") + event(KEY) + event("!") + END, b"data: {no json\n\n" + event(KEY) + END],
    ids=["readable", "unreadable in part"],
)
@pytest.mark.parametrize("size", [7, 1 << 20])
def test_a_rule_that_only_watches_sees_a_copy_and_the_caller_gets_the_bytes_as_they_came(
    mode: str, data: bytes, size: int
) -> None:
    stream, gauge = streaming(msgspec.structs.replace(DENY, mode=mode))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    assert [stream.feed(piece) for piece in pieces] == pieces
    assert stream.finish() == b""
    stream.check()
    stream.ended()
    assert gauge.said == [("org/no-secrets", (mode, "answer", "secrets.aws-access-key", 1))]


def test_a_packed_stream_under_rules_that_only_watch_stays_packed_also_where_it_cannot_be_unpacked() -> None:
    packed = gzip.compress(event(KEY) + END)
    for data, count in ((packed, 1), (packed[:12] + b"\xff" * 40, 0)):
        stream, gauge = streaming(msgspec.structs.replace(DENY, mode="audit"), coding=b"gzip")
        assert not stream.is_unpacked
        assert stream.feed(data) + stream.finish() == data
        stream.ended()
        assert len(gauge.said) == count


def test_where_values_are_only_put_back_what_cannot_be_read_passes_and_watching_rules_hold_nothing_back() -> None:
    vault, made = filled()
    stream, gauge = streaming(msgspec.structs.replace(DENY, mode="audit"), vault=vault)
    odd = b"data: {no json\n\n"
    assert stream.feed(odd) == odd
    assert stream.feed(event("AKIA")) == event("AKIA")  # a key may have begun: a rule in force would wait
    assert f"to {MAIL}.".encode() in stream.feed(event(f"to {made}.") + event(KEY) + END)
    stream.ended()
    assert len(gauge.said) == 1
