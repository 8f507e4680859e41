"""boto3 with nothing changed but its endpoint and ``AWS_BEARER_TOKEN_BEDROCK``, and Anthropic's SDK for Bedrock.

botocore sends bearer tokens over TLS alone, so the proxy here has a certificate.
"""

from __future__ import annotations

import contextlib
import gc
import json
import ssl
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped] # boto3 has no types
import pytest
from anthropic import AnthropicBedrock, DefaultHttpxClient
from botocore.config import Config  # type: ignore[import-untyped] # boto3 has no types
from botocore.exceptions import ClientError, EventStreamError  # type: ignore[import-untyped] # boto3 has no types

from tests.e2e import answers
from tests.support.certificates import self_signed
from tests.support.frames import event, exception, packed
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import Script, close, streamed, whole

FRAMES = "application/vnd.amazon.eventstream"
NOVA = "us.amazon.nova-micro-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{CLAUDE}"
ASKED: Any = [{"role": "user", "content": [{"text": "Say hello"}]}]
CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello there"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 12, "outputTokens": 3, "totalTokens": 15},
    "metrics": {"latencyMs": 200},
}
SLOW = ("x-amzn-errortype", "ThrottlingException:http://internal.amazon.com/coral/")
Make = Callable[..., Any]


EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": " thére"}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", {"usage": CONVERSED["usage"], "metrics": {"latencyMs": 200}}),
]
STREAM = [event(*one) for one in EVENTS]


def claude_chunks() -> list[bytes]:
    """Anthropic's events as Bedrock packs them."""
    told = [json.loads(piece.split(b"data: ", 1)[1]) for piece in answers.anthropic_stream()]
    told[-1]["amazon-bedrock-invocationMetrics"] = {"inputTokenCount": 12, "outputTokenCount": 3}
    return [packed(one) for one in told]


def framed(pieces: list[bytes], *, cut: bool = False) -> Script:
    return streamed(pieces, content_type=FRAMES, then=close() if cut else None)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """Certificate and key, which this process trusts."""
    made = self_signed(tmp_path_factory.mktemp("tls"), "127.0.0.1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(made[0]))
        yield made


@pytest.fixture(scope="module")
def proxy(
    scripted: ScriptedUpstream, certificate: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    """A proxy in front of Bedrock; one model is refused, because nobody priced it."""
    upstream = (
        f'{{ dialect: bedrock, base_url: "{scripted.base_url}", key: env:SCRIPTED_KEY, models: ["us.*", "arn:*", "x.*"], '
        f'prices: [{{ match: "us.*", input: 1, output: 2 }}, {{ match: "arn:*", input: 3, output: 4 }}], breaker: {{ failures: 0 }} }}'
    )
    running = RunningProxy(
        tmp_path_factory.mktemp("home"),
        {"bedrock": upstream},
        more=f"tls: {{ cert: {certificate[0]}, key: {certificate[1]} }}",
        env={"SCRIPTED_KEY": "provider-secret"},
    )
    running.base_url = running.base_url.replace("http:", "https:")
    with running:
        yield running


@pytest.fixture
def make(proxy: RunningProxy, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Clients of the proxy, with nothing of this machine's own AWS configuration."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(proxy.home / "none"))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate[0]))

    def client(prefix: str = "", key: str | None = None, tries: int = 1, **more: Any) -> Any:
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", key or proxy.key)
        config = Config(retries={"total_max_attempts": tries, "mode": "standard"}, read_timeout=10)
        made.append(
            boto3.client(
                "bedrock-runtime", endpoint_url=proxy.base_url + prefix, region_name="us-east-1", config=config, **more
            )
        )
        return made[-1]

    made: list[Any] = []
    yield client
    for one in made:
        one.close()
    with warnings.catch_warnings():  # botocore leaves the connection of a broken stream to the collector
        warnings.simplefilter("ignore", ResourceWarning)
        made.clear()
        gc.collect()


@pytest.mark.parametrize(("model", "nusd"), [(NOVA, 18_000), (PROFILE, 48_000)])
def test_a_conversation_is_answered_and_leaves_a_row(
    make: Make, proxy: RunningProxy, scripted: ScriptedUpstream, model: str, nusd: int
) -> None:
    scripted.replies(whole(CONVERSED))
    answer = make().converse(modelId=model, messages=ASKED)
    assert answer["output"]["message"]["content"] == [{"text": "Hello there"}]
    row = proxy.wait_rows(request_id=answer["ResponseMetadata"]["HTTPHeaders"]["x-request-id"])[-1]
    assert (row.usage.input, row.usage.output, row.model, row.cost_nusd) == (12, 3, model, nusd)
    assert (row.dialect, row.endpoint) == ("bedrock", "/model/{model}/converse")
    seen = scripted.seen[-1]
    assert seen.target == f"/model/{model.replace(':', '%3A').replace('/', '%2F')}/converse"
    assert seen.header("authorization") == "Bearer provider-secret"
    assert seen.header("amz-sdk-invocation-id") is None
    assert json.loads(seen.body) == {"messages": ASKED}


def test_events_of_a_stream_arrive_as_they_were_sent(
    make: Make, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    data = b"".join(STREAM)
    scripted.replies(framed([data[at : at + 50] for at in range(0, len(data), 50)]))
    answer = make().converse_stream(modelId=NOVA, messages=ASKED)
    assert list(answer["stream"]) == [{kind: payload} for kind, payload in EVENTS]
    row = proxy.wait_rows(endpoint="/model/{model}/converse-stream")[-1]
    assert (row.usage.input, row.usage.output, row.usage.usage_source, row.stream) == (12, 3, "reported", True)


def test_a_prefix_of_the_endpoint_says_which_project_and_ticket_pay(
    make: Make, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(CONVERSED))
    make("/p/crm@PAY-12").converse(modelId=PROFILE, messages=ASKED)
    row = proxy.wait_rows(ref="PAY-12")[-1]
    assert (row.project, row.model) == ("crm", PROFILE)


def test_a_vendor_s_own_body_passes_unchanged_both_ways(
    make: Make, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    body = json.dumps({"prompt": "Say  hello", "max_tokens": 9}, indent=1).encode()
    reply = b'{"outputs": [{"text": "Hello there",  "stop_reason": "stop"}]}'
    counted = [("x-amzn-bedrock-input-token-count", "12"), ("x-amzn-bedrock-output-token-count", "3")]
    scripted.replies(whole(reply, headers=counted))
    answer = make().invoke_model(
        modelId="us.mistral.x", body=body, guardrailIdentifier="g-1", guardrailVersion="DRAFT", contentType="application/json"
    )  # fmt: skip
    assert answer["body"].read() == reply
    seen = scripted.seen[-1]
    assert (seen.body, seen.header("x-amzn-bedrock-guardrailidentifier")) == (body, "g-1")
    row = proxy.wait_rows(endpoint="/model/{model}/invoke")[-1]
    assert (row.usage.input, row.usage.output, row.usage.usage_source) == (12, 3, "reported")


def test_a_vendor_s_own_stream_passes_chunk_by_chunk(
    make: Make, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    chunks = claude_chunks()
    scripted.replies(framed(chunks))
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": ASKED}
    answer = make().invoke_model_with_response_stream(modelId=CLAUDE, body=json.dumps(body))
    told = [json.loads(one["chunk"]["bytes"])["type"] for one in answer["body"]]
    assert (told[0], told[-1], len(told)) == ("message_start", "message_stop", len(chunks))
    row = proxy.wait_rows(endpoint="/model/{model}/invoke-with-response-stream")[-1]
    assert (row.usage.input, row.usage.output, row.model) == (12, 3, "claude-sonnet-5")


def test_anthropic_s_own_sdk_for_bedrock_works_with_the_key_as_its_api_key(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    trusting = DefaultHttpxClient(verify=ssl.create_default_context())
    with AnthropicBedrock(
        api_key=proxy.key, base_url=proxy.base_url, aws_region="us-east-1", http_client=trusting
    ) as client:
        scripted.replies(whole(answers.ANTHROPIC_MESSAGE), framed(claude_chunks()))
        asked: Any = [{"role": "user", "content": "Say hello"}]
        message = client.messages.create(model=CLAUDE, max_tokens=9, messages=asked)
        stream = client.messages.create(model=CLAUDE, max_tokens=9, messages=asked, stream=True)
        text = "".join(getattr(getattr(one, "delta", None), "text", "") for one in stream)
    assert message.usage.output_tokens == 3
    assert text == "Hello there"


def test_tokens_are_counted_for_nothing(make: Make, proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole({"inputTokens": 12}))
    assert make().count_tokens(modelId=CLAUDE, input={"converse": {"messages": ASKED}})["inputTokens"] == 12
    assert proxy.wait_rows(endpoint="/model/{model}/count-tokens")[-1].cost_nusd == 0


def test_a_stranger_and_a_signed_request_are_told_what_to_set(
    make: Make, scripted: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ClientError) as stranger:
        make(key="tg_wrong").converse(modelId=NOVA, messages=ASKED)
    client = make(aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="secret")
    monkeypatch.delenv("AWS_BEARER_TOKEN_BEDROCK")
    signed = boto3.client(
        "bedrock-runtime",
        endpoint_url=client.meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="secret",
    )
    with pytest.raises(ClientError) as refused:
        signed.converse(modelId=NOVA, messages=ASKED)
    for caught in (stranger, refused):
        error, told = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
        assert (error["Code"], told["HTTPStatusCode"]) == ("UnrecognizedClientException", 401)
        assert "AWS_BEARER_TOKEN_BEDROCK" in error["Message"]
    assert scripted.seen == []


def test_refusals_are_the_exceptions_that_callers_catch(make: Make, scripted: ScriptedUpstream) -> None:
    client = make()
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="No upstream serves the model"):
        client.converse(modelId="mistral.x", messages=ASKED)
    with pytest.raises(client.exceptions.AccessDeniedException, match="has no price"):
        client.converse(modelId="x.unpriced", messages=ASKED)
    with pytest.raises(client.exceptions.ValidationException, match="not valid JSON"):
        client.invoke_model(modelId=NOVA, body=b"{")
    assert scripted.seen == []


@pytest.mark.parametrize("status", [429, 503])
def test_boto3_tries_again_by_itself_and_every_try_leaves_a_row(
    make: Make, proxy: RunningProxy, scripted: ScriptedUpstream, status: int
) -> None:
    before = len(proxy.rows())
    failing = whole({"message": "Too many tokens, please wait."}, status, [SLOW, ("retry-after", "0")])
    scripted.replies(failing, failing, whole(CONVERSED))
    answer = make(tries=3).converse(modelId=NOVA, messages=ASKED)
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert len(scripted.seen) == 3
    assert [row.status for row in proxy.wait_rows(before + 3)[before:]] == [status, status, 200]


def test_an_upstream_s_error_keeps_its_name_and_words(make: Make, scripted: ScriptedUpstream) -> None:
    client = make()
    scripted.replies(whole({"message": "Too many tokens, please wait."}, 429, [SLOW]))
    with pytest.raises(client.exceptions.ThrottlingException, match="Too many tokens") as caught:
        client.converse(modelId=NOVA, messages=ASKED)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


@pytest.mark.parametrize("cut", [0, 40])
def test_a_stream_that_breaks_raises_and_is_booked(
    make: Make, proxy: RunningProxy, scripted: ScriptedUpstream, cut: int
) -> None:
    before = len(proxy.rows())
    scripted.replies(framed([*STREAM[:2], STREAM[2][:cut]], cut=True))
    stream = make().converse_stream(modelId=NOVA, messages=ASKED)["stream"]
    seen = []
    with (
        contextlib.closing(stream),  # botocore leaves the connection of a broken one open
        pytest.raises(Exception, match=r"." if cut else "modelStreamErrorException") as caught,
    ):
        seen.extend(stream)
    assert cut or isinstance(caught.value, EventStreamError)
    assert seen == [{kind: payload} for kind, payload in EVENTS[:2]]
    row = proxy.wait_rows(before + 1)[-1]
    assert (row.outcome, row.usage.usage_source) == ("upstream_error", "estimated")
    assert row.usage.output


def test_an_upstream_s_exception_inside_a_stream_reaches_the_caller(make: Make, scripted: ScriptedUpstream) -> None:
    scripted.replies(framed([*STREAM[:2], exception()]))
    with pytest.raises(EventStreamError, match="Slow down"):
        list(make().converse_stream(modelId=NOVA, messages=ASKED)["stream"])
