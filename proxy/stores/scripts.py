"""The Lua scripts, ready to be sent: each is its first line, ``common.lua`` and its body, named by its SHA-1.

They are loaded with ``SCRIPT LOAD`` and called with ``EVALSHA``: no rights beyond scripting are needed, every engine from
Redis 7.0 on takes them, and two versions of the proxy can share a store during a rolling update.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec

NAMES: Final = ("hold", "touch", "release", "settle", "claim", "totals")


class Script(msgspec.Struct, frozen=True):
    """One script: its text and the digest that calls it."""

    name: str
    text: str
    sha: str


def load_scripts() -> dict[str, Script]:
    """Read the scripts that lie beside this file."""
    folder = Path(__file__).parent / "scripts"
    common = (folder / "common.lua").read_text("utf-8")
    return {name: _script(name, common, (folder / f"{name}.lua").read_text("utf-8")) for name in NAMES}


def _script(name: str, common: str, body: str) -> Script:
    shebang, _, rest = body.partition("\n")
    text = f"{shebang}\n{common}\n{rest}"
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
