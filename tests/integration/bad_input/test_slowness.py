"""Callers who are slower than the deadlines allow, on any request of a connection."""

from __future__ import annotations

from tests.support.families import OPENAI, Family, one_call, told
from tests.support.refusals import BAD_KIND, every_family
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.talking import Heard, Talking, request


def drip(line: Talking, data: bytes) -> Heard:
    """A byte at a time, slower than any deadline here allows."""
    for at in range(min(len(data), 30)):
        line.send(data[at : at + 1], pause_s=0.1)
    return line.answer()


def test_slow_headers_on_a_second_request_are_timed_like_those_of_the_first(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    with Talking(proxy.port) as line:
        assert line.send(request("GET", "/livez")).answer().status == 200
        heard = drip(line, OPENAI.post(proxy))
        assert (heard.status, heard.header("connection")) == (408, "close")
        assert line.rest() == b""
    assert scripted.seen == []


@every_family
def test_a_slow_body_is_told_and_ends_the_connection(
    family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    with Talking(proxy.port) as line:
        line.send(request("POST", family.path, headers=(family.key(proxy.key), ("content-length", "5000"))))
        heard = drip(line, b'{"model":"gpt-x","messages":[{"role":"user"')
        assert (heard.status, heard.header("connection")) == (408, "close")
        assert told(family, heard)[0] == BAD_KIND[family.name]
        assert line.rest() == b""
    assert scripted.seen == []


def test_a_caller_who_leaves_in_the_middle_of_a_body_forwards_nothing(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    with Talking(proxy.port) as line:
        line.send(request("POST", OPENAI.path, headers=(OPENAI.key(proxy.key), ("content-length", "50"))) + b'{"model"')
    assert one_call(proxy, request("GET", "/livez")).status == 200
    assert scripted.seen == []
