"""``cache_control``: breakpoints of the provider's own cache of prompts, which change what a call costs, not its answer.

(Anthropic, "Prompt caching": "has no effect on output token generation".) They are taken off only where a format
defines them; everywhere else a member of this name is somebody's data and stays in the key.
"""

from __future__ import annotations

from typing import Any, Final

MARKER: Final = "cache_control"
_MEMBERS: Final = frozenset({"type", "ttl"})


def is_marker(value: Any) -> bool:
    """Whether this is a breakpoint as documented: ``{"type": "ephemeral", "ttl": "1h"}``, or null."""
    return value is None or (type(value) is dict and value.get("type") == "ephemeral" and value.keys() <= _MEMBERS)


def without(block: Any) -> Any:
    """A block or tool without its breakpoint; the same object where it has none."""
    if type(block) is not dict or MARKER not in block or not is_marker(block[MARKER]):
        return block
    return {name: value for name, value in block.items() if name != MARKER}
