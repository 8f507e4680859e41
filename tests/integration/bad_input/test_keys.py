"""Keys that open nothing, and the body that is never read for them."""

from __future__ import annotations

import pytest

from tests.support.families import OPENAI, Family, told
from tests.support.refusals import CANARY, NO_KEY, every_family, refused
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.talking import Talking, request


@every_family
@pytest.mark.parametrize("key", ["", "x", "tg_" + "A" * 43, "provider-secret", f"tg_{CANARY}", "tg_" + "A" * 5000])
def test_a_key_that_opens_nothing_is_told_alike_and_its_body_is_never_read(
    key: str, family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    data = request("POST", family.path, b'{"not even": JSON', (family.key(key),))
    heard = refused(proxy, scripted, data)
    kind, _, message = told(family, heard)
    assert (heard.status, kind) == (401, NO_KEY[family.name])
    assert message.startswith("No valid key.")
    assert proxy.rows(request_id=heard.header("x-request-id")) == []  # a flood of bad keys must not fill the journal


@every_family
def test_an_expectation_with_a_bad_key_gets_no_continue_and_no_body_is_taken(
    family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    headers = (family.key("tg_" + "B" * 43), ("expect", "100-continue"), ("content-length", "1000"))
    heard = refused(proxy, scripted, request("POST", family.path, headers=headers))
    assert heard.status == 401
    assert told(family, heard)[0] == NO_KEY[family.name]
    assert heard.header("connection") == "close"


def test_an_expectation_that_is_too_large_gets_no_continue(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    headers = (OPENAI.key(proxy.key), ("expect", "100-continue"), ("content-length", str(100 << 20)))
    assert refused(proxy, scripted, request("POST", OPENAI.path, headers=headers)).status == 413


def test_an_expectation_with_a_good_key_is_told_to_continue_once(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    body = b'{"model":'
    headers = (OPENAI.key(proxy.key), ("expect", "100-continue"), ("content-length", str(len(body))))
    with Talking(proxy.port) as line:
        assert line.send(request("POST", OPENAI.path, headers=headers)).head().status == 100
        assert line.send(body).answer().status == 400
    assert scripted.seen == []
