"""What a model will read of an Anthropic request: system, messages, blocks within blocks."""

from __future__ import annotations

from typing import Any

from proxy.dialects.prompt import Prompt
from proxy.domain.ask import Features

_STORED = ("container", "mcp_servers")
_AT_CALLER = ("custom", "bash_", "text_editor_", "computer_", "memory_")  # tools that the caller runs


def features(members: dict[str, Any]) -> Features:
    """Walk a request. Unknown blocks are read for their text and content, wrong types are the upstream's to refuse."""
    prompt = Prompt()
    _content(prompt, members.get("system"))
    for message in members.get("messages") or ():
        prompt.messages += 1
        if type(message) is dict:
            _content(prompt, message.get("content"))
    prompt.tools(members.get("tools"))
    prompt.served(members.get("tools"), _AT_CALLER)
    prompt.refers(members, _STORED)
    _compacts(prompt, members.get("context_management"))
    prompt.tools(members.get("output_config") or members.get("output_format"))
    return prompt.features()


def _compacts(prompt: Prompt, management: Any) -> None:
    """Note edits that summarise: they are billed beyond the ceiling of the answer. Those that clear are free."""
    edits = management.get("edits") if type(management) is dict else None
    for edit in edits if type(edits) is list else ():
        if type(edit) is dict and str(edit.get("type")).startswith("compact"):
            prompt.unbounded = prompt.unbounded or "context_management"


def tool_names(members: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the tools offered."""
    tools = members.get("tools")
    if type(tools) is not list:
        return ()
    return tuple(tool["name"] for tool in tools if type(tool) is dict and type(tool.get("name")) is str)


def _content(prompt: Prompt, content: Any) -> None:
    if type(content) is str:
        prompt.text(content)
    elif type(content) is list:
        for block in content:
            if type(block) is dict:
                _block(prompt, block)
            else:
                prompt.text(block)
    elif type(content) is dict:  # results of server tools
        _block(prompt, content)


def _block(prompt: Prompt, block: dict[str, Any]) -> None:
    """Take a block; the three that agents send by the hundred come first."""
    kind = block.get("type")
    if kind == "text":
        prompt.text(block.get("text"))
    elif kind == "tool_use":
        prompt.json(block.get("input"))
    elif kind == "tool_result":
        _content(prompt, block.get("content"))
    elif kind == "redacted_thinking":
        prompt.sealed(block.get("data"))
    else:
        _other_block(prompt, block)


def _other_block(prompt: Prompt, block: dict[str, Any]) -> None:
    for name in ("title", "context", "text", "thinking", "stdout", "stderr"):
        prompt.text(block.get(name))
    prompt.json(block.get("input"))
    prompt.sealed(block.get("encrypted_content"))
    prompt.refers(block, ("file_id",))
    source = block.get("source")
    if type(source) is dict:
        _source(prompt, block.get("type"), source)
    _content(prompt, block.get("content"))


def _source(prompt: Prompt, kind: Any, source: dict[str, Any]) -> None:
    """Take an image or a document: its text, its bytes, or nothing but its place."""
    if source.get("type") == "text":
        prompt.text(source.get("data"))
    elif source.get("type") == "content":
        _content(prompt, source.get("content"))
    else:
        prompt.refers(source, ("url", "file_id"))
        prompt.media(kind, source.get("data"))
