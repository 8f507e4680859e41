"""Texts that are JSON source themselves: arguments of tools, structured outputs.

What is read there is a value as it means, what is written there is escaped, so that the text stays JSON.
"""

from __future__ import annotations

import json

import jiter

_OPENINGS = ("{", "[")


def is_json(text: str) -> bool:
    """Whether the text is a JSON object or array."""
    if not text.lstrip().startswith(_OPENINGS):
        return False
    try:
        jiter.from_json(text.encode("utf-8", "replace"))
    except ValueError:
        return False
    return True


def escaped(value: str) -> str:
    """The value as it stands between the quotes of a JSON string."""
    return json.dumps(value, ensure_ascii=False)[1:-1]


def unescaped(source: str) -> str:
    """What stands between the quotes of a JSON string, as it means; as it is where that is a part of an escape."""
    if "\\" not in source:
        return source
    try:
        return str(json.loads(f'"{source}"'))
    except ValueError:
        return source
