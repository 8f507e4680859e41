"""What the policy refuses, as the official SDKs take it: which exception, after how many tries, in every way to call.

A try is a row of ours. SDKs are used as they come: two retries, and whatever waiting they do is their own.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple

import anthropic
import openai
import pytest

from tests.e2e.answers import ANTHROPIC_MESSAGE, OPENAI_CHAT, anthropic_stream, openai_stream
from tests.support.company import key_of, only, write_directory, write_policies
from tests.support.families import upstreams
from tests.support.policed import PRICES
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import streamed, whole

SECRET = "use AKIA" + "Q3TZ7RNDW2EXKPLM"
LEAK = {"messages": [{"role": "user", "content": SECRET}]}


class Case(NamedTuple):
    """A rule, what breaks it, and what the SDKs make of the refusal."""

    rule: str
    raises: str
    code: str  # of OpenAI's form
    kind: str  # of Anthropic's
    openai: Mapping[str, Any] = {}
    anthropic: Mapping[str, Any] = {}
    before: int = 0  # good calls until it is refused


CASES = {
    "budget": Case("budget: { limit: $0.03/day, per: user }", "RateLimitError", "insufficient_quota", "rate_limit_error", before=1),
    "longrate": Case("rate: { limit: 1 requests/hour, per: user }", "RateLimitError", "insufficient_quota", "rate_limit_error", before=1),
    "model": Case(
        'models: { allow: ["gpt-5*", "claude-sonnet-*"] }', "PermissionDeniedError", "policy_denied", "permission_error",
        {"model": "gpt-4o"}, {"model": "claude-opus-4-1"},
    ),
    "deny": Case('deny: { reason: "Not today." }', "PermissionDeniedError", "policy_denied", "permission_error"),
    "loop": Case(
        "waste: { above: { requests: 1 }, over: 1h, per: user, then: [{ deny: { reason: Stop. } }] }",
        "PermissionDeniedError", "policy_denied", "permission_error", before=2,
    ),
    "content": Case(
        "inspect: { find: [secrets], in: [prompt], then: deny }", "BadRequestError", "content_policy_violation",
        "invalid_request_error", LEAK, LEAK,
    ),
    "cap": Case(
        "request: { max_output_tokens: 64 }", "BadRequestError", "context_length_exceeded", "invalid_request_error",
        {"max_tokens": 65}, {"max_tokens": 65},
    ),
    "tags": Case("require: { tags: [purpose] }", "BadRequestError", "tags_required", "invalid_request_error"),
    "unpriced": Case(
        'models: { allow: ["*"] }', "PermissionDeniedError", "model_unpriced", "permission_error",
        {"model": "own-chat"}, {"model": "own-messages"},
    ),
}  # fmt: skip
WAITS = "rate: { limit: 60 requests/min, burst: 2%, per: user }"  # one at once, and the next a second later
SDKS = ("openai", "anthropic")
WAYS = ("sync", "async", "stream", "astream")
VARIANTS = list(itertools.product(SDKS, WAYS))
OWN = '{{ dialect: {family}, base_url: "{url}", key: env:SCRIPTED_KEY, models: ["{model}"] }}'


def person(case: str, sdk: str, way: str) -> str:
    return f"{case}-{sdk}-{way}"


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    home, url = tmp_path_factory.mktemp("home"), scripted.base_url
    rules = {name: case.rule for name, case in CASES.items()} | {"waits": WAITS}
    groups = {name: [person(name, *variant) for variant in VARIANTS] for name in rules}
    lines = [f"  - {{ name: {name}, {only(*groups[name])}, {rule} }}\n" for name, rule in rules.items()]
    write_directory(home, dict.fromkeys(itertools.chain(*groups.values()), "growth"))
    write_policies(
        home, {"sdk.yaml": "kind: Policy\nname: sdk\nowner: security@acme.example\nrules:\n" + "".join(lines)}
    )
    served = upstreams(url, models={"openai": '["gpt-*"]', "anthropic": '["claude-*"]'}, prices=PRICES)
    served["own-openai"] = OWN.format(family="openai", url=url + "/v1", model="own-chat")
    served["own-anthropic"] = OWN.format(family="anthropic", url=url, model="own-messages")
    with RunningProxy(home, served, budget="", env={"SCRIPTED_KEY": "provider-secret"}) as running:
        yield running


@pytest.fixture(autouse=True)
def _answers(scripted: ScriptedUpstream, _fresh_script: None) -> None:
    """The upstream answers every call as its path and the test's way want it."""
    scripted.forget()


def call(sdk: str, way: str, proxy: RunningProxy, key: str, change: Mapping[str, Any]) -> None:
    """One call of an SDK, read to its end."""
    model, base = ("gpt-5.1", "/v1") if sdk == "openai" else ("claude-sonnet-5", "")
    asked = {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "Say hello"}]}
    body: dict[str, Any] = {**asked, **change, "stream": way.endswith("stream")}
    where: dict[str, Any] = {"base_url": proxy.base_url + base, "api_key": key}
    if way.startswith("a"):
        asyncio.run(_call_async(sdk, where, body))
        return
    made: Any
    if sdk == "openai":
        with openai.OpenAI(**where) as client:
            made = client.chat.completions.create(**body)
            list(made if body["stream"] else ())
    else:
        with anthropic.Anthropic(**where) as other:
            made = other.messages.create(**body)
            list(made if body["stream"] else ())


async def _call_async(sdk: str, where: dict[str, Any], body: dict[str, Any]) -> None:
    made: Any
    if sdk == "openai":
        async with openai.AsyncOpenAI(**where) as client:
            made = await client.chat.completions.create(**body)
            _ = [chunk async for chunk in made] if body["stream"] else []
    else:
        async with anthropic.AsyncAnthropic(**where) as other:
            made = await other.messages.create(**body)
            _ = [event async for event in made] if body["stream"] else []


def answering(scripted: ScriptedUpstream, sdk: str, way: str) -> None:
    whole_one, pieces = (OPENAI_CHAT, openai_stream()) if sdk == "openai" else (ANTHROPIC_MESSAGE, anthropic_stream())
    scripted.replies(streamed(pieces) if way.endswith("stream") else whole(whole_one), always=True)


@pytest.mark.parametrize(("sdk", "way"), VARIANTS)
@pytest.mark.parametrize("name", CASES)
def test_a_refusal_that_no_retry_helps_is_raised_at_the_first_try(
    proxy: RunningProxy, scripted: ScriptedUpstream, name: str, sdk: str, way: str
) -> None:
    case, who = CASES[name], person(name, sdk, way)
    module: ModuleType = openai if sdk == "openai" else anthropic
    answering(scripted, sdk, way)
    change = case.openai if sdk == "openai" else case.anthropic
    for _ in range(case.before):
        call(sdk, way, proxy, key_of(who), {})
    with pytest.raises(getattr(module, case.raises)) as caught:
        call(sdk, way, proxy, key_of(who), change)
    error: Any = caught.value
    if sdk == "openai":
        assert error.code == case.code
    else:
        assert error.body["error"]["type"] == case.kind
    assert error.request_id
    assert SECRET not in str(error)
    assert len(scripted.seen) == case.before
    assert len(proxy.wait_rows(case.before + 1, key_id=f"k_{who}")) == case.before + 1


@pytest.mark.parametrize(("sdk", "way"), VARIANTS)
def test_a_short_wait_is_waited_for_and_then_the_call_is_served(
    proxy: RunningProxy, scripted: ScriptedUpstream, sdk: str, way: str
) -> None:
    who = person("waits", sdk, way)
    answering(scripted, sdk, way)
    for _ in range(2):
        call(sdk, way, proxy, key_of(who), {})
    assert len(scripted.seen) == 2
    assert len(proxy.wait_rows(2, key_id=f"k_{who}", attempt=1)) == 2  # an SDK may leave a stream at its last event
    assert len(proxy.rows(key_id=f"k_{who}", outcome="throttled")) <= 1  # it was told how long to wait
