"""Gemini's generated content. The path names model and operation, and every member has two spellings (ProtoJSON)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxy.dedup.requests.base import (
    LARGEST_PICTURE,
    Body,
    Bypass,
    Format,
    Manner,
    Place,
    Turns,
    exact,
    is_set,
    is_several,
)

_STREAMED, _WHOLE = ":streamGenerateContent", ":generateContent"
_SPELLINGS: Final = {
    "systemInstruction": "system_instruction",
    "generationConfig": "generation_config",
    "candidateCount": "candidate_count",
    "responseModalities": "response_modalities",
    "responseLogprobs": "response_logprobs",
    "speechConfig": "speech_config",
    "imageConfig": "image_config",
    "cachedContent": "cached_content",
    "inlineData": "inline_data",
    "mimeType": "mime_type",
}
_MEMBERS: Final = (
    "contents",
    "model",
    "safetySettings",
    "safety_settings",
    "serviceTier",
    "service_tier",
    "toolConfig",
    "tool_config",
    "tools",
)
_KNOWN: Final = frozenset(_MEMBERS).union(
    *((name, _SPELLINGS[name]) for name in ("systemInstruction", "generationConfig", "cachedContent"))
)
_AT_CALLER: Final = frozenset({"functionDeclarations", "function_declarations", "computerUse", "computer_use"})
_WRITTEN_OUT: Final = frozenset(
    """text thought thoughtSignature thought_signature functionCall function_call functionResponse
    function_response""".split()  # noqa: SIM905 - a table
)
# How an answer is laid out and delivered. Other values of `alt` ask for other media and stay in the key.
_DELIVERY: Final = frozenset(
    f"{dollar}{said}"
    for dollar in ("", "$")
    for said in ("alt=sse", "alt=json", "prettyPrint=true", "prettyPrint=false")
)


def _serves(path: str) -> bool:
    return path.endswith((_STREAMED, _WHOLE))


def _neutral(target: str) -> str:
    path, _, query = target.partition("?")
    path = path.removesuffix(_STREAMED) + _WHOLE if path.endswith(_STREAMED) else path
    query = "&".join(part for part in query.split("&") if part not in _DELIVERY)
    return f"{path}?{query}" if query else path


def _given(members: Mapping[str, Any], name: str) -> tuple[str, Any]:
    """A member in whichever spelling it comes, with that spelling; both are refused before by who reads requests."""
    snake = _SPELLINGS[name]
    return (snake, members[snake]) if members.get(snake) is not None else (name, members.get(name))


def _values(members: Mapping[str, Any], *names: str) -> list[Any]:
    """What these members say in either spelling; null says nothing."""
    spelled = (spelling for name in names for spelling in (name, _SPELLINGS[name]))
    return [value for spelling in spelled if (value := members.get(spelling)) is not None]


def _turns(body: Body) -> Turns:
    spelling, system = _given(body, "systemInstruction")
    before: tuple[Place, ...] = ()
    if system is not None:
        told = _text(system, ("system",))
        if told is None:
            return exact(f"{spelling} is more than one text")
        before = (Place((spelling, "parts", 0, "text"), told),)
    contents = body.get("contents")
    if type(contents) is not list or len(contents) != 1:
        return exact("it is more than one question")
    text = _text(contents[0], ("user",))
    if text is None:
        return exact("contents[0] is more than one text of a user")
    manner = Manner.EDGES if is_set(body, "tools") else Manner.NEAR
    return Turns(manner, before, Place(("contents", 0, "parts", 0, "text"), text))


def _text(content: Any, roles: tuple[str, ...]) -> str | None:
    """The text of a content with one part and nothing else in it; a role may be left out."""
    if type(content) is not dict or not content.keys() <= {"role", "parts"}:
        return None
    if "role" in content and content["role"] not in roles:
        return None
    parts = content.get("parts")
    if type(parts) is not list or len(parts) != 1 or type(parts[0]) is not dict or parts[0].keys() != {"text"}:
        return None
    text = parts[0]["text"]
    return text if type(text) is str else None


def _asked(body: Body) -> Iterator[str]:
    for content in _objects(body.get("contents")):
        if content.get("role", "user") == "user":
            yield from (part["text"] for part in _objects(content.get("parts")) if type(part.get("text")) is str)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list, or a lone one: ProtoJSON readers take it for a list of one."""
    for entry in value if type(value) is list else (value,):
        if type(entry) is dict:
            yield entry


def _sampling(body: Body) -> Mapping[str, Any]:
    config = _given(body, "generationConfig")[1]
    return config if type(config) is dict else {}


def _bypass(path: str, body: Body) -> str:  # noqa: ARG001 - no model of theirs searches of itself
    if _values(body, "cachedContent") or is_set(body, "store"):
        return Bypass.STATEFUL
    if any(not tool.keys() <= _AT_CALLER for tool in _objects(body.get("tools"))):
        return Bypass.SERVER_TOOLS
    for config in _values(body, "generationConfig"):
        if reason := _configured(config):
            return reason
    contents = (*_objects(body.get("contents")), *_objects(_given(body, "systemInstruction")[1]))
    parts = (part for content in contents for part in _objects(content.get("parts")))
    return next((reason for part in parts if (reason := _part(part))), "")


def _configured(config: Any) -> str:
    if type(config) is not dict:
        return Bypass.UNKNOWN
    if any(map(is_several, _values(config, "candidateCount"))):
        return Bypass.CHOICES
    if is_set(config, "logprobs") or any(asked is not False for asked in _values(config, "responseLogprobs")):
        return Bypass.LOGPROBS
    if any(kinds not in ([], ["TEXT"]) for kinds in _values(config, "responseModalities")):
        return Bypass.MEDIA_OUT
    return Bypass.MEDIA_OUT if _values(config, "speechConfig", "imageConfig") else ""


def _part(part: Mapping[str, Any]) -> str:
    if part.keys() <= _WRITTEN_OUT:
        return ""
    inline = _given(part, "inlineData")[1]
    if type(inline) is dict and len(part) == 1:  # a picture; whatever else stands beside it is not understood
        kind, data = _given(inline, "mimeType")[1], inline.get("data")
        if type(kind) is str and kind.startswith("image/") and type(data) is str and len(data) <= LARGEST_PICTURE:
            return ""
    return Bypass.MEDIA_IN


FORMAT: Final = Format(
    api="gemini.generate",
    serves=_serves,
    neutral=_neutral,
    inert=frozenset(),
    known=_KNOWN,
    ordered=tuple(
        (config, schema)
        for config in ("generationConfig", "generation_config")
        for schema in ("responseSchema", "response_schema", "responseJsonSchema", "response_json_schema")
    ),
    unmarked=lambda body: body,
    turns=_turns,
    asked=_asked,
    sampling=_sampling,
    bypass=_bypass,
)
