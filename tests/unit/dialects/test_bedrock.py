"""Requests and errors in Bedrock's formats."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from botocore.eventstream import EventStreamBuffer  # type: ignore[import-untyped] # botocore has no types
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.bedrock import Bedrock
from proxy.dialects.bedrock_tap import ConverseTap, InvokeTap
from proxy.domain import errors
from proxy.domain.ask import Ask
from proxy.domain.upstream import Secret, Upstream

Json = dict[str, Any]
DIALECT = Bedrock()
UPSTREAM = Upstream("aws", "bedrock", "https://bedrock-runtime.us-east-1.amazonaws.com", key=Secret("ABSK"))
NOVA = "us.amazon.nova-micro-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OWN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
SMALL: Json = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
PROMPT: Json = {"anthropic_version": "bedrock-2023-05-31", "messages": [{"role": "user", "content": "Hello"}]}


def understood(
    members: Json | str, operation: str = "converse", model: str = NOVA, headers: dict[str, str] | None = None
) -> Ask:
    match = DIALECT.match("POST", f"/model/{quote(model, safe='')}/{operation}")
    assert match is not None
    body = members if isinstance(members, str) else json.dumps(members)
    return DIALECT.understand(match, body.encode(), "", headers or {})


@pytest.mark.parametrize(
    ("operation", "api", "stream", "metered"),
    [
        ("converse", "bedrock.converse", False, True),
        ("converse-stream", "bedrock.converse_stream", True, True),
        ("invoke", "bedrock.invoke", False, True),
        ("invoke-with-response-stream", "bedrock.invoke", True, True),
        ("count-tokens", "bedrock.count", False, False),
    ],
)
@pytest.mark.parametrize("model", [NOVA, CLAUDE, PROFILE, OWN, "abc123"])
def test_the_path_names_model_and_operation(
    operation: str,
    api: str,
    stream: bool,  # noqa: FBT001 - a parameter
    metered: bool,  # noqa: FBT001 - a parameter
    model: str,
) -> None:
    ask = understood(SMALL, operation, model)
    assert (ask.endpoint.api, ask.model, ask.stream, ask.endpoint.metered) == (api, model, stream, metered)
    assert ask.endpoint.path == f"/model/{{model}}/{operation}"
    sent = DIALECT.outgoing(ask, UPSTREAM, "other:1/2")
    assert (sent.target, sent.body, sent.edits) == (f"/model/other%3A1%2F2/{operation}", ask.body, ())


@pytest.mark.parametrize("path", ["/model/m/delete", "/model//converse", "/model/a/b/converse", "/models/m/converse"])
def test_other_paths_are_not_ours(path: str) -> None:
    assert DIALECT.match("POST", path) is None
    assert DIALECT.match("GET", "/model/m/converse") is None


@pytest.mark.parametrize("model", ["..", "a/../b", ".hidden", "a b", "a%2Fb", "ä", "a\0", "a?b", "-x", "a" * 257])
def test_a_path_that_names_no_model_is_refused(model: str) -> None:
    with pytest.raises(errors.BadRequest) as caught:
        understood(SMALL, "converse", model)
    assert caught.value.code == "invalid_model"


def test_all_that_a_model_reads_in_a_conversation_is_found() -> None:
    content: list[Any] = [
        {"text": "one"},
        {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
        {"document": {"name": "d", "format": "pdf", "source": {"bytes": "AAAA" * 10}, "context": "two"}},
        {"document": {"name": "d", "source": {"text": "three"}}},
        {"toolUse": {"toolUseId": "t", "name": "add", "input": {"a": 1}}},
        {"toolResult": {"toolUseId": "t", "content": [{"text": "four"}, {"json": {"b": 2}}]}},
        {"guardContent": {"text": {"text": "five"}}},
        {"reasoningContent": {"reasoningText": {"text": "six", "signature": "AAAA"}}},
        {"searchResult": {"source": "s", "title": "seven", "content": [{"text": "eight"}]}},
        {"cachePoint": {"type": "default"}},
        "odd",
        {"unknown": {"text": 7}},
    ]
    tools = [{"toolSpec": {"name": "add", "inputSchema": {"json": {}}}}, {"cachePoint": {"type": "default"}}]
    ask = understood(
        {
            "system": [{"text": "zero"}],
            "messages": [{"role": "user", "content": content}],
            "toolConfig": {"tools": tools},
            "inferenceConfig": {"maxTokens": 9},
            "serviceTier": {"type": "flex"},
        }
    )
    assert ask.features.texts == (
        "zero", "one", "two", "three", '{"a":1}', "four", '{"b":2}', "five", "six", "seven", "eight"
    )  # fmt: skip
    assert (ask.features.images, ask.features.media_bytes, ask.features.messages) == (1, 30, 1)
    assert (ask.max_output, ask.tools, ask.service_tier, ask.features.unbounded) == (9, ("add",), "flex", "")


@pytest.mark.parametrize(
    ("members", "what"),
    [
        ({"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}}, "toolConfig"),
        ({"messages": [{"content": [{"video": {"source": {"s3Location": {"uri": "s3://b/k"}}}}]}]}, "s3Location"),
        ({"promptVariables": {"a": {"text": "b"}}}, "promptVariables"),
        ({"additionalModelRequestFields": {"max_tokens": 99999}}, "additionalModelRequestFields"),
        ({"additionalModelRequestFields": {"thinking": {"budget_tokens": 5}}}, ""),
    ],
)
def test_what_has_no_size_here_is_named(members: Json, what: str) -> None:
    assert understood(SMALL | members).features.unbounded == what


def test_a_stored_prompt_has_no_size_here() -> None:
    assert understood("{}", model="arn:aws:bedrock:us-east-1:123456789012:prompt/ABCDEFGHIJ:1").features.unbounded


@pytest.mark.parametrize("config", [{}, {"inferenceConfig": None}, {"inferenceConfig": {"topP": 0.5}}])
def test_a_ceiling_is_written_into_a_conversation(config: Json) -> None:
    sent = DIALECT.outgoing(understood(SMALL | config), UPSTREAM, NOVA, max_output=5)
    told = json.loads(sent.body)["inferenceConfig"]
    assert told == {**(config.get("inferenceConfig") or {}), "maxTokens": 5}


@pytest.mark.parametrize(
    "body", ['{"messages": {}}', '{"messages": 7}', "[]", "{", '{"a":1,"a":2}', '{"a":NaN}', '{"inferenceConfig": 1}',
             '{"inferenceConfig": {"maxTokens": "9"}}', '{"inferenceConfig": {"maxTokens": -1}}', '{"a":"\0"}',
             '{"serviceTier": "flex"}', "[" * 1000, '{"a":' * 100 + "1" + "}" * 100],
)  # fmt: skip
def test_a_conversation_that_cannot_be_understood_is_refused_by_its_place(body: str) -> None:
    with pytest.raises(errors.BadRequest) as caught:
        understood(body)
    assert caught.value.code in {"invalid_json", "invalid_type"}


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["messages", "content", "text", "toolUse", "toolResult", "document", "source", "bytes", "toolConfig", "tools",
             "inferenceConfig", "maxTokens", "system", "toolSpec", "prompt", "inputText", "images", "max_tokens", "data",
             "additionalModelRequestFields", "guardContent", "input_type", "taskType", "textGenerationConfig"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=25,
)  # fmt: skip


@given(
    body=ODD,
    operation=st.sampled_from(["converse", "invoke", "invoke-with-response-stream", "count-tokens"]),
    model=st.sampled_from(
        [NOVA, CLAUDE, OWN, "meta.llama3", "amazon.titan-embed-text-v2:0", "stability.x", "openai.x"]
    ),
)
def test_no_body_raises_anything_but_a_refusal(body: object, operation: str, model: str) -> None:
    try:
        ask = understood(json.dumps(body), operation, model)
        DIALECT.outgoing(ask, UPSTREAM, model, max_output=5)
    except errors.BadRequest:
        return
    assert ask.features.text_bytes >= 0


def test_a_guardrail_named_in_a_header_goes_on() -> None:
    ask = understood(PROMPT, "invoke", CLAUDE, {"x-amzn-bedrock-service-tier": "priority"})
    assert "x-amzn-bedrock-guardrailidentifier" in ask.endpoint.headers
    assert ask.service_tier == "priority"


def test_the_key_is_a_bearer_token() -> None:
    assert DIALECT.credential(UPSTREAM) == (b"authorization", b"Bearer ABSK")


def test_conversations_and_invocations_are_read_by_their_own_taps() -> None:
    assert isinstance(DIALECT.tap(understood(SMALL, "converse-stream")), ConverseTap)
    assert isinstance(DIALECT.tap(understood(PROMPT, "invoke-with-response-stream", CLAUDE)), InvokeTap)


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (errors.BadRequest("No."), "ValidationException"),
        (errors.Unauthenticated("No."), "UnrecognizedClientException"),
        (errors.Forbidden("No."), "AccessDeniedException"),
        (errors.NotFound("No."), "ResourceNotFoundException"),
        (errors.Throttled("No."), "ThrottlingException"),
        (errors.QuotaSpent("No."), "ServiceQuotaExceededException"),
        (errors.UpstreamTimedOut("No."), "ModelTimeoutException"),
        (errors.Unavailable("No."), "ServiceUnavailableException"),
    ],
)
def test_an_error_has_the_name_that_sdks_look_for(error: errors.CallError, name: str) -> None:
    told = json.loads(DIALECT.error_body(error, "r-1"))
    assert (told["code"], told["request_id"]) == (name, "r-1")
    assert told["message"].startswith("No.")


def test_a_stranger_is_told_which_variable_to_set() -> None:
    told = json.loads(DIALECT.error_body(errors.Unauthenticated("No key."), "r-1"))
    assert "AWS_BEARER_TOKEN_BEDROCK" in told["message"]
    assert "SigV4" in told["message"]


def test_the_policy_is_told_beside_the_message() -> None:
    note = errors.PolicyNote("org/day", "d_1", limit="$1.00")
    told = json.loads(DIALECT.error_body(errors.QuotaSpent("Spent.", policy=note), "r-1"))
    assert told["policy"] == {"rule": "org/day", "decision": "d_1", "limit": "$1.00"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.UpstreamFailed("It broke."), "modelStreamErrorException"),
        (errors.QuotaSpent("It broke."), "throttlingException"),
        (errors.Unavailable("It broke."), "serviceUnavailableException"),
        (errors.BadRequest("It broke."), "validationException"),
    ],
)
def test_a_broken_stream_ends_with_an_exception_that_botocore_reads(error: errors.CallError, kind: str) -> None:
    judge = EventStreamBuffer()
    judge.add_data(DIALECT.gap + DIALECT.error_event(error, "r-1"))
    (message,) = list(judge)
    assert message.headers[":message-type"] == "exception"
    assert message.headers[":exception-type"] == kind
    assert json.loads(message.payload)["message"] == "It broke."
