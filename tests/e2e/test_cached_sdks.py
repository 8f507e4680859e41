"""The official SDKs cannot tell a stored answer from the provider's: whoever asked first, streamed or not, all objects are equal.

What differs is what makes it another answer: its id, and when it was made. How a text is cut into pieces is nobody's promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any, NamedTuple

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from tests.support.company import key_of, write_directory, write_policies
from tests.support.reusing import ANTHROPIC, CHAT, GEMINI_KIND, RESPONSES, Kind
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream

RULES = """\
kind: Policy
name: reuse
owner: finance@acme.example
rules:
  - name: repeats
    cache: { mode: near, share: org, ttl: 1h }
"""
FAMILIES = {"openai": "/v1", "anthropic": "", "gemini": ""}  # and the path of their base URLs
PEOPLE = ("bea", "cem", "dan", "eva")
ITS_OWN = frozenset(
    {
        "id",
        "created",
        "created_at",
        "response_id",
        "create_time",
        "sdk_http_response",
        "automatic_function_calling_history",
    }
)
_NUMBERS = count()


class Told(NamedTuple):
    """What an SDK made of an answer."""

    final: Any  # object, without what is an answer's own
    text: str
    kinds: tuple[str, ...]  # of a stream's events, in the order in which each came first


Ask = Callable[[RunningProxy, str, str], Told]  # as somebody, a text


def plain(value: Any) -> Any:
    """An SDK's object as plain values, without what is an answer's own."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items() if name not in ITS_OWN and part is not None}
    return [plain(part) for part in value] if isinstance(value, list) else value


def kinds_of(events: Iterable[Any]) -> tuple[str, ...]:
    """The kinds of events, each once."""
    return tuple(dict.fromkeys(event.type for event in events))


def _openai(proxy: RunningProxy, who: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=proxy.base_url + "/v1", api_key=key_of(who), max_retries=0)


def chat(proxy: RunningProxy, who: str, text: str) -> Told:
    with _openai(proxy, who) as client:
        done = client.chat.completions.create(model=CHAT.model, messages=[{"role": "user", "content": text}])
    return Told(plain(done.to_dict()), done.choices[0].message.content or "", ())


def chat_stream(proxy: RunningProxy, who: str, text: str) -> Told:
    with (
        _openai(proxy, who) as client,
        client.chat.completions.stream(
            model=CHAT.model, messages=[{"role": "user", "content": text}], stream_options={"include_usage": True}
        ) as stream,
    ):
        events = list(stream)
        final = stream.get_final_completion()
    deltas = "".join(event.delta for event in events if event.type == "content.delta")
    return Told(plain(final.to_dict()), deltas, kinds_of(events))


def response(proxy: RunningProxy, who: str, text: str) -> Told:
    with _openai(proxy, who) as client:
        done = client.responses.create(model=RESPONSES.model, input=text, store=False)
    return Told(plain(done.to_dict()), done.output_text, ())


def response_stream(proxy: RunningProxy, who: str, text: str) -> Told:
    with (
        _openai(proxy, who) as client,
        client.responses.stream(model=RESPONSES.model, input=text, store=False) as stream,
    ):
        events = list(stream)
        final = stream.get_final_response()
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    return Told(plain(final.to_dict()), deltas, kinds_of(events))


def _anthropic(proxy: RunningProxy, who: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=proxy.base_url, api_key=key_of(who), max_retries=0)


def message(proxy: RunningProxy, who: str, text: str) -> Told:
    with _anthropic(proxy, who) as client:
        done = client.messages.create(
            model=ANTHROPIC.model, max_tokens=50, messages=[{"role": "user", "content": text}]
        )
    return Told(plain(done.to_dict()), "".join(part.text for part in done.content if part.type == "text"), ())


def message_stream(proxy: RunningProxy, who: str, text: str) -> Told:
    with (
        _anthropic(proxy, who) as client,
        client.messages.stream(
            model=ANTHROPIC.model, max_tokens=50, messages=[{"role": "user", "content": text}]
        ) as stream,
    ):
        events = list(stream)
        final = stream.get_final_message()
    deltas = "".join(event.text for event in events if event.type == "text")
    return Told(plain(final.to_dict()), deltas, kinds_of(events))


def _gemini(proxy: RunningProxy, who: str) -> genai.Client:
    return genai.Client(api_key=key_of(who), http_options=types.HttpOptions(base_url=proxy.base_url))


def content(proxy: RunningProxy, who: str, text: str) -> Told:
    with _gemini(proxy, who) as client:
        done = client.models.generate_content(model=GEMINI_KIND.model, contents=text)
    return Told(plain(done.model_dump(mode="json")), done.text or "", ())


def content_stream(proxy: RunningProxy, who: str, text: str) -> Told:
    """The last chunk has the usage and the end; the texts of all chunks are one."""
    with _gemini(proxy, who) as client:
        chunks = list(client.models.generate_content_stream(model=GEMINI_KIND.model, contents=text))
    final = plain(chunks[-1].model_dump(mode="json"))
    said = "".join(chunk.text or "" for chunk in chunks)
    final["candidates"][0]["content"]["parts"] = [{"text": said}]
    return Told(final, said, ())


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """Everybody shares answers."""
    home = tmp_path_factory.mktemp("home")
    write_directory(home, dict.fromkeys(PEOPLE, "growth"))
    write_policies(home, {"reuse.yaml": RULES})
    upstreams = {
        family: f'{{ dialect: {family}, base_url: "{scripted.base_url}{path}", models: ["*"], prices: {{ input: 1, output: 2 }} }}'
        for family, path in FAMILIES.items()
    }
    with RunningProxy(home, upstreams) as running:
        yield running


@pytest.mark.parametrize("streams", [False, True], ids=["whole first", "streamed first"])
@pytest.mark.parametrize(
    ("kind", "ask", "ask_stream"),
    [
        (CHAT, chat, chat_stream),
        (RESPONSES, response, response_stream),
        (ANTHROPIC, message, message_stream),
        (GEMINI_KIND, content, content_stream),
    ],
    ids=["chat", "responses", "messages", "gemini"],
)
def test_a_stored_answer_is_to_its_sdk_what_the_provider_s_is(
    proxy: RunningProxy, scripted: ScriptedUpstream, kind: Kind, ask: Ask, ask_stream: Ask, *, streams: bool
) -> None:
    text = f"Explain how the sails of ship {next(_NUMBERS)} are set by a crew"
    scripted.forget()
    scripted.replies(kind.script(stream=True), kind.script(stream=streams))
    usual = ask_stream(proxy, "bea", f"{text} of 12").kinds  # as the provider streams
    first = (ask_stream if streams else ask)(proxy, "bea", text)
    again, streamed_again = ask(proxy, "cem", text), ask_stream(proxy, "dan", text)
    assert len(scripted.seen) == 2
    assert again.final == streamed_again.final == first.final
    assert {one.text for one in (first, again, streamed_again)} == {"Hello there"}
    assert streamed_again.kinds == usual
