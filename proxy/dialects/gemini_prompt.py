"""What a model will read of a Gemini request. Every member has two spellings, camelCase and snake_case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proxy.dialects.prompt import Prompt
from proxy.domain.ask import Features
from proxy.domain.errors import BadRequest

_SNAKE = {
    "systemInstruction": "system_instruction",
    "generationConfig": "generation_config",
    "maxOutputTokens": "max_output_tokens",
    "candidateCount": "candidate_count",
    "responseSchema": "response_schema",
    "responseJsonSchema": "response_json_schema",
    "serviceTier": "service_tier",
    "mimeType": "mime_type",
    "functionDeclarations": "function_declarations",
    "generateContentRequest": "generate_content_request",
}
_WRAPPING = frozenset({"requests", "generateContentRequest", "generate_content_request"})
_CALLS = frozenset({"functionCall", "function_call"})
_ANSWERS = frozenset({"functionResponse", "function_response"})
_AT_CALLER = frozenset({"functionDeclarations", "function_declarations", "computerUse", "computer_use"})
_FILES = frozenset({"inlineData", "inline_data", "fileData", "file_data"})


def spelled(members: dict[str, Any], name: str) -> str:
    """Return the spelling of ``name`` that is used. Raises ``BadRequest`` when both are: one of them would be unread."""
    snake = _SNAKE[name]
    if snake not in members:
        return name
    if name in members:
        raise BadRequest(f"'{name}' and '{snake}' are the same member.", param=name, code="invalid_json")
    return snake


def member(members: dict[str, Any], name: str) -> Any:
    """Return a member in whichever spelling it comes."""
    return members.get(spelled(members, name))


def features(members: dict[str, Any]) -> Features:
    """Walk a request, or the requests of a batch, or the request whose tokens are to be counted."""
    prompt = Prompt()
    _request(prompt, members)
    if not members.keys().isdisjoint(_WRAPPING):
        _request(prompt, _object(member(members, "generateContentRequest")))
        for single in objects(members.get("requests")):
            _request(prompt, single)
    return prompt.features()


def tool_names(members: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of functions, and of Google's own tools by their member."""
    names: list[str] = []
    for tool in objects(members.get("tools")):
        declared = spelled(tool, "functionDeclarations")
        names += [name for name in tool if name != declared]
        names += [one["name"] for one in objects(tool.get(declared)) if type(one.get("name")) is str]
    return tuple(names)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Return the objects of a list, or a lone object: ProtoJSON readers take it for a list of one."""
    if type(value) is dict:
        yield value
    elif type(value) is list:
        yield from (element for element in value if type(element) is dict)


def _object(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _request(prompt: Prompt, members: dict[str, Any]) -> None:
    _content(prompt, member(members, "systemInstruction"))
    for content in objects(members.get("contents")):
        prompt.messages += 1
        _content(prompt, content)
    _content(prompt, members.get("content"))  # of embeddings
    prompt.text(members.get("title"))
    prompt.tools(members.get("tools"))
    prompt.refers(members, ("cachedContent", "cached_content"))
    for tool in objects(members.get("tools")):
        if not tool.keys() <= _AT_CALLER:
            prompt.unbounded = prompt.unbounded or "tools"
    if config := _object(member(members, "generationConfig")):
        prompt.tools(member(config, "responseSchema") or member(config, "responseJsonSchema"))


def _content(prompt: Prompt, content: Any) -> None:
    if type(content) is dict:
        for piece in objects(content.get("parts")):
            _part(prompt, piece)
    else:
        prompt.text(content)


def _part(prompt: Prompt, piece: dict[str, Any]) -> None:
    for name, value in piece.items():
        if name == "text":
            prompt.text(value)
        elif type(value) is dict:
            _carried(prompt, name, value)


def _carried(prompt: Prompt, name: str, value: dict[str, Any]) -> None:
    """Take what a part carries that is no text, in either spelling."""
    if name in _CALLS:
        prompt.json(value.get("args"))
    elif name in _ANSWERS:
        prompt.json(value.get("response"))
        for nested in objects(value.get("parts")):
            _part(prompt, nested)
    elif name in _FILES:
        prompt.refers(value, ("fileUri", "file_uri"))
        prompt.media(member(value, "mimeType"), value.get("data"))
    else:
        prompt.text(value.get("code"))
        prompt.text(value.get("output"))
