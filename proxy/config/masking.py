"""Keeps secrets out of error messages: a quoted source line shows where a mistake is, not what a key says.

A mistake may stand anywhere, also where nothing could be parsed, so this looks at text only: values of members whose
name sounds like a credential, passwords in URLs, and words that look like a key. Masks keep the length, so that a caret
below the line still points at its place.
"""

from __future__ import annotations

import difflib
import re

_MEMBER = re.compile(
    r"""(?<![\w-])(?P<name>[A-Za-z_][\w-]*)["']?(?P<colon>\s*:\s+|\s*:(?=["']))(?P<value>"[^"]*"?|'[^']*'?|[^\s,}\]#"'\[{][^,}\]]*)"""
)
_ENDS_WITH_MEMBER = re.compile(
    r"""(?<![\w-])(?P<name>[A-Za-z_][\w-]*)["']?\s*:\s*(?:[|>][+-]?\d?|[&!]\S+)?\s*(?:#.*)?$"""
)
_USERINFO = re.compile(r"(?<=://)(?:[^/@\s\"']*:[^\s\"']*|[^/@\s\"']+)(?=@)")  # a password may hold / and @ by mistake
_KEY_SHAPED = re.compile(r"\b(?:sk|tg|pk|rk)[-_][-_A-Za-z0-9]{6,}")
_LONG_WORD = re.compile(r"[A-Za-z0-9+=]{20,}")
_REFERENCE = re.compile(r"""["']?(?:env|file):""")
_NAMES = ("key", "api_key", "secret", "token", "password", "credential", "authorization", "digest")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_SHOWN = 60


def sounds_secret(name: str) -> bool:
    """Tell whether a name is that of a credential, misspelt ones included (``kye``, ``Api-Key``); not for ``keys``."""
    plain = name.lower().replace("-", "_")
    if plain == "keys":
        return False
    return any(word in plain for word in _NAMES[1:]) or bool(difflib.get_close_matches(plain, _NAMES, 1, 0.65))


def mask_line(line: str, before: str = "", *, named: bool = True) -> str:
    """``line`` with credentials replaced by asterisks and control characters by dots; the length stays.

    ``before`` is the line above: a value may stand on the line after its name. ``named`` goes by names of members; False
    for files without credentials, where ``token`` is a unit and ``key`` an id: there only what looks like a key is hidden.
    """
    if not named:
        return _CONTROL.sub("·", _mask_words(line))
    above = _ENDS_WITH_MEMBER.search(before)
    if above and sounds_secret(above["name"]) and not _MEMBER.search(line) and not _REFERENCE.match(line.strip()):
        return re.sub(r"\S", "*", line)
    return _CONTROL.sub("·", _mask_words(_MEMBER.sub(_mask_member, line)))


def shown(text: str) -> str:
    """Write a value as an error message may quote it: short, on one line, never a credential."""
    clean = _CONTROL.sub("·", _mask_words(text))
    return repr(clean if len(clean) <= _SHOWN else clean[:_SHOWN] + "…")


def _mask_member(found: re.Match[str]) -> str:
    if not sounds_secret(found["name"]) or _REFERENCE.match(found["value"]):
        return found[0]
    return found[0][: -len(found["value"])] + "*" * len(found["value"])


def _mask_words(text: str) -> str:
    text = _USERINFO.sub(lambda found: "*" * len(found[0]), text)
    text = _KEY_SHAPED.sub(lambda found: "*" * len(found[0]), text)
    return _LONG_WORD.sub(lambda found: "*" * len(found[0]) if _is_mixed(found[0]) else found[0], text)


def _is_mixed(word: str) -> bool:
    """Letters and digits in one long run: no name that a person would choose."""
    return any(char.isdigit() for char in word) and any(char.isalpha() for char in word)
