"""The Lua scripts, ready to be sent: each is its first line, what it shares and its body, named by its SHA-1.

They are loaded with ``SCRIPT LOAD`` and called with ``EVALSHA``: no rights beyond scripting are needed, every engine from
Redis 7.0 on takes them, and two versions of the proxy can share a store during a rolling update.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec

_PARTS: Final = {
    "hold": ("common", "hold"),
    "extend": ("common", "extend"),
    "touch": ("common", "touch"),
    "release": ("common", "returning", "release"),
    "claim": ("common", "returning", "claim"),
    "settle": ("common", "returning", "endings", "settle"),
    "totals": ("common", "returning", "endings", "totals"),
    "usage": ("common", "usage"),
    "lookup": ("generation", "lookup"),
    "deposit": ("generation", "unlock", "deposit"),
    "abandon": ("unlock", "abandon"),
    "renew": ("unlock", "renew"),
    "forget": ("forget",),
    "flush": ("generation", "flush"),
    "repeats": ("common", "repeats"),
}


class Script(msgspec.Struct, frozen=True):
    """One script: its text and the digest that calls it."""

    name: str
    text: str
    sha: str


def load_scripts() -> dict[str, Script]:
    """Read the scripts that lie beside this file."""
    folder = Path(__file__).parent / "scripts"
    return {
        name: _script(name, [(folder / f"{part}.lua").read_text("utf-8") for part in _PARTS[name]]) for name in _PARTS
    }


def _script(name: str, parts: list[str]) -> Script:
    shebang, _, body = parts[-1].partition("\n")
    text = "\n".join((shebang, *parts[:-1], body))
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
