"""Requests of InvokeModel: every vendor has members of its own. Which of them matter here, and where they stand.

Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html. A model's id begins with its vendor;
where it is the ARN of something that a company has named itself, the body tells.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import msgspec

from proxy.dialects import anthropic_prompt, bedrock_prompt, strict_json
from proxy.dialects.edit import Edit, replace_members
from proxy.dialects.prompt import Prompt
from proxy.dialects.reported import part
from proxy.domain.ask import Features

Path = tuple[str, ...]


class Vendor(msgspec.Struct, frozen=True):
    """``ceiling`` is where a body limits its output; None: nowhere that is known."""

    name: str
    ceiling: Path | None = None
    told_by: tuple[str, ...] = ()  # members that only this one's bodies have


_VENDORS = (
    Vendor("anthropic", ("max_tokens",), ("anthropic_version",)),
    Vendor("amazon.nova", ("inferenceConfig", "maxTokens"), ("inferenceConfig",)),
    Vendor("amazon.titan", ("textGenerationConfig", "maxTokenCount"), ("textGenerationConfig", "inputText")),
    Vendor("meta", ("max_gen_len",), ("max_gen_len",)),
    Vendor("openai", ("max_completion_tokens",)),
    *(
        Vendor(name, ("max_tokens",))
        for name in ("mistral", "cohere", "ai21", "deepseek", "qwen", "moonshotai", "moonshot", "zai", "minimax",
                     "google", "nvidia", "writer")
    ),
)  # fmt: skip
_OTHER = Vendor("")
_OLD_CEILING = {"anthropic": ("max_tokens_to_sample",), "openai": ("max_tokens",), "amazon.nova": ("max_new_tokens",)}
_COUNTS = ("n", "num_generations", "numResults", "numberOfImages")
_MEDIA = frozenset({"bytes", "data", "base64", "image", "inputImage", "images", "conditionImage", "maskImage"})
_LARGE = 1024  # characters; a string without spaces that is longer is no text in any member that carries files
_DATA_URL = re.compile(r"data:([a-z]+/[A-Za-z0-9.+-]{1,64});base64,")
_LINKED = ("s3Location", "s3Uri", "uri")


def vendor_of(model: str, members: dict[str, Any]) -> Vendor:
    """Return who made the model, by its id or else by the body."""
    name = f".{model.rpartition('/')[2]}."
    for vendor in _VENDORS:
        if f".{vendor.name}." in name or f".{vendor.name}-" in name:
            return vendor
    return next((vendor for vendor in _VENDORS if any(told in members for told in vendor.told_by)), _OTHER)


def max_output(vendor: Vendor, members: dict[str, Any]) -> int | None:
    """Return the caller's ceiling on the output. Raises ``BadRequest`` when it is no number."""
    if vendor.ceiling is None:
        return None
    *above, name = vendor.ceiling
    holder = strict_json.mapping(members, above[0]) if above else members
    names = (name, *_OLD_CEILING.get(vendor.name, ()))
    asked = [most for one in names if (most := strict_json.integer(holder, one, least=0)) is not None]
    return max(asked) if asked else None


def clamped(vendor: Vendor, most: int) -> dict[str, Edit]:
    """Return the edit that writes a ceiling where there is none."""
    if vendor.ceiling is None:
        return {}
    *above, name = vendor.ceiling
    return {above[0]: partial(lowered, name, most)} if above else {name: b"%d" % most}


def lowered(name: str, most: int, old: bytes | None) -> bytes:
    """Write the ceiling ``name`` into an object that may be absent."""
    if old is None or old == b"null":
        return b'{"%b":%d}' % (name.encode(), most)
    return replace_members(old, {name: b"%d" % most})


def choices(members: dict[str, Any]) -> int:
    """Return how many answers are asked for."""
    places = (members, part(members, "imageGenerationConfig"), part(members, "textToImageParams"))
    asked = [place[name] for place in places for name in _COUNTS if type(place.get(name)) is int]
    return max(1, *asked) if asked else 1


def features(vendor: Vendor, members: dict[str, Any], model: str) -> Features:
    """Return the sizes of what the model will read."""
    if vendor.name == "anthropic" and "messages" in members:
        return anthropic_prompt.features(members)
    if vendor.name == "amazon.nova" and "messages" in members:
        return bedrock_prompt.features(members, model)
    prompt = Prompt()
    prompt.tools(members.get("tools"))
    for name, value in members.items():
        if name != "tools":
            _walk(prompt, name, value)
    prompt.messages = max(1, prompt.messages)
    return prompt.features()


def tool_names(vendor: Vendor, members: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the tools offered."""
    if vendor.name == "amazon.nova":
        return bedrock_prompt.tool_names(members)
    return anthropic_prompt.tool_names(members)


def _walk(prompt: Prompt, name: str, value: Any) -> None:
    """Take every string below a member as text, but for files; a body is at most 64 deep."""
    if type(value) is str:
        _string(prompt, name, value)
        return
    if type(value) is dict:
        prompt.messages += "role" in value
        prompt.refers(value, _LINKED)
        for key, below in value.items():
            _walk(prompt, key, below)
    elif type(value) is list:
        for below in value:
            _walk(prompt, name, below)


def _string(prompt: Prompt, name: str, value: str) -> None:
    if found := _DATA_URL.match(value):
        prompt.media(found[1], value[found.end() :])
    elif name in _MEDIA and len(value) > _LARGE and " " not in value[:_LARGE]:
        prompt.media("image" if "mage" in name else "file", value)
    else:
        prompt.text(value)
