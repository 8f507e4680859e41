"""Bodies that are no strict JSON object, and members of the wrong type."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.support.families import ANTHROPIC, GEMINI, OPENAI, Family, told
from tests.support.refusals import BAD_KIND, CANARY, every_family, refused
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream

NESTED = f'{{"{CANARY}":' * 70 + "1" + "}" * 70
BODIES = {
    "no bytes at all": b"",
    "nested 100,000 deep": b'{"messages":' + b"[" * 100_000,
    "nested 100,000 deep and closed": b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested 70 deep": f'{{"model":"gpt-x","metadata":{NESTED}}}'.encode(),
    "a member twice": b'{"model":"gpt-x","model":"gpt-y","messages":[]}',
    "a member twice, escaped the second time": b'{"model":"gpt-x","\\u006dodel":"gpt-y","messages":[]}',
    "a member twice deep inside": f'{{"messages":[{{"content":"a","content":"{CANARY}"}}]}}'.encode(),
    "NaN": b'{"temperature":NaN}',
    "Infinity": b'{"temperature":Infinity}',
    "minus Infinity": b'{"temperature":-Infinity}',
    "bytes that are no UTF-8": b'{"messages":[{"content":"\xff\xfe"}]}',
    "an overlong UTF-8 form": b'{"messages":[{"content":"\xc0\xaf"}]}',
    "a surrogate in UTF-8": b'{"messages":[{"content":"\xed\xa0\x80"}]}',
    "half a surrogate pair escaped": b'{"messages":[{"content":"\\ud800"}]}',
    "UTF-16": json.dumps({"model": "gpt-x"}).encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"model":"gpt-x"}',
    "NUL for a body": b"\0" * 50,
    "NUL in a string": b'{"model":"gpt\0-x"}',
    "NUL behind the object": b'{"model":"gpt-x"}\0',
    "a line break in a string": f'{{"model":"{CANARY}\n"}}'.encode(),
    "half an object": f'{{"model":"gpt-x","messages":[{{"content":"{CANARY}'.encode(),
    "an object and more": f'{{"model":"gpt-x"}} {CANARY}'.encode(),
    "two objects": b'{"model":"gpt-x"}{"model":"gpt-y"}',
    "a list": b'[{"model":"gpt-x"}]',
    "a string": f'"{CANARY}"'.encode(),
    "a number": b"5",
    "null": b"null",
    "single quotes": b"{'model':'gpt-x'}",
    "a trailing comma": b'{"model":"gpt-x",}',
    "a comment": b'{"model":"gpt-x"/* */}',
    "a form": f"model=gpt-x&prompt={CANARY}".encode(),
    "gzip without saying so": gzip.compress(b'{"model":"gpt-x"}'),
    "a number without end": b'{"max_tokens":' + b"9" * 100_000 + b"",
}


@every_family
@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_is_no_strict_json_object_is_told_in_the_caller_s_dialect(
    case: str, family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = refused(proxy, scripted, family.post(proxy, BODIES[case]))
    assert heard.status == 400
    kind, code, message = told(family, heard)
    assert (kind, code) == (BAD_KIND[family.name], "" if family is ANTHROPIC else "invalid_json")
    assert len(message) < 300
    assert heard.header("x-should-retry") == "false"
    assert heard.header("connection") != "close"  # the request was read whole: the connection is as good as before
    (row,) = proxy.wait_rows(request_id=heard.header("x-request-id"))
    assert (row.attempt, row.outcome, row.status, row.error) == (0, "denied", 400, "invalid_json")
    assert (row.team, row.project, row.cost_nusd, row.upstream) == ("growth", "crm", 0, None)


TYPES: list[tuple[Family, dict[str, Any], str]] = [
    (OPENAI, {"model": 5}, "model"),
    (OPENAI, {"model": None}, "model"),
    (OPENAI, {"model": ""}, "model"),
    (OPENAI, {"model": [CANARY]}, "model"),
    (OPENAI, {"messages": CANARY}, "messages"),
    (OPENAI, {"messages": [CANARY]}, "messages"),
    (OPENAI, {"stream": CANARY}, "stream"),
    (OPENAI, {"stream": 1}, "stream"),
    (OPENAI, {"stream_options": [CANARY]}, "stream_options"),
    (OPENAI, {"stream_options": {"include_usage": CANARY}}, "include_usage"),
    (OPENAI, {"max_tokens": CANARY}, "max_tokens"),
    (OPENAI, {"max_tokens": -1}, "max_tokens"),
    (OPENAI, {"max_tokens": 1.5}, "max_tokens"),
    (OPENAI, {"max_tokens": True}, "max_tokens"),
    (OPENAI, {"max_completion_tokens": 10**30}, "max_completion_tokens"),
    (OPENAI, {"n": 0}, "n"),
    (OPENAI, {"n": CANARY}, "n"),
    (OPENAI, {"service_tier": 7}, "service_tier"),
    (ANTHROPIC, {"model": {"a": CANARY}}, "model"),
    (ANTHROPIC, {"messages": CANARY}, "messages"),
    (ANTHROPIC, {"max_tokens": CANARY}, "max_tokens"),
    (ANTHROPIC, {"max_tokens": -5}, "max_tokens"),
    (ANTHROPIC, {"stream": CANARY}, "stream"),
    (ANTHROPIC, {"metadata": [CANARY]}, "metadata"),
    (GEMINI, {"generationConfig": [CANARY]}, "generationConfig"),
    (GEMINI, {"generationConfig": {"maxOutputTokens": CANARY}}, "maxOutputTokens"),
    (GEMINI, {"generationConfig": {"candidateCount": 0}}, "candidateCount"),
    (GEMINI, {"model": CANARY}, "model"),
]


@pytest.mark.parametrize(
    ("family", "members", "named"), TYPES, ids=[f"{f.name}-{n}-{i}" for i, (f, _, n) in enumerate(TYPES)]
)
def test_a_member_of_the_wrong_type_is_named(
    family: Family, members: dict[str, Any], named: str, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = refused(proxy, scripted, family.post(proxy, json.dumps(family.body | members).encode()))
    assert heard.status == 400
    kind, _, message = told(family, heard)
    assert kind == BAD_KIND[family.name]
    assert f"'{named}'" in message
    if family is OPENAI:
        assert heard.json()["error"]["param"] == named


@pytest.mark.parametrize(
    ("family", "members"),
    [
        (OPENAI, {"n": 2**63 - 1, "max_tokens": 2**63 - 1}),
        (OPENAI, {"n": 2**63 - 1}),
        (GEMINI, {"generationConfig": {"candidateCount": 2**63 - 1, "maxOutputTokens": 2**63 - 1}}),
    ],
    ids=["n and max_tokens", "n", "candidateCount"],
)
def test_a_call_that_could_cost_more_than_can_be_counted_is_refused_by_the_budget(
    family: Family, members: dict[str, Any], proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = refused(proxy, scripted, family.post(proxy, json.dumps(family.body | members).encode()))
    assert heard.status == 429
    assert "config/budget" in told(family, heard)[2]
