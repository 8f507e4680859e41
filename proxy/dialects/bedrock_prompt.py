"""What a model will read of a request of Converse: system, messages, blocks within blocks, tools."""

from __future__ import annotations

from typing import Any

from proxy.dialects.prompt import Prompt
from proxy.dialects.reported import part, parts
from proxy.domain.ask import Features

_FILES = ("image", "document", "video", "audio")
# Vendors' own members: another ceiling on the output than the one that was read, or tools that a provider runs.
_BEYOND = (
    "max_tokens",
    "maxTokens",
    "max_gen_len",
    "max_completion_tokens",
    "max_new_tokens",
    "maxTokenCount",
    "tools",
)


def features(members: dict[str, Any], model: str) -> Features:
    """Walk a request. Unknown blocks are passed over, wrong types are the upstream's to refuse."""
    prompt = Prompt()
    blocks(prompt, members.get("system"))
    for message in parts(members, "messages"):
        prompt.messages += 1
        blocks(prompt, message.get("content"))
    tools = part(members, "toolConfig").get("tools")
    prompt.tools(tools)
    for tool in tools if type(tools) is list else ():
        if type(tool) is dict and "systemTool" in tool:  # run by the provider, and billed apart
            prompt.unbounded = prompt.unbounded or "toolConfig"
    prompt.tools(part(members, "outputConfig").get("textFormat"))
    _beyond(prompt, members, model)
    return prompt.features()


def tool_names(members: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the tools offered, the provider's own among them."""
    named = (
        (part(tool, "toolSpec") or part(tool, "systemTool")).get("name")
        for tool in parts(part(members, "toolConfig"), "tools")
    )
    return tuple(name for name in named if type(name) is str)


def blocks(prompt: Prompt, content: Any) -> None:
    """Take the blocks of a message, of a tool's result or of a document."""
    for block in content if type(content) is list else ():
        if type(block) is dict:
            _block(prompt, block)


def _block(prompt: Prompt, block: dict[str, Any]) -> None:
    prompt.text(block.get("text"))
    prompt.json(part(block, "toolUse").get("input"))
    prompt.json(block.get("json"))
    for name in ("toolResult", "citationsContent", "searchResult"):
        holder = part(block, name)
        prompt.text(holder.get("title"))
        blocks(prompt, holder.get("content"))
    prompt.text(part(part(block, "guardContent"), "text").get("text"))
    reasoning = part(block, "reasoningContent")
    prompt.text(part(reasoning, "reasoningText").get("text"))
    prompt.sealed(reasoning.get("redactedContent"))
    for name in _FILES:
        if file := part(block, name) or part(part(block, "guardContent"), name):
            _file(prompt, name, file)


def _file(prompt: Prompt, kind: str, file: dict[str, Any]) -> None:
    """Take a file: its bytes, its text, or nothing but its place."""
    source = part(file, "source")
    prompt.text(file.get("context"))
    prompt.text(source.get("text"))
    blocks(prompt, source.get("content"))
    prompt.refers(source, ("s3Location",))
    if "bytes" in source or "s3Location" in source:
        prompt.media(kind, source.get("bytes"))


def _beyond(prompt: Prompt, members: dict[str, Any], model: str) -> None:
    """Note what brings in more than stands here: a stored prompt, and vendors' own members."""
    prompt.refers(members, ("promptVariables",))
    if ":prompt/" in model:
        prompt.unbounded = prompt.unbounded or "modelId"
    own = part(members, "additionalModelRequestFields")
    if any(name in own for name in _BEYOND):
        prompt.unbounded = prompt.unbounded or "additionalModelRequestFields"
