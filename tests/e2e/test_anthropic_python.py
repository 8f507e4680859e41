"""anthropic-python with only its base URL and key changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.e2e import answers
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import reset, streamed, whole

ASK: Any = [{"role": "user", "content": "Say hello"}]


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=proxy.base_url, api_key=proxy.key) as made:
        yield made


def test_a_message_comes_back_and_leaves_a_row(
    client: anthropic.Anthropic, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(answers.ANTHROPIC_MESSAGE))
    message = client.messages.create(model="claude-sonnet-5", max_tokens=100, messages=ASK)
    assert message.content[0].type == "text"
    assert message.content[0].text == "Hello there"
    assert message._request_id is not None
    row = proxy.wait_rows(request_id=message._request_id)[0]
    assert (row.usage.input, row.usage.output, row.dialect) == (12, 3, "anthropic_messages")
    sent = scripted.seen[-1]
    assert sent.header("x-api-key") == "provider-secret"
    assert sent.header("anthropic-version") == client.default_headers["anthropic-version"]


def test_the_stream_helper_gives_the_final_message_with_the_last_word_on_usage(
    client: anthropic.Anthropic, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(streamed(answers.anthropic_stream()))
    with client.messages.stream(model="claude-sonnet-5", max_tokens=100, messages=ASK) as stream:
        assert "".join(stream.text_stream) == "Hello there"
        final = stream.get_final_message()
        request_id = stream.response.headers["request-id"]
    assert final.usage.output_tokens == 3
    row = proxy.wait_rows(request_id=request_id)[0]
    assert (row.usage.input, row.usage.output) == (12, 3)


async def test_the_async_client_streams_too(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed(answers.anthropic_stream()))
    async with (
        anthropic.AsyncAnthropic(base_url=proxy.base_url, api_key=proxy.key) as client,
        client.messages.stream(model="claude-sonnet-5", max_tokens=100, messages=ASK) as stream,
    ):
        assert "".join([text async for text in stream.text_stream]) == "Hello there"


def test_counting_tokens_costs_nothing(
    client: anthropic.Anthropic, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole({"input_tokens": 12}))
    assert client.messages.count_tokens(model="claude-sonnet-5", messages=ASK).input_tokens == 12
    assert proxy.wait_rows(endpoint="/v1/messages/count_tokens")[-1].cost_nusd == 0


def test_a_bad_key_is_an_authentication_error_after_one_try(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    with (
        anthropic.Anthropic(base_url=proxy.base_url, api_key="tg_wrong") as stranger,
        pytest.raises(anthropic.AuthenticationError) as caught,
    ):
        stranger.messages.create(model="claude-sonnet-5", max_tokens=100, messages=ASK)
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert scripted.seen == []


def test_a_stream_that_breaks_is_an_error_and_never_a_clean_end(
    client: anthropic.Anthropic, scripted: ScriptedUpstream
) -> None:
    scripted.replies(streamed(answers.anthropic_stream()[:4], then=reset()))
    with (
        pytest.raises(anthropic.APIError),
        client.messages.stream(model="claude-sonnet-5", max_tokens=100, messages=ASK) as stream,
    ):
        for _ in stream:
            pass


def test_an_unknown_model_is_not_found_in_the_dialect_of_the_caller(proxy: RunningProxy) -> None:
    status, _, body = proxy.post("/v1/messages", {"model": "", "max_tokens": 1, "messages": ASK})
    assert status == 400
    assert b'"type":"error"' in body.replace(b" ", b"")
