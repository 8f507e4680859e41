"""OpenAI's Responses. Its answers are kept by the provider unless ``store`` is false; a replayed one keeps its id.

So whoever is answered again can go on from it by ``previous_response_id``. Who writes ``store: true`` asks for an answer of
their own, and is not answered here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from proxy.dedup.requests import openai_bypass
from proxy.dedup.requests.base import Body, Bypass, Format, Manner, Place, Turns, as_written, exact, is_set
from proxy.dedup.requests.openai_chat import text_of, texts_of

_KNOWN: Final = frozenset(
    """background context_management conversation include input instructions max_output_tokens max_tool_calls model
    parallel_tool_calls previous_response_id prompt reasoning service_tier store temperature text tool_choice tools
    top_logprobs top_p truncation""".split()  # noqa: SIM905 - a table
)
_MESSAGE: Final = frozenset({"type", "role", "content"})
_INSTRUCTING: Final = ("system", "developer")
_TOOLS: Final = ("function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview")
# What the caller wrote out, beside messages. Any other item points at something that the provider keeps or has run.
_WRITTEN_OUT: Final = (
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "reasoning",
)


def _turns(body: Body) -> Turns:
    instructions = body.get("instructions")
    if instructions is not None and type(instructions) is not str:
        return exact("its instructions are no text")
    before = () if instructions is None else (Place(("instructions",), instructions),)
    manner = Manner.EDGES if is_set(body, "tools") else Manner.NEAR
    given = body.get("input")
    if type(given) is str:
        return Turns(manner, before, Place(("input",), given))
    if type(given) is not list or not given:
        return exact("there is no input")
    places: list[Place] = []
    for at, item in enumerate(given):
        text = _text(item)
        if text is None:
            return exact(f"input[{at}] is more than a role and a text")
        places.append(Place(("input", at, "content"), text))
    if given[-1].get("role") != "user" or any(item.get("role") not in _INSTRUCTING for item in given[:-1]):
        return exact("it is more than instructions and one question")
    return Turns(manner, (*before, *places[:-1]), places[-1])


def _text(item: Any) -> str | None:
    if type(item) is not dict or not item.keys() <= _MESSAGE or item.get("type", "message") != "message":
        return None
    return text_of(item.get("content"), "input_text")


def _asked(body: Body) -> Iterator[str]:
    given = body.get("input")
    if type(given) is str:
        yield given
    for item in given if type(given) is list else ():
        if type(item) is dict and item.get("role") == "user":
            yield from texts_of(item.get("content"))


def _bypass(path: str, body: Body) -> str:
    if reason := openai_bypass.bypass(path, body, _TOOLS):
        return reason
    included = body.get("include")
    if included is not None and (type(included) is not list or any("logprobs" in str(name) for name in included)):
        return Bypass.LOGPROBS
    if body.get("modalities") not in (None, ["text"]):
        return Bypass.MEDIA_OUT
    given = body.get("input")
    if type(given) is str:
        return ""
    if type(given) is not list:
        return Bypass.UNKNOWN
    return next((reason for item in given if (reason := _item(item))), "")


def _item(item: Any) -> str:
    if type(item) is not dict:
        return Bypass.UNKNOWN
    kind = item.get("type", "message")
    if kind != "message" and kind not in _WRITTEN_OUT:
        return Bypass.STATEFUL
    for name in ("content", "output"):
        carried = item.get(name)
        if type(carried) is list and (reason := next((why for part in carried if (why := _part(part))), "")):
            return reason
    return ""


def _part(part: Any) -> str:
    kind = part.get("type") if type(part) is dict else None
    if kind in ("input_text", "output_text", "refusal", "reasoning_text"):
        return ""
    if kind == "input_image" and not is_set(part, "file_id"):
        return "" if openai_bypass.is_inline(part.get("image_url")) else Bypass.MEDIA_IN
    return Bypass.MEDIA_IN if type(kind) is str else Bypass.UNKNOWN


FORMAT: Final = Format(
    api="openai.responses",
    serves=lambda path: path.endswith("/responses"),
    neutral=as_written,
    inert=openai_bypass.INERT,  # an answer echoes some of them: a replayed one says nothing there
    known=_KNOWN,
    ordered=(("text", "format", "schema"),),
    unmarked=lambda body: body,
    turns=_turns,
    asked=_asked,
    sampling=lambda body: body,
    bypass=_bypass,
)
