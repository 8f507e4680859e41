"""Chat completions. Plain completions are another operation: there the prompt's last blank matters, and nothing replays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from proxy.dedup.requests import markers, openai_bypass
from proxy.dedup.requests.base import Body, Bypass, Format, Manner, Place, Turns, as_written, exact, is_set, is_several

_KNOWN: Final = frozenset(
    """audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages
    min_p modalities model n parallel_tool_calls prediction presence_penalty reasoning_effort repetition_penalty
    response_format seed service_tier stop store temperature tool_choice tools top_k top_logprobs top_p verbosity
    web_search_options""".split()  # noqa: SIM905 - a table
)
_MESSAGE: Final = frozenset({"role", "content"})
_TEXT: Final = frozenset({"type", "text"})
_INSTRUCTING: Final = ("system", "developer")
_TOOLS: Final = ("function", "custom")


def _unmarked(body: Body) -> Body:
    """Text parts may carry breakpoints: OpenRouter and LiteLLM pass them on to the provider."""
    messages = body.get("messages")
    if type(messages) is not list or not any(map(_is_marked, messages)):
        return body
    return body | {"messages": [_without(message) if _is_marked(message) else message for message in messages]}


def _is_marked(message: Any) -> bool:
    content = message.get("content") if type(message) is dict else None
    return type(content) is list and any(type(part) is dict and markers.MARKER in part for part in content)


def _without(message: Body) -> Body:
    parts = [
        markers.without(part) if type(part) is dict and part.get("type") == "text" else part
        for part in message["content"]
    ]
    return message | {"content": parts}


def _turns(body: Body) -> Turns:
    messages = body.get("messages")
    if type(messages) is not list or not messages:
        return exact("there are no messages")
    places: list[Place] = []
    for at, message in enumerate(messages):
        text = text_of(message.get("content"), "text") if type(message) is dict and message.keys() <= _MESSAGE else None
        if text is None:
            return exact(f"messages[{at}] is more than a role and a text")
        places.append(Place(("messages", at, "content"), text))
    *before, last = messages
    if last.get("role") != "user" or any(message.get("role") not in _INSTRUCTING for message in before):
        return exact("it is more than instructions and one question")
    offered = is_set(body, "tools") or is_set(body, "functions")
    return Turns(Manner.EDGES if offered else Manner.NEAR, tuple(places[:-1]), places[-1])


def text_of(content: Any, kind: str) -> str | None:
    """The text of a content that is a string or one part with a text and nothing else, which mean the same; or None."""
    if type(content) is str:
        return content
    if type(content) is list and len(content) == 1 and type(part := content[0]) is dict and part.keys() == _TEXT:
        return part["text"] if part["type"] == kind and type(part["text"]) is str else None
    return None


def _asked(body: Body) -> Iterator[str]:
    messages = body.get("messages")
    for message in messages if type(messages) is list else ():
        if type(message) is dict and message.get("role") == "user":
            yield from texts_of(message.get("content"))


def texts_of(content: Any) -> Iterator[str]:
    """The texts of a content, whatever else is there."""
    for part in content if type(content) is list else (content,):
        text = part.get("text") if type(part) is dict else part
        if type(text) is str:
            yield text


def _bypass(path: str, body: Body) -> str:
    if reason := openai_bypass.bypass(path, body, _TOOLS):
        return reason
    if is_several(body.get("n")) or is_several(body.get("best_of")):
        return Bypass.CHOICES
    if is_set(body, "audio") or body.get("modalities") not in (None, [], ["text"]):
        return Bypass.MEDIA_OUT
    messages = body.get("messages")
    if type(messages) is not list:
        return Bypass.UNKNOWN
    return next((reason for message in messages if (reason := _message(message))), "")


def _message(message: Any) -> str:
    if type(message) is not dict:
        return Bypass.UNKNOWN
    if is_set(message, "audio"):  # an earlier answer, by its id
        return Bypass.STATEFUL
    content = message.get("content")
    if content is None or type(content) is str:
        return ""
    if type(content) is not list:
        return Bypass.UNKNOWN
    return next((reason for part in content if (reason := _part(part))), "")


def _part(part: Any) -> str:
    kind = part.get("type") if type(part) is dict else None
    if kind in ("text", "refusal"):
        return ""
    if kind == "image_url":
        linked = part.get("image_url")
        url = linked.get("url") if type(linked) is dict else linked
        return "" if openai_bypass.is_inline(url) else Bypass.MEDIA_IN
    return Bypass.MEDIA_IN if type(kind) is str else Bypass.UNKNOWN


FORMAT: Final = Format(
    api="openai.chat",
    serves=lambda path: path.endswith("/chat/completions"),
    neutral=as_written,
    inert=openai_bypass.INERT,
    known=_KNOWN,
    ordered=(("response_format", "json_schema", "schema"), ("response_format", "schema")),
    unmarked=_unmarked,
    turns=_turns,
    asked=_asked,
    sampling=lambda body: body,
    bypass=_bypass,
)
