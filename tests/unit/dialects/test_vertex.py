"""Vertex AI: Gemini's and Anthropic's bodies under its paths, and predictions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.anthropic_usage import AnthropicTap
from proxy.dialects.base import Dialect
from proxy.dialects.gemini_usage import GeminiEmbeddingTap, GeminiTap
from proxy.dialects.vertex import Vertex
from proxy.dialects.vertex_anthropic import VertexAnthropic
from proxy.dialects.vertex_tap import PredictTap
from proxy.domain import errors
from proxy.domain.ask import Ask
from proxy.domain.upstream import Secret, Upstream
from proxy.domain.usage import Usage, UsageSource
from tests.support.recorded import cuts, differences, read_both, recorded

Json = dict[str, Any]
GOOGLE, CLAUDE = Vertex(), VertexAnthropic()
BASE = "https://europe-west1-aiplatform.googleapis.com/v1/projects/acme/locations/europe-west1"
UPSTREAM = Upstream("vertex", "vertex", BASE, key=Secret("ya29.token"))
PLACES = ("/v1/projects/theirs-1/locations/us-east5", "/v1beta1/projects/p:q.r/locations/global", "/v1beta1", "/v1")
SMALL: Json = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
MESSAGES: Json = {"anthropic_version": "vertex-2023-10-16", "messages": [{"role": "user", "content": "Hello"}]}
PREDICTED = list(recorded("vertex.predict"))
GENERATED = [one for one in recorded("gemini.generate") if one["provider"] == "google-vertex"]


def understood(dialect: Dialect, members: Json | str, path: str, query: str = "") -> Ask:
    match = dialect.match("POST", path)
    assert match is not None
    assert match.dialect is dialect
    body = members if isinstance(members, str) else json.dumps(members)
    return match.dialect.understand(match, body.encode(), query, {})


def predicted(*instances: object, **members: object) -> Ask:
    body = json.dumps({"instances": instances, **members})
    return understood(GOOGLE, body, f"{PLACES[0]}/publishers/google/models/text-embedding-005:predict")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("operation", "api", "stream", "tap"),
    [
        ("generateContent", "gemini.generate", False, GeminiTap),
        ("streamGenerateContent", "gemini.generate", True, GeminiTap),
        ("countTokens", "gemini.generate", False, GeminiTap),
        ("embedContent", "gemini.embed", False, GeminiEmbeddingTap),
    ],
)
def test_gemini_is_understood_and_the_caller_s_project_stays_behind(
    place: str,
    operation: str,
    api: str,
    stream: bool,  # noqa: FBT001 - a parameter
    tap: type[GeminiTap],
) -> None:
    ask = understood(GOOGLE, SMALL, f"{place}/publishers/google/models/gemini-2.5-flash:{operation}", "alt=sse&key=x")
    assert (ask.endpoint.api, ask.model, ask.stream) == (api, "gemini-2.5-flash", stream)
    assert ask.endpoint.metered == (operation != "countTokens")
    assert "theirs" not in ask.endpoint.path
    sent = GOOGLE.outgoing(ask, UPSTREAM, "other")
    assert sent.target == f"/publishers/google/models/other:{operation}?alt=sse"
    assert type(GOOGLE.tap(ask)) is tap


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("operation", ["rawPredict", "streamRawPredict"])
def test_anthropic_is_understood_and_the_caller_s_project_stays_behind(place: str, operation: str) -> None:
    path = f"{place}/publishers/anthropic/models/claude-sonnet-4-5@20250929:{operation}"
    ask = understood(CLAUDE, MESSAGES | {"max_tokens": 9, "stream": True}, path)
    assert (ask.endpoint.api, ask.model, ask.max_output) == ("anthropic.messages", "claude-sonnet-4-5@20250929", 9)
    assert (ask.stream, ask.features.texts) == (True, ("Hello",))
    sent = CLAUDE.outgoing(ask, UPSTREAM, ask.model)
    assert sent.target == f"/publishers/anthropic/models/claude-sonnet-4-5%4020250929:{operation}"
    assert sent.body is ask.body
    assert isinstance(CLAUDE.tap(ask), AnthropicTap)


@pytest.mark.parametrize("model", ["count-tokens", "count%2Dtokens"])
def test_counting_tokens_costs_nothing_and_names_its_model_in_the_body(model: str) -> None:
    path = f"{PLACES[0]}/publishers/anthropic/models/{model}"
    ask = understood(CLAUDE, MESSAGES | {"model": "claude-sonnet-5"}, f"{path}:rawPredict")
    assert (ask.model, ask.endpoint.metered, ask.endpoint.generates) == ("claude-sonnet-5", False, False)
    sent = CLAUDE.outgoing(ask, UPSTREAM, "other", max_output=5)
    assert sent.target == "/publishers/anthropic/models/count-tokens:rawPredict"
    assert json.loads(sent.body) == MESSAGES | {"model": "other"}
    assert CLAUDE.match("POST", f"{path}:streamRawPredict") is None


@pytest.mark.parametrize(
    "path",
    [
        "/v1/projects/p/locations/l/publishers/meta/models/m:rawPredict",
        "/v1/projects/p/locations/l/publishers/google/models/m:rawPredict",
        "/v1/projects/p/locations/l/publishers/anthropic/models/m:generateContent",
        "/v1/projects/p/locations/l/publishers/google/models/m:deleteModel",
        "/v1/projects/p/publishers/google/models/m:predict",
        "/v1/projects/p/locations/l/endpoints/7:predict",
        "/v1/projects/p/locations/l/publishers/google/models/m",
        "/v2/publishers/google/models/m:predict",
    ],
)
def test_other_paths_are_not_ours(path: str) -> None:
    assert GOOGLE.match("POST", path) is None
    assert CLAUDE.match("POST", path) is None


def test_nothing_is_asked_with_another_method() -> None:
    assert GOOGLE.match("GET", "/v1/publishers/google/models/gemini-2.5-flash:generateContent") is None


@pytest.mark.parametrize("model", ["..", "%2E%2E", "a%2Fb", "a%20b", "%00", "a" * 129])
def test_a_path_that_names_no_model_is_refused(model: str) -> None:
    for dialect, publisher, operation in (
        (GOOGLE, "google", "predict"),
        (GOOGLE, "google", "generateContent"),
        (CLAUDE, "anthropic", "rawPredict"),
    ):
        with pytest.raises(errors.BadRequest) as caught:
            understood(dialect, '{"instances":[]}', f"/v1/publishers/{publisher}/models/{model}:{operation}")
        assert caught.value.code == "invalid_model"


def test_a_body_that_repeats_the_model_gets_the_upstream_s_and_no_project() -> None:
    name = "projects/theirs/locations/l/publishers/google/models/gemini-2.5-flash"
    path = "/v1/projects/theirs/locations/l/publishers/google/models/gemini-2.5-flash:countTokens"
    ask = understood(GOOGLE, {"model": name, **SMALL}, path)
    for model in ("gemini-2.5-flash", "other"):
        sent = GOOGLE.outgoing(ask, UPSTREAM, model)
        assert json.loads(sent.body) == {"model": f"publishers/google/models/{model}", **SMALL}
        assert sent.edits == ("model",)
    nested = understood(
        GOOGLE, {"contents": [{"parts": [{"text": '"model"'}, {"functionCall": {"args": {"model": 1}}}]}]}, path
    )
    assert GOOGLE.outgoing(nested, UPSTREAM, nested.model).body is nested.body


def test_a_body_that_names_another_model_than_the_path_is_refused() -> None:
    for dialect, path in (
        (GOOGLE, "/v1/publishers/google/models/gemini-2.5-flash:generateContent"),
        (CLAUDE, "/v1/publishers/anthropic/models/claude-haiku-4-5:rawPredict"),
    ):
        with pytest.raises(errors.BadRequest) as caught:
            understood(dialect, {"model": "dear", **MESSAGES}, path)
        assert caught.value.code == "model_mismatch"


def test_a_ceiling_is_written_in_each_one_s_words() -> None:
    gemini = understood(GOOGLE, SMALL, "/v1/publishers/google/models/g:generateContent")
    claude = understood(CLAUDE, MESSAGES, "/v1/publishers/anthropic/models/c:rawPredict")
    assert json.loads(GOOGLE.outgoing(gemini, UPSTREAM, "g", 5).body)["generationConfig"] == {"maxOutputTokens": 5}
    assert json.loads(CLAUDE.outgoing(claude, UPSTREAM, "c", 5).body)["max_tokens"] == 5


def test_the_key_is_an_access_token_or_what_the_configuration_says() -> None:
    for dialect in (GOOGLE, CLAUDE):
        assert dialect.credential(UPSTREAM) == (b"authorization", b"Bearer ya29.token")
    express = Upstream("v", "vertex", BASE, key=Secret("AIza"), auth_header="x-goog-api-key")
    assert GOOGLE.credential(express) == (b"x-goog-api-key", b"AIza")


def test_errors_are_google_s_for_google_and_anthropic_s_for_anthropic() -> None:
    error = errors.Unauthenticated("No.")
    assert json.loads(GOOGLE.error_body(error, "r"))["error"]["status"] == "UNAUTHENTICATED"
    assert json.loads(CLAUDE.error_body(error, "r"))["error"]["type"] == "authentication_error"


# Predictions.


def test_what_is_to_be_embedded_or_drawn_is_found() -> None:
    ask = predicted(
        {"content": "one", "task_type": "RETRIEVAL_QUERY", "title": "zero"},
        {"prompt": "two", "image": {"bytesBase64Encoded": "AAAA"}},
        {"text": "three", "video": {"gcsUri": "gs://b/o"}, "referenceImages": [{"referenceImage": {"bytesBase64Encoded": "AAAA"}}, 7]},
        "odd",
        parameters={"sampleCount": 4},
    )  # fmt: skip
    assert ask.features.texts == ("zero", "one", "two", "three")
    assert (ask.features.images, ask.features.unbounded, ask.choices, ask.max_output) == (2, "gcsUri", 4, None)
    assert (ask.endpoint.api, ask.endpoint.generates) == ("vertex.predict", False)
    sent = GOOGLE.outgoing(ask, UPSTREAM, ask.model, max_output=5)
    assert (sent.target, sent.body) == ("/publishers/google/models/text-embedding-005:predict", ask.body)


@pytest.mark.parametrize("body", ["{}", '{"instances": {}}', "[]", '{"instances": [], "parameters": 1}', "{", '{"a":"\0"}',
                                  '{"instances": [], "parameters": {"sampleCount": "4"}}'])  # fmt: skip
def test_a_prediction_that_cannot_be_understood_is_refused(body: str) -> None:
    with pytest.raises(errors.BadRequest):
        understood(GOOGLE, body, "/v1/publishers/google/models/m:predict")


@pytest.mark.skipif(not PREDICTED or not GENERATED, reason="needs the shared recordings")
@pytest.mark.parametrize("exchange", [*PREDICTED, *GENERATED], ids=lambda exchange: exchange["name"])
@given(draw=st.data())
def test_every_recording_is_read_as_expected(exchange: Json, draw: st.DataObject) -> None:
    made = PredictTap if exchange["api"] == "vertex.predict" else GeminiTap
    for tap in read_both(exchange, made, draw.draw(cuts(1_000)), crlf=False):
        assert differences(exchange, tap.finish()) == {}


def answered(body: object) -> Usage:
    tap = PredictTap()
    tap.body(json.dumps(body).encode())
    assert tap.relayed_text() == ""
    return tap.finish()


def test_pictures_are_counted_and_characters_are_kept() -> None:
    drawn = answered({"predictions": [{"bytesBase64Encoded": "AAAA", "mimeType": "image/png"}, {"gcsUri": "gs://b/o"}]})
    assert (drawn.images, drawn.input, drawn.output, drawn.complete) == (2, None, 0, True)


def test_tokens_that_one_text_does_not_tell_are_not_known() -> None:
    told = {"embeddings": {"statistics": {"token_count": 5}, "values": []}}
    usage = answered({"predictions": [told, {"embeddings": {"values": []}}], "metadata": {"billableCharacterCount": 9}})
    assert (usage.input, usage.characters) == (None, 9)


@given(
    st.recursive(
        st.none() | st.integers(-3, 3) | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["predictions", "embeddings", "statistics", "token_count", "metadata"]), inner
            )
        ),
        max_leaves=20,
    )
)
def test_no_answer_makes_it_raise(body: object) -> None:
    usage = answered(body)
    assert (usage.input or 0) >= 0
    assert usage.complete or usage.usage_source in (UsageSource.NONE, UsageSource.PARTIAL)
