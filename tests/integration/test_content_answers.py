"""Content rules about answers in the running proxy, whole and streamed: what the caller got, and what was booked."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator

import pytest

from proxy.domain.row import Outcome
from tests.support.content_calls import PLACEHOLDER, asked, call, content_proxy, echoing, events, row_of, said, spoken
from tests.support.contents import KEY, MAIL
from tests.support.families import FAMILIES, OPENAI, Family, one_call, told
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import Script, streamed, whole
from tests.support.talking import request


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with content_proxy(tmp_path_factory.mktemp("home"), scripted.base_url) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(scripted: ScriptedUpstream) -> None:
    scripted.forget()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_an_answer_with_a_secret_is_withheld_and_booked_truly(
    proxy: RunningProxy, scripted: ScriptedUpstream, family: Family
) -> None:
    scripted.replies(whole(said(family, f"use {KEY}")))
    heard = call(proxy, family, "answer-deny-x", "hi")
    _, _, message = told(family, heard)
    assert heard.status == 400
    assert "answer/deny found secrets.aws-access-key in the answer" in message
    assert KEY.encode() not in heard.body
    row = row_of(proxy, heard)
    assert (row.outcome, row.status, row.upstream_status) == (Outcome.DENIED, 400, 200)
    assert row.refused is not None
    assert row.refused.rule == "answer/deny"
    assert any("found secrets.aws-access-key" in line for line in row.why)
    assert (row.usage.input, row.usage.output, row.cost_nusd) == (12, 3, 18_000)


@pytest.mark.parametrize("coding", ["", "gzip", "br"])
def test_what_is_found_in_an_answer_is_replaced_and_stays_replaced(
    proxy: RunningProxy, scripted: ScriptedUpstream, coding: str
) -> None:
    body = json.dumps(said(OPENAI, f"ask {MAIL}")).encode()
    data = gzip.compress(body) if coding == "gzip" else body if not coding else b"\x0b\x02\x80" + body
    scripted.replies(whole(data, headers=[("content-encoding", coding)] if coding else []))
    heard = call(proxy, OPENAI, "answer-mask-x", "hi")
    if coding == "br":
        assert heard.status == 400
        assert "cannot be read here" in told(OPENAI, heard)[2]
        return
    assert heard.status == 200
    assert heard.header("content-encoding") is None
    (made,) = PLACEHOLDER.findall(heard.body.decode())
    assert heard.body == body.replace(MAIL.encode(), made.encode())
    assert row_of(proxy, heard).usage.output == 3


def test_an_answer_that_is_a_text_is_looked_through_as_well(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(f"ask {MAIL}".encode(), content_type="text/plain"))
    heard = call(proxy, OPENAI, "answer-mask-x", "hi")
    assert re.fullmatch(rb"ask EMAIL-[0-9A-Z]{6}", heard.body)


# -- streams


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_values_come_back_in_a_stream_however_it_is_cut(
    proxy: RunningProxy, scripted: ScriptedUpstream, family: Family
) -> None:
    def answer(made: str) -> Script:
        text = f"I wrote to {made}, to {made}."
        return streamed(events(family, [text[at : at + 3] for at in range(0, len(text), 3)]))

    scripted.replies(echoing(scripted, answer))
    heard = call(proxy, family, "mask-x", f"Write to {MAIL}", stream=True)
    assert heard.status == 200
    assert spoken(family, heard.body) == f"I wrote to {MAIL}, to {MAIL}."
    assert MAIL.encode() not in scripted.seen[0].body
    row = row_of(proxy, heard)
    assert (row.outcome, row.usage.input, row.usage.output) == (Outcome.OK, 12, 3)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("come", ["in pieces", "at once"])
def test_a_stream_is_cut_before_a_secret_and_never_ends_as_if_it_were_whole(
    proxy: RunningProxy, scripted: ScriptedUpstream, family: Family, come: str
) -> None:
    text = f"The key of the account is {KEY}, as you know."
    pieces = events(family, [text[at : at + 5] for at in range(0, len(text), 5)])
    scripted.replies(streamed([b"".join(pieces)] if come == "at once" else pieces))
    heard = call(proxy, family, "answer-deny-x", "hi", stream=True)
    assert heard.status == 200
    assert KEY[:8].encode() not in heard.body
    assert "The key of the account is".startswith(spoken(family, heard.body).strip())
    assert b"answer/deny found secrets.aws-access-key" in heard.body
    for end in (b"[DONE]", b"message_stop", b"finishReason", b'"stop"'):
        assert end not in heard.body
    row = row_of(proxy, heard)
    assert (row.outcome, row.error) == (Outcome.DENIED, "content_policy_violation")
    assert row.refused is not None
    assert row.refused.rule == "answer/deny"
    assert row.why
    assert row.usage.output


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_what_is_found_in_a_stream_is_replaced(proxy: RunningProxy, scripted: ScriptedUpstream, family: Family) -> None:
    text = f"Ask {MAIL}, please."
    scripted.replies(streamed(events(family, [text[at : at + 4] for at in range(0, len(text), 4)])))
    heard = call(proxy, family, "answer-mask-x", "hi", stream=True)
    assert re.fullmatch(r"Ask EMAIL-[0-9A-Z]{6}, please\.", spoken(family, heard.body))
    assert row_of(proxy, heard).usage.output == 3


def test_a_stream_about_which_no_rule_speaks_passes_byte_for_byte(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    pieces = events(OPENAI, [f"Ask {MAIL} or", f" {KEY}"])
    scripted.replies(streamed(pieces))
    path, body = asked(OPENAI, "free-x", "hi", stream=True)
    body |= {"stream_options": {"include_usage": True}}
    heard = one_call(proxy, request("POST", path, json.dumps(body).encode(), (OPENAI.key(proxy.key),)))
    assert heard.body == b"".join(pieces)


def test_a_stream_that_cannot_be_taken_apart_is_refused_by_a_rule_in_force(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(streamed([b"data: hi\n\n"]))
    heard = one_call(proxy, request("POST", "/v1/files/answer", b"{}", (OPENAI.key(proxy.key),)))
    assert heard.status == 400
    assert "cannot be taken apart" in told(OPENAI, heard)[2]
