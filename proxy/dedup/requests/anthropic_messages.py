"""Anthropic's messages, also on Vertex AI, where the path says whether they stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from proxy.dedup.requests import markers
from proxy.dedup.requests.base import LARGEST_PICTURE, Body, Bypass, Format, Manner, Place, Turns, exact, is_set
from proxy.dedup.requests.openai_chat import text_of

_KNOWN: Final = frozenset(
    """anthropic_version container context_management inference_geo max_tokens mcp_servers messages model output_config
    output_format service_tier stop_sequences system temperature thinking tool_choice tools top_k top_p""".split()  # noqa: SIM905 - a table
)
_MESSAGE: Final = frozenset({"role", "content"})
_AT_CALLER: Final = ("bash_", "text_editor_", "computer_", "memory_")  # how tools are named that the caller runs
_WRITTEN_OUT: Final = ("text", "tool_use", "thinking", "redacted_thinking")
_STREAMED, _WHOLE = ":streamRawPredict", ":rawPredict"
_COUNTER: Final = "/count-tokens:"  # counts tokens under the name of a model


def _serves(path: str) -> bool:
    return path.endswith(("/messages", _STREAMED, _WHOLE)) and _COUNTER not in path


def _neutral(target: str) -> str:
    return target.replace(_STREAMED, _WHOLE, 1)


def _unmarked(body: Body) -> Body:
    """Breakpoints stand in blocks of ``system`` and of messages, in tools, and beside them all (automatic caching)."""
    bare = markers.without(body)
    changed: Body = {}
    for name in ("system", "tools", "messages"):
        value = bare.get(name)
        if type(value) is list:
            changed[name] = [_without(entry) for entry in value] if name == "messages" else _blocks(value)
    return {**bare, **changed}


def _without(message: Any) -> Any:
    content = message.get("content") if type(message) is dict else None
    return message | {"content": _blocks(content)} if type(content) is list else message


def _blocks(blocks: list[Any]) -> list[Any]:
    return [_block(block) for block in blocks]


def _block(block: Any) -> Any:
    bare = markers.without(block)
    if type(bare) is dict and bare.get("type") == "tool_result" and type(nested := bare.get("content")) is list:
        return bare | {"content": _blocks(nested)}
    return bare


def _turns(body: Body) -> Turns:
    system, messages = body.get("system"), body.get("messages")
    before: tuple[Place, ...] = ()
    if system is not None:
        told = text_of(system, "text")
        if told is None:
            return exact("its system prompt is more than one text")
        before = (Place(("system",), told),)
    if type(messages) is not list or len(messages) != 1:
        return exact("it is more than one question")
    only = messages[0]
    if type(only) is not dict or only.keys() != _MESSAGE or only["role"] != "user":
        return exact("messages[0] is more than a role and a text")
    text = text_of(only["content"], "text")
    if text is None:
        return exact("messages[0] is more than a role and a text")
    manner = Manner.EDGES if is_set(body, "tools") else Manner.NEAR
    return Turns(manner, before, Place(("messages", 0, "content"), text))


def _asked(body: Body) -> Iterator[str]:
    messages = body.get("messages")
    for message in messages if type(messages) is list else ():
        if type(message) is dict and message.get("role") == "user":
            content = message.get("content")
            for block in content if type(content) is list else (content,):
                text = block.get("text") if type(block) is dict else block
                if type(text) is str:
                    yield text


def _bypass(path: str, body: Body) -> str:  # noqa: ARG001 - no model of theirs searches of itself
    if is_set(body, "container") or is_set(body, "store"):
        return Bypass.STATEFUL
    if is_set(body, "mcp_servers") or not _runs_at_caller(body.get("tools")):
        return Bypass.SERVER_TOOLS
    messages, system = body.get("messages"), body.get("system")
    if type(messages) is not list or not all(type(message) is dict for message in messages):
        return Bypass.UNKNOWN
    contents = [system, *(message.get("content") for message in messages)]
    return next((reason for content in contents if (reason := _content(content))), "")


def _runs_at_caller(tools: Any) -> bool:
    if tools is None:
        return True
    return type(tools) is list and all(type(tool) is dict and _is_at_caller(tool.get("type")) for tool in tools)


def _is_at_caller(kind: Any) -> bool:
    return kind in (None, "custom") or (type(kind) is str and kind.startswith(_AT_CALLER))


def _content(content: Any) -> str:
    if content is None or type(content) is str:
        return ""
    if type(content) is not list:
        return Bypass.UNKNOWN
    return next((reason for block in content if (reason := _inside(block))), "")


def _inside(block: Any) -> str:
    kind = block.get("type") if type(block) is dict else None
    if kind in _WRITTEN_OUT:
        return ""
    if kind == "tool_result":
        return _content(block.get("content"))
    if kind == "image":
        source = block.get("source")
        data = source.get("data") if type(source) is dict and source.get("type") == "base64" else None
        return "" if type(data) is str and len(data) <= LARGEST_PICTURE else Bypass.MEDIA_IN
    return Bypass.MEDIA_IN if type(kind) is str else Bypass.UNKNOWN


FORMAT: Final = Format(
    api="anthropic.messages",
    serves=_serves,
    neutral=_neutral,
    inert=frozenset({"stream", "metadata"}),  # `metadata` holds nothing but an opaque user_id (API reference)
    known=_KNOWN,
    ordered=(("output_format", "schema"), ("output_config", "format", "schema")),
    unmarked=_unmarked,
    turns=_turns,
    asked=_asked,
    sampling=lambda body: body,
    bypass=_bypass,
)
