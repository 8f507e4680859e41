"""What a provider reported, read so that nothing raises and nothing is guessed: what cannot be was not reported."""

from __future__ import annotations

from typing import Any

_MOST = 10**12  # tokens; a larger figure is a mistake that would overflow money
_LONGEST = 256  # characters of a name; the longest real ones, of fine-tuned models, have about 100


def count(members: dict[str, Any], name: str) -> int | None:
    """Return a reported number of tokens; None for whatever cannot be one."""
    value = members.get(name)
    return value if type(value) is int and 0 <= value <= _MOST else None


def part(members: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a member that should be an object; empty when it is not."""
    value = members.get(name)
    return value if type(value) is dict else {}


def parts(members: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects of a member that should be a list of them."""
    value = members.get(name)
    return [element for element in value if type(element) is dict] if type(value) is list else []


def named(members: dict[str, Any], name: str) -> str | None:
    """Return a member that should be a name: printable and at most 256 characters, for it goes into rows and logs."""
    value = members.get(name)
    return value if type(value) is str and 0 < len(value) <= _LONGEST and value.isprintable() else None


def worded(members: dict[str, Any], name: str) -> str | None:
    """Return a member that should be text, of any length."""
    value = members.get(name)
    return value if type(value) is str and value else None
