"""Official SDKs read what was changed, and find one text wherever they look for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import anthropic
import openai
from botocore.eventstream import EventStreamBuffer  # type: ignore[import-untyped] # it ships no types
from google import genai
from google.genai import types

from tests.support.answer_streams import converse
from tests.support.answers import Event, framed, rewriting, through

SAID = ["so it ", "was, and ", "so it ", "rema", "ins"]
CRIED = "".join(SAID).upper()
ARGUMENTS = ['{"ci', 'ty": "bad ', 'ems"}']


@contextmanager
def answering(data: bytes) -> Iterator[str]:
    """A server that answers everything with an event stream; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def changed(dialect: str, api: str, made: list[Event], framing: str = "sse") -> bytes:
    """The stream behind the rewriter."""
    raw = framed(framing, made)
    return through(rewriting(dialect, api), raw, range(1, len(raw), 11))


def chunks() -> list[Event]:
    """A chat that writes, calls two tools and ends."""
    calls: list[Event] = [
        {"tool_calls": [{"index": 0, "id": "c0", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        *({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in ARGUMENTS),
        {"tool_calls": [{"index": 1, "id": "c1", "type": "function", "function": {"name": "g", "arguments": "[1"}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "]"}}]},
    ]
    deltas: list[Event] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in SAID), *calls]
    made: list[Event] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    made.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    return [
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [one]} for one in made
    ]


def test_openai_chat_helper_has_one_text_in_its_events_and_in_the_end() -> None:
    with answering(changed("openai_chat", "openai.chat", chunks(), "done")) as url:
        client = openai.OpenAI(base_url=url, api_key="k", max_retries=0)
        deltas, done, calls = "", "", []
        with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "?"}]) as stream:
            for event in stream:
                if event.type == "content.delta":
                    deltas += event.delta
                elif event.type == "content.done":
                    done = event.content
                elif event.type == "tool_calls.function.arguments.done":
                    calls.append(event.arguments)
            message = stream.get_final_completion().choices[0].message
    assert deltas == done == message.content == CRIED
    assert calls == ['{"CITY": "BAD EMS"}', "[1]"]
    assert [call.function.arguments for call in message.tool_calls or ()] == calls


def test_openai_responses_helper_has_one_text_in_its_events_and_in_the_end() -> None:
    where: Event = {"item_id": "m1", "output_index": 0, "content_index": 0, "sequence_number": 1, "logprobs": []}
    part: Event = {"type": "output_text", "text": "", "annotations": []}
    item: Event = {"type": "message", "id": "m1", "role": "assistant", "status": "in_progress", "content": []}
    whole = part | {"text": "".join(SAID)}
    full = item | {"content": [whole], "status": "completed"}
    response: Event = {
        "id": "r", "object": "response", "created_at": 1, "model": "m", "output": [], "parallel_tool_calls": True,
        "tool_choice": "auto", "tools": [], "status": "in_progress",
    }  # fmt: skip
    made: list[Event] = [
        {"type": "response.created", "sequence_number": 0, "response": response},
        {"type": "response.output_item.added", "sequence_number": 0, "output_index": 0, "item": item},
        {"type": "response.content_part.added", **where, "part": part},
        *({"type": "response.output_text.delta", **where, "delta": piece} for piece in SAID),
        {"type": "response.output_text.done", **where, "text": "".join(SAID)},
        {"type": "response.content_part.done", **where, "part": whole},
        {"type": "response.output_item.done", "sequence_number": 2, "output_index": 0, "item": full},
        {
            "type": "response.completed",
            "sequence_number": 3,
            "response": response | {"output": [full], "status": "completed"},
        },
    ]
    with answering(changed("openai_responses", "openai.responses", made)) as url:
        client = openai.OpenAI(base_url=url, api_key="k", max_retries=0)
        deltas, snapshot, done = "", "", ""
        with client.responses.stream(model="m", input="?") as stream:
            for event in stream:
                if event.type == "response.output_text.delta":
                    deltas, snapshot = deltas + event.delta, event.snapshot
                elif event.type == "response.output_text.done":
                    done = event.text
            final = stream.get_final_response()
    assert deltas == snapshot == done == final.output_text == CRIED


def test_anthropic_helper_has_one_text_in_its_events_and_in_the_end() -> None:
    message: Event = {
        "id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "stop_reason": None,
        "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    tool: Event = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    made: list[Event] = [
        {"type": "message_start", "message": message},
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""},
        },
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "abc"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": one}} for one in SAID),
        {"type": "content_block_stop", "index": 1},
        {"type": "content_block_start", "index": 2, "content_block": tool},
        *(
            {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": one}}
            for one in ARGUMENTS
        ),
        {"type": "content_block_stop", "index": 2},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"output_tokens": 3},
        },
        {"type": "message_stop"},
    ]
    with answering(changed("anthropic_messages", "anthropic.messages", made)) as url:
        client = anthropic.Anthropic(base_url=url, api_key="k", max_retries=0)
        with client.messages.stream(model="c", max_tokens=9, messages=[{"role": "user", "content": "?"}]) as stream:
            streamed = "".join(stream.text_stream)
            blocks: list[Any] = list(stream.get_final_message().content)
    assert streamed == blocks[1].text == CRIED
    assert (blocks[0].thinking, blocks[0].signature) == ("HM", "abc")
    assert blocks[2].input == {"CITY": "BAD EMS"}


def test_google_sdk_joins_the_text() -> None:
    made: list[Event] = [{"candidates": [{"content": {"parts": [{"text": piece}], "role": "model"}}]} for piece in SAID]
    made.append({"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"totalTokenCount": 3}})
    with answering(changed("gemini", "gemini.generate", made, "crlf")) as url:
        client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
        answers = client.models.generate_content_stream(model="g", contents="?")
        assert "".join(answer.text or "" for answer in answers) == CRIED


def test_botocore_takes_the_frames() -> None:
    say: Callable[[str], Event] = lambda text: {"text": text}  # noqa: E731 - typed as what converse takes
    buffer = EventStreamBuffer()
    buffer.add_data(changed("bedrock", "bedrock.converse_stream", converse(say)(SAID), "frames"))
    payloads = [json.loads(event.payload) for event in buffer]
    assert "".join(one["delta"]["text"] for one in payloads if "delta" in one) == CRIED
