"""Whoever fails in the middle of an upload: the others are told at once, and nothing is booked that was not done."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

import pytest

from tests.support.at_rest import wait_rest
from tests.support.forms import Part, form, wav
from tests.support.running import RunningProxy
from tests.support.talking import Talking
from tests.support.upload_calls import (
    MB,
    MODEL,
    NOISE,
    begin,
    large,
    row_of,
    send,
    upload_proxy,
)
from tests.support.uploading import Manner, Taker


@pytest.fixture(scope="module")
def upstream() -> Iterator[Taker]:
    with Taker() as made:
        yield made


@pytest.fixture(scope="module")
def second() -> Iterator[Taker]:
    with Taker() as made:
        yield made


@pytest.fixture(scope="module")
def proxy(upstream: Taker, second: Taker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with upload_proxy(tmp_path_factory.mktemp("home"), upstream, second) as running:
        heard = send(running, form([MODEL, Part("file", NOISE, "a.mp3")]))  # the first one warms up
        assert heard.status == 200, heard
        yield running


@pytest.fixture(autouse=True)
def _fresh(upstream: Taker, second: Taker) -> None:
    for taker in (upstream, second):
        taker.manner = Manner()
        taker.taken.clear()


@pytest.mark.parametrize("model", ["own/whisper", "drained"])
def test_a_caller_who_leaves_in_the_middle_cancels_the_upstream_at_once_even_where_answers_are_drained(
    proxy: RunningProxy, upstream: Taker, model: str
) -> None:
    before = len(wait_rest(proxy))
    length, pieces = large((Part("model", model.encode()),), 50)
    with Talking(proxy.port) as line:
        begin(proxy, line, length)
        line.send(*list(pieces)[:10])
        left = time.monotonic()
    assert upstream.last().ended_at - left < 1.0
    assert not upstream.last().whole
    row = [row for row in wait_rest(proxy) if row.outcome == "client_abort"][-1]
    assert (row.status, row.cost_nusd, len(proxy.rows())) == (499, 0, before + 1)


def test_an_upstream_that_refuses_early_is_heard_while_the_caller_still_sends(
    proxy: RunningProxy, upstream: Taker
) -> None:
    upstream.manner = Manner(after=2 * MB, early=413)
    length, pieces = large((MODEL,), 200)
    began = time.monotonic()
    with Talking(proxy.port) as line:
        begin(proxy, line, length)
        heard = line.send(*pieces).answer()
    assert (heard.status, heard.json()["error"]["code"]) == (413, "early")
    assert heard.header("connection") == "close"
    assert time.monotonic() - began < 15
    row = row_of(proxy, heard)
    assert (row.outcome, row.upstream_status, row.cost_nusd) == ("upstream_error", 413, 0)


def test_an_early_refusal_is_heard_by_a_caller_who_has_stopped_sending(proxy: RunningProxy, upstream: Taker) -> None:
    upstream.manner = Manner(after=MB, early=401)
    length, pieces = large((MODEL,), 200)
    with Talking(proxy.port) as line:
        begin(proxy, line, length)
        assert line.send(*list(pieces)[:4]).answer().status == 401


def test_an_upstream_that_dies_in_the_middle_of_what_is_kept_nowhere_is_told_and_nobody_else_is_asked(
    proxy: RunningProxy, upstream: Taker, second: Taker
) -> None:
    upstream.manner = Manner(after=2 * MB, reset=True)
    length, pieces = large((Part("model", b"pair-a"),), 50)
    with Talking(proxy.port) as line:
        begin(proxy, line, length)
        heard = line.send(*pieces).answer()
    assert (heard.status, heard.json()["error"]["type"]) == (502, "server_error")
    assert not second.taken
    assert row_of(proxy, heard).cost_nusd == 0


@pytest.mark.parametrize(
    "manner",
    [Manner(after=2 * MB, reset=True), Manner(status=503), Manner(after=MB, early=503)],
    ids=["died", "busy", "early"],
)
def test_what_waited_on_disk_is_sent_to_the_next_upstream_whole(
    proxy: RunningProxy, upstream: Taker, second: Taker, manner: Manner
) -> None:
    upstream.manner = manner
    length, pieces = large((Part("model", b"pair-a"),), 5, first=False)
    with Talking(proxy.port) as line:
        begin(proxy, line, length)
        heard = line.send(*pieces).answer()
    assert heard.status == 200, heard
    assert second.last().digest == hashlib.sha256(b"".join(pieces)).hexdigest()
    first, last = proxy.wait_rows(2, request_id=heard.header("x-request-id"))
    assert (first.outcome, first.cost_nusd, last.outcome, last.upstream) == ("upstream_error", 0, "ok", "two")


def test_a_small_form_is_sent_to_the_next_upstream_too(proxy: RunningProxy, upstream: Taker, second: Taker) -> None:
    upstream.manner = Manner(status=503)
    body = form([Part("model", b"pair-a"), Part("file", wav(2), "a.wav")])
    assert send(proxy, body).status == 200
    assert second.last().digest == hashlib.sha256(body).hexdigest()


def test_an_upstream_that_stops_reading_is_given_up(proxy: RunningProxy, upstream: Taker) -> None:
    upstream.manner = Manner(after=MB, stall=True)
    length, pieces = large((MODEL,), 50)
    with Talking(proxy.port) as line:
        begin(proxy, line, length)
        heard = line.send(*pieces).answer()
    assert heard.status == 504
    assert "go on reading" in heard.json()["error"]["message"]


def test_a_caller_who_trickles_is_told_and_the_upstream_is_spared(proxy: RunningProxy, upstream: Taker) -> None:
    length, pieces = large((MODEL,), 50)
    with Talking(proxy.port) as line:
        begin(proxy, line, length)
        line.send(next(iter(pieces)) + NOISE[:65_536])
        for _ in range(40):
            line.send(b"x" * 100, pause_s=0.1)
            if upstream.taken and upstream.taken[-1].ended.is_set():
                break
        heard = line.answer()
    assert heard.status == 408, heard
    assert not upstream.last().whole
    assert row_of(proxy, heard).cost_nusd == 0
