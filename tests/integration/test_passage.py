"""What passes in either direction: headers from allow-lists only, bodies as they came but for named edits, our own words beside."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from proxy.domain.row import Row
from tests.support.families import FAMILIES, GEMINI, OPENAI, Family, one_call, told, upstreams
from tests.support.running import RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import send, streamed, whole
from tests.support.talking import Heard, request

ANSWER: dict[str, Any] = {"choices": [], "model": "gpt-x", "usage": {"prompt_tokens": 12, "completion_tokens": 3}}
ODD = (
    b' {\t"messages" : [ {"role":"user", "content":"caf\\u00e9 \xf0\x9f\x90\xa6 \\/ \\u0000 1.0"} ],\r\n'
    b'"model":"gpt-x" ,"temperature": 1.00e0, "big":12345678901234567890, "n":1,"":null, "max_tokens":10} '
)


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    own = openai_like(scripted.base_url, models='"own/*"', more=', strip_prefix: "own/", forward_headers: [x-own]')
    with RunningProxy(
        tmp_path_factory.mktemp("home"),
        {"own": own, **upstreams(scripted.base_url)},
        budget="budget: { limit: $0.003/day, timezone: Europe/Berlin, reserve: max }",
        env={"SCRIPTED_KEY": "provider-secret"},
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh_script(scripted: ScriptedUpstream) -> None:
    scripted.forget()


def call(
    proxy: RunningProxy, body: bytes | dict[str, Any], *headers: tuple[str, str], family: Family = OPENAI
) -> Heard:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return one_call(proxy, request("POST", family.path, data, (family.key(proxy.key), *headers)))


def small(**members: Any) -> dict[str, Any]:
    """A request whose hold finds room in the little budget."""
    return OPENAI.body | {"max_tokens": 10} | members


def within(family: Family, ceiling: int) -> dict[str, Any]:
    """The family's request with a ceiling on its output."""
    config = {"generationConfig": {"maxOutputTokens": ceiling}} if family is GEMINI else {"max_tokens": ceiling}
    return family.body | config


def row_of(proxy: RunningProxy, heard: Heard) -> Row:
    return proxy.wait_rows(request_id=heard.header("x-request-id"))[-1]


def values(heard: Heard, name: str) -> list[str]:
    return [value for key, value in heard.headers if key == name]


# -- what the caller is told


def test_a_buffered_answer_says_what_it_cost_and_for_whom(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(ANSWER))
    heard = call(proxy, small())
    name = heard.header("x-request-id")
    assert name == heard.header("request-id")
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", name or "")
    assert heard.header("x-upstream-request-id") == "req_scripted"
    assert heard.header("x-tally-cost-usd") == "0.000018"
    assert heard.header("x-tally-usage") == "reported"
    assert heard.header("x-tally-cache") == "off"
    assert heard.header("x-tally-upstream") == "openai"
    assert heard.header("x-tally-attribution") == "team=growth project=crm via=key"
    assert re.fullmatch(
        r"config/budget remaining=\$0\.00\d+ resets=\d{4}-\d\d-\d\dT00:00:00\+0[12]:00",
        heard.header("x-tally-budget") or "",
    )
    assert heard.header("x-tally-warning") is None
    assert row_of(proxy, heard).upstream_request_id == "req_scripted"


def test_a_stream_says_what_is_known_before_it_ends(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed([b"data: [DONE]\n\n"]))
    heard = call(proxy, small(stream=True))
    assert heard.header("x-tally-budget")
    assert heard.header("x-tally-attribution")
    assert heard.header("x-tally-cost-usd") is None
    assert heard.header("x-tally-usage") is None


def test_a_budget_that_is_nearly_spent_is_warned_of(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(ANSWER))
    heard = call(proxy, OPENAI.body | {"max_tokens": 1300})
    assert re.fullmatch(r"config/budget at (8\d|9\d)%", heard.header("x-tally-warning") or "")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_budget_without_room_refuses_in_the_caller_s_dialect_and_leaves_attempt_0(
    family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = call(proxy, within(family, 2000), family=family)
    kind, code, message = told(family, heard)
    assert heard.status == 429
    assert kind == {"openai": "insufficient_quota", "anthropic": "rate_limit_error"}.get(
        family.name, "RESOURCE_EXHAUSTED"
    )
    assert code in {"", "insufficient_quota"}
    assert "The budget config/budget allows $0.003000 per day" in message
    assert heard.header("x-should-retry") == "false"
    assert heard.header("retry-after") is None
    policy = heard.json()["policy"]
    row = row_of(proxy, heard)
    assert (policy["rule"], policy["limit"], policy["decision"]) == ("config/budget", "$0.003000", row.decision)
    assert heard.header("x-tally-decision") == row.decision
    assert (row.attempt, row.outcome, row.status, row.error) == (0, "denied", 429, "insufficient_quota")
    assert (row.model_requested, row.cost_nusd, row.held_nusd) == (family.body.get("model", "gemini-x"), 0, 0)
    assert scripted.seen == []


def test_what_the_upstream_says_of_the_shared_key_and_of_itself_stays_here(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    hidden = (
        *("set-cookie", "server", "via", "cf-ray", "alt-svc", "openai-organization", "openai-project"),
        *("x-ratelimit-limit-requests", "x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining"),
        *("x-tally-cost-usd", "x-tally-attribution", "access-control-allow-origin", "strict-transport-security"),
    )
    passed = ("openai-processing-ms", "cache-control", "retry-after", "x-should-retry")
    more = [(name, "v") for name in (*hidden, *passed)]
    scripted.replies(whole(ANSWER, headers=[*more, ("request-id", "second"), ("x-ms-request-id", "third")]))
    heard = call(proxy, small())
    assert [name for name in hidden if "v" in values(heard, name)] == []
    assert [values(heard, name) for name in passed] == [["v"]] * len(passed)
    assert values(heard, "x-upstream-request-id") == ["req_scripted"]


def test_an_upstream_error_passes_in_its_own_words_and_costs_nothing(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(b'{"error": {"message":"theirs" } }', 418, [("retry-after", "7")]))
    heard = call(proxy, small())
    assert (heard.status, heard.body) == (418, b'{"error": {"message":"theirs" } }')
    assert (heard.header("retry-after"), heard.header("x-tally-cost-usd")) == ("7", "0.000000")
    row = row_of(proxy, heard)
    assert (row.outcome, row.status, row.upstream_status, row.cost_nusd) == ("upstream_error", 418, 418, 0)


# -- what the upstream is told


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_only_headers_of_the_allow_list_leave_and_the_credential_is_ours(
    family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(ANSWER))
    sent = (
        *(("content-type", "application/json"), ("accept", "text/x"), ("user-agent", "ua/1")),
        *(("anthropic-version", "2023-06-01"), ("anthropic-beta", "a,b"), ("ANTHROPIC-Other", "c")),
        *(("cookie", "c"), ("baggage", "b"), ("x-forwarded-for", "1.2.3.4"), ("forwarded", "for=1.2.3.4")),
        *(("x-tally-tags", "a=b"), ("x-tally-project", "crm"), ("x-own", "o"), ("referer", "r"), ("origin", "o")),
        *(("proxy-authorization", "p"), ("te", "trailers"), ("traceparent", "t"), ("x-request-id", "mine")),
        *(("accept-encoding", "gzip"), ("openai-organization", "org"), ("x-stainless-lang", "python")),
        ("connection", "keep-alive, anthropic-other"),
    )
    heard = call(proxy, within(family, 10), *sent, family=family)
    assert heard.status == 200
    (seen,) = scripted.seen
    given = {name.lower(): value for name, value in seen.headers}
    credential = {"openai": "authorization", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}[family.name]
    assert given.pop(credential).removeprefix("Bearer ") == "provider-secret"
    assert given.pop("host") == scripted.base_url.removeprefix("http://")
    assert given.pop("content-length") == str(len(seen.body))
    assert (given.pop("accept-encoding"), given.pop("connection")) == ("identity", "keep-alive")  # between us two
    assert given == {
        "content-type": "application/json",
        "accept": "text/x",
        "user-agent": "ua/1",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "a,b",
    }
    assert row_of(proxy, heard).client_request_id == "mine"


def test_a_header_that_an_upstream_s_configuration_names_leaves_too(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(ANSWER))
    call(proxy, small(model="own/gpt-x"), ("X-Own", "o"), ("x-other", "o"))
    assert scripted.seen[0].header("x-own") == "o"
    assert scripted.seen[0].header("x-other") is None


def test_a_key_in_the_query_goes_no_further_and_the_rest_only_where_it_is_known(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(ANSWER))
    path = f"/v1beta/models/gemini-x:generateContent?key={proxy.key}&alt=json&debug=1"
    config = json.dumps({"contents": [], "generationConfig": {"maxOutputTokens": 10}}).encode()
    heard = one_call(proxy, request("POST", path, config))
    assert heard.status == 200
    assert scripted.seen[0].target == "/v1beta/models/gemini-x:generateContent?alt=json"


def test_a_body_that_needs_no_edit_arrives_byte_for_byte(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(ANSWER))
    heard = call(proxy, ODD)
    assert scripted.seen[0].body == ODD
    assert row_of(proxy, heard).edits == ()


def test_an_edit_replaces_one_member_and_is_listed_on_the_row(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(ANSWER))
    heard = call(proxy, ODD.replace(b'"gpt-x"', b'"own/gpt-x"'))
    sent = msgspec.json.decode(scripted.seen[0].body, type=dict[str, msgspec.Raw])
    assert sent == msgspec.json.decode(ODD, type=dict[str, msgspec.Raw])
    assert list(sent) == list(msgspec.json.decode(ODD, type=dict[str, msgspec.Raw]))
    row = row_of(proxy, heard)
    assert (row.edits, row.model_requested, row.upstream) == (("model",), "own/gpt-x", "own")


@pytest.mark.parametrize(
    ("options", "asked"),
    [(b"", b'{"include_usage":true}'), (b',"stream_options":{ }', None), (b',"stream_options":{"x":[1.0]}', None)],
)
def test_usage_that_was_not_asked_for_is_asked_for_and_every_other_member_keeps_its_bytes(
    options: bytes, asked: bytes | None, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(streamed([b"data: [DONE]\n\n"]))
    body = ODD.rstrip()[:-1] + b',"stream": true' + options + b"}"
    heard = call(proxy, body)
    sent = msgspec.json.decode(scripted.seen[0].body, type=dict[str, msgspec.Raw])
    given = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    injected = bytes(sent.pop("stream_options"))
    old = bytes(given.pop("stream_options", msgspec.Raw(b"{}")))
    assert json.loads(injected) == json.loads(old) | {"include_usage": True}
    assert asked is None or injected == asked
    assert sent == given
    assert row_of(proxy, heard).edits == ("stream_options",)


def test_an_answer_that_is_not_what_its_type_says_passes_as_it_is(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    raw = b"\x00\xffnot json at all\r\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(raw)
    scripted.replies([send(head + raw)])
    heard = call(proxy, small())
    assert (heard.status, heard.body) == (200, raw)
    row = row_of(proxy, heard)
    assert (row.outcome, row.usage.usage_source) == ("ok", "estimated")
