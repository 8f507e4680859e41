"""Edits to named top-level members of a JSON object that leave every other byte as it was.

A provider caches prompts by their prefix: a body that was parsed and written again would miss that cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

Edit = bytes | Callable[[bytes | None], bytes | None]
"""The new value as JSON, or a function from the old one (None: absent) to it (None: leave it as it is)."""

_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BLANK = b" \t\n\r"


def replace_members(body: bytes, members: Mapping[str, Edit]) -> bytes:
    """``body`` with these top-level members replaced, absent ones added at its end; the same object if none changed.

    ``body`` has passed ``strict_json.parse``. Raises ``ValueError`` when it is no JSON object.
    """
    found = _MEMBERS.decode(body)
    cuts: list[tuple[int, int, bytes]] = []
    if not members.keys().isdisjoint(found):
        cuts = _replacements(body, found, members)
    added = [
        msgspec.json.encode(name) + b":" + new
        for name, edit in members.items()
        if name not in found and (new := edit(None) if callable(edit) else edit) is not None
    ]
    if added:
        end = body.rindex(b"}")
        cuts.append((end, end, (b"," if found else b"") + b",".join(added)))
    return _spliced(body, cuts) if cuts else body


def _replacements(
    body: bytes, found: dict[str, msgspec.Raw], members: Mapping[str, Edit]
) -> list[tuple[int, int, bytes]]:
    """(start, end, new value) of the members to be replaced, found by walking over the members in their order."""
    cuts: list[tuple[int, int, bytes]] = []
    wanted = len(members.keys() & found.keys())
    at = body.index(b"{")
    for name, raw in found.items():
        at = _value_start(body, at + 1)
        size = len(memoryview(raw))
        if name in members:
            edit, old = members[name], body[at : at + size]
            new = edit(old) if callable(edit) else edit
            if new is not None and new != old:
                cuts.append((at, at + size, new))
            wanted -= 1
            if not wanted:
                break
        at = body.find(b",", at + size)  # only blanks stand between a value and its comma
    return cuts


def _value_start(body: bytes, at: int) -> int:
    """Where the value of the member begins whose name is the next string from ``at``."""
    end = body.index(b'"', body.index(b'"', at) + 1)
    while _escaped(body, end):
        end = body.index(b'"', end + 1)
    at = body.index(b":", end) + 1
    while body[at] in _BLANK:
        at += 1
    return at


def _escaped(body: bytes, quote: int) -> bool:
    """Whether an odd number of backslashes stands before the quote."""
    before = quote
    while body[before - 1] == ord("\\"):
        before -= 1
    return (quote - before) % 2 == 1


def _spliced(body: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    view = memoryview(body)  # a prompt of megabytes is copied once
    parts: list[bytes | memoryview] = []
    done = 0
    for start, end, new in cuts:
        parts += (view[done:start], new)
        done = end
    parts.append(view[done:])
    return b"".join(parts)
