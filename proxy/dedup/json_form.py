"""A text that is one JSON object: the order of its members is inert, if one is an instruction that is not about order.

Only of the outermost members, and only if their names are identifiers: those are parameters beside the instruction. What stands
inside one, or bears a name of the world's ("Rome"), is data, and its order may be the point (stages, headers, dialogues).
Numbers stay as they were written (1.0 is not 1), lists keep their order, and a repeated key or an escape leaves the text
verbatim: two readers may differ about them.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from proxy.dedup.words import ENGLISH, listed, quoted, words_of

_ORDER: Final = re.compile(
    r"\b(?:first|last|second|third|next|previous|order\w*|keys?|fields?|propert\w+|columns?|rows?|csv|tsv|tables?|json|yaml|xml|position|"
    r"above|below|top|bottom|sort\w*|lines?|format\w*|pretty|minif\w+|schema|characters?|bytes|length|size|indent\w*|white\w*|diff|"
    r"initial|final|left|right|earl\w+|later|start\w*|sequence|steps?|stages?|moves|events|others|rank|given|members?|items?|rank\w*|merg\w+|overrid\w+|"
    r"reduce|tidy|beautif\w+|prettif\w+|clean|well[ -]formed|valid|translate|leader|winner|wins?|chain|pipeline|in turn|one by one|document|payload|"
    r"this (?:data|text|record|file)|(?:of|in|from|with|about|at|up|is|are|summari[sz]e|explain) (?:these|those|the (?:data|list))|(?:up|explain|do) (?:this|it)|structure|convert|parse|validate|object|dict\w*|as is|verbatim|exact\w*|attributes?|entr(?:y|ies)|before|after|echo\w*|repeat\w*|copy|reproduce|hash\w*|sha|md5|crc\d*|digest|i sent|checksum|encod\w+|count\w*)\b",
    re.IGNORECASE,
)
_PARAMETER: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_REQUESTS: Final = listed(
    "task ask question query prompt instruction instructions request want goal action op operation"
)
_FEWEST_WORDS: Final = 5
_FEWEST_ENGLISH: Final = 2


class _Undecided(ValueError):
    """The text can be read in two ways."""


class Ordered(NamedTuple):
    """A text with its keys in order, or why its form may matter."""

    text: str
    veto: str = ""


_UNREADABLE: Final = Ordered("", "no JSON object that everybody reads alike")


def sorted_keys(text: str, beside: str = "") -> Ordered:
    """Give a JSON object's text with its keys in order and no blanks, if no word in it or beside it is about its form."""
    if not (text.startswith("{") and text.endswith("}")) or "\\" in text:
        return _UNREADABLE
    if found := _ORDER.search(text) or _ORDER.search(beside):
        return Ordered("", f"JSON whose form may matter ({quoted((found.group(),))})")
    try:
        value = json.loads(
            text, object_pairs_hook=_once, parse_int=_Number, parse_float=_Number, parse_constant=_refuse
        )
        if not all(map(_PARAMETER.fullmatch, value)) or not any(_is_instruction(*member) for member in value.items()):
            return Ordered("", "JSON without an instruction among parameters: its order may be content")
        return Ordered(_written({name: value[name] for name in sorted(value)}))
    except (ValueError, RecursionError):
        return _UNREADABLE


class _Number(str):
    """A number as it was written."""

    __slots__ = ()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) != len(pairs):
        raise _Undecided
    return found


def _refuse(constant: str) -> None:
    raise _Undecided(constant)


def _is_instruction(key: str, value: object) -> bool:
    """Tell whether a member is English prose: bare data has no instruction that could be indifferent to its order."""
    if not isinstance(value, str) or isinstance(value, _Number):
        return False
    if key.lower() in _REQUESTS:
        return True
    return len(value.split()) >= _FEWEST_WORDS and len(words_of(value) & ENGLISH) >= _FEWEST_ENGLISH


def _written(value: Any) -> str:
    match value:
        case _Number():
            return str(value)
        case dict():
            return (
                "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_written(value[key])}" for key in value) + "}"
            )
        case list():
            return "[" + ",".join(map(_written, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)
