"""Uploads of any size pass in constant memory; whoever fails on the way is told apart, and nobody waits for the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from tests.support.forms import Part, form, wav
from tests.support.running import RunningProxy
from tests.support.talking import Talking, request
from tests.support.upload_calls import (
    END,
    FILE,
    MB,
    MODEL,
    NOISE,
    PATH,
    Watched,
    begin,
    field,
    headers,
    kept_by,
    large,
    row_of,
    send,
    upload_proxy,
    worker_of,
)
from tests.support.uploading import Manner, Taker

GROWTH_KIB = 10 << 10  # that a worker may need for uploads of any size


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


@pytest.mark.parametrize("order", ["model before the file", "file before the model"])
def test_two_hundred_megabytes_pass_in_constant_memory_whatever_stands_first(
    proxy: RunningProxy, upstream: Taker, order: str
) -> None:
    worker = worker_of(proxy)
    length, pieces = large((MODEL,), 200, first=order.startswith("model"))
    digest = hashlib.sha256()
    with Watched(worker) as memory, Talking(proxy.port) as line:
        begin(proxy, line, length)
        for piece in pieces:
            line.send(piece)
            digest.update(piece.replace(b"own/whisper", b"whisper"))
        heard = line.answer()
    print(f"growth {memory.growth} KiB")
    assert heard.status == 200, heard
    assert memory.growth < GROWTH_KIB
    taken = upstream.last()
    assert (taken.size, taken.digest) == (length - len("own/"), digest.hexdigest())
    assert taken.headers["content-length"] == str(length - len("own/"))
    assert row_of(proxy, heard).usage.seconds == 37
    assert row_of(proxy, heard).edits == ("model",)
    assert not kept_by(proxy, worker)


def test_an_upload_of_unknown_length_goes_on_in_chunks(proxy: RunningProxy, upstream: Taker) -> None:
    _, pieces = large((Part("model", b"pair-a"),), 8)
    with Talking(proxy.port) as line:
        line.send(request("POST", PATH, None, headers(proxy, ("transfer-encoding", "chunked"))))
        for piece in pieces:
            line.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        heard = line.send(b"0\r\n\r\n").answer()
    taken = upstream.last()
    assert (heard.status, taken.chunked) == (200, True)
    assert taken.digest == hashlib.sha256(b"".join(pieces)).hexdigest()


def test_a_connection_serves_the_next_call_after_an_upload(proxy: RunningProxy, upstream: Taker) -> None:
    with Talking(proxy.port) as line:
        for _ in range(3):
            length, pieces = large((Part("model", b"pair-a"),), 2)
            begin(proxy, line, length)
            assert line.send(*pieces).answer().status == 200
    assert [taken.whole for taken in upstream.taken] == [True] * 3


# Who is asked first.


def test_a_stranger_and_a_caller_without_budget_are_told_before_their_file_is_taken(
    proxy: RunningProxy, upstream: Taker
) -> None:
    with Talking(proxy.port) as line:
        head = headers(proxy, ("content-length", "200000000"), ("expect", "100-continue"), key="tg_wrong")
        assert line.send(request("POST", PATH, None, head)).answer().status == 401
    length, pieces = large((Part("model", b"dear-a"),), 100)
    with Talking(proxy.port) as line:
        begin(proxy, line, length)
        heard = line.send(next(iter(pieces))).answer()
    assert heard.status == 429
    assert heard.json()["error"]["type"] == "insufficient_quota"
    assert not upstream.taken


def test_a_caller_who_waits_to_be_asked_is_asked(proxy: RunningProxy) -> None:
    body = form([MODEL, Part("file", NOISE, "a.mp3")])
    with Talking(proxy.port) as line:
        more = (("content-length", str(len(body))), ("expect", "100-continue"))
        line.send(request("POST", PATH, None, headers(proxy, *more)))
        assert line.head().status == 100
        assert line.send(body).answer().status == 200


# Bounds.


def test_what_declares_more_than_the_limit_is_refused_at_once_and_any_other_body_keeps_its_own_limit(
    proxy: RunningProxy, upstream: Taker
) -> None:
    for path, length in ((PATH, 211 * MB), ("/v1/chat/completions", 17 * MB)):
        with Talking(proxy.port) as line:
            head = headers(proxy, ("content-length", str(length)), ("expect", "100-continue"))
            heard = line.send(request("POST", path, None, head)).answer()
        assert heard.status == 413, heard
        assert heard.json()["error"]["code"] == "request_too_large"
    assert not upstream.taken


def test_what_grows_beyond_the_limit_is_cut_on_both_sides(proxy: RunningProxy, upstream: Taker) -> None:
    _, pieces = large((Part("model", b"pair-a"),), 215)
    with Talking(proxy.port) as line:
        line.send(request("POST", PATH, None, headers(proxy, ("transfer-encoding", "chunked"))))
        for piece in pieces:
            line.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        heard = line.answer()
    assert heard.status == 413
    assert not upstream.last().whole
    row = row_of(proxy, heard)
    assert (row.attempt, row.cost_nusd, row.error) == (1, 0, "request_too_large")


BROKEN: dict[str, bytes] = {
    "two models": form([MODEL, Part("file", wav(1), "a.wav"), Part("model", b"other")]),
    "no model": form([Part("file", wav(1), "a.wav")]),
    "no end": form([MODEL, Part("file", wav(1), "a.wav")])[:-10],
    "a model that is a file": form([Part("model", b"own/whisper", "model.txt"), Part("file", wav(1), "a.wav")]),
    "no form": b'{"model": "own/whisper"}',
    "nothing": b"",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
def test_a_broken_form_is_told_and_not_forwarded(proxy: RunningProxy, upstream: Taker, body: bytes) -> None:
    heard = send(proxy, body)
    assert (heard.status, heard.header("x-should-retry")) == (400, "false")
    assert heard.json()["error"]["code"] in {"invalid_form", "invalid_type"}
    assert not upstream.taken
    assert (row_of(proxy, heard).attempt, row_of(proxy, heard).outcome) == (0, "denied")


@pytest.mark.parametrize("tail", [field(Part("model", b"other")) + END, b""], ids=["another model", "no end"])
def test_a_form_that_breaks_behind_a_large_file_never_arrives_whole(
    proxy: RunningProxy, upstream: Taker, tail: bytes
) -> None:
    body = field(Part("model", b"pair-a")) + FILE + NOISE * 2 + b"\r\n" + tail
    heard = send(proxy, body)
    assert heard.status == 400
    assert heard.json()["error"]["code"] == "invalid_form"
    assert not upstream.last().whole
    row = row_of(proxy, heard)
    assert (row.attempt, row.cost_nusd, row.status, row.outcome) == (1, 0, 400, "denied")


# What is booked.


@pytest.mark.parametrize("model", ["pair-a", "token-a"])
def test_an_answer_that_reports_nothing_is_booked_by_the_length_of_the_file_and_never_for_nothing(
    proxy: RunningProxy, upstream: Taker, model: str
) -> None:
    upstream.manner = Manner(answer={"text": "four words of text"})
    heard = send(proxy, form([Part("file", wav(20.5), "a.wav"), Part("model", model.encode())]))
    row = row_of(proxy, heard)
    assert (row.usage.seconds, row.usage.usage_source) == (21, "estimated")
    assert heard.header("x-tally-usage") == "estimated"
    if model == "pair-a":
        assert (row.cost_nusd, row.price_flag) == (21_000_000, "usage_missing")
    else:  # ten tokens a second, and what was said
        assert (row.usage.input, row.usage.output, row.cost_nusd) == (210, 4, 214_000_000)


def test_what_was_held_is_what_the_file_will_probably_cost(proxy: RunningProxy) -> None:
    heard = send(proxy, form([Part("model", b"pair-a"), Part("file", wav(300), "a.wav")]))
    assert row_of(proxy, heard).held_nusd == 300_000_000
