"""Contractions that can be read in one way only, in front of an ordinary word.

Not here: he's (is or has), let's ("let us go"), anything without its apostrophe (im, wont, cant are words), anything before a
capital ("Who's Afraid of…", "Can't Buy Me Love").
"""

from __future__ import annotations

import re
from typing import Final

from proxy.dedup.words import listed

_CONTRACTED = re.compile(r"(?<![A-Za-z'-])(?P<word>[a-z]{1,6}?)(?P<end>n't|'(?:s|m|re|ve|ll|d|t))(?= (?P<next>[a-z]+))")
_FULL: Final = {
    "'s": ("is", listed("what that it there here where how who when why")),
    "'m": ("am", listed("i")),
    "'re": ("are", listed("you we they")),
    "'ve": ("have", listed("i you we they")),
    "'ll": ("will", listed("i you we they he she it")),
    "'d": ("would", listed("i")),
    "n't": ("not", listed("is are was were do does did could would should have has had")),
    "'t": ("", frozenset()),
}
_IRREGULAR: Final = {"won't": "will not", "can't": "cannot"}
_AFTER_WOULD: Final = listed("like love prefer rather have be need want appreciate")
_CLAUSE_OPENERS: Final = listed(
    "and but if because so when where why how what who which that than as while since until before after then whether think thought know knew sure"
    " me although though or"
)
"""Behind these a clause begins. "What is I'm…", "use it's", "seen I'm Not There": the words themselves are meant."""
_NO_SUBJECTS: Final = listed(
    "of in is are was were be to for with on by than like as and or between use uses used using put puts about from read reads find see"
    " seen saw hear heard do does did out up off down insert replace remove escape have has had not a an the"
)
_ASKED_ABOUT = re.compile(r", (?:by whom|who|which|(?:is|was) it)\b")  # "Don't Starve, who made it"
_WHOSE_TITLES: Final = listed("the on afraid that who")  # the boss, first, of Virginia Woolf, girl, who
_MENTIONED: Final = listed("and or vs short is are was were")
_PLURALS: Final = listed(
    "i you we they who which that people children men women these those guys and why how what when where which"
)
_WINDOW: Final = 24  # characters in front that hold a word
_HAS: Final = listed("been got gotten had become gone taken come made done given seen")


def expanded(head: str, *, only_first: bool = False) -> str:
    """Give prose with its unambiguous contractions written out; sentence starts are in lower case already.

    ``only_first``: the rest may be an utterance, a title or payload; the word that opens the question is neither.
    """
    if "'" not in head or _ASKED_ABOUT.search(head):
        return head
    if only_first:
        first = _CONTRACTED.match(head)
        return _full(first) + head[first.end() :] if first else head
    return _CONTRACTED.sub(lambda found: _full(found) if _is_used(found, head) else found.group(), head)


def _is_used(found: re.Match[str], head: str) -> bool:
    """Tell whether a contraction does its work in a sentence, as far as the word in front of it shows."""
    before = head[max(0, found.start() - _WINDOW) : found.start()]
    if not before.endswith(" ") or before[-2:-1] in (",", ".", "!"):
        return True  # the start, or a stop behind which a clause begins
    last = before[:-1].rpartition(" ")[2].lower()
    if found["end"] in ("n't", "'t"):
        subject_is_plural = found.group() != "don't" or last in _PLURALS or last.endswith("s")
        return last not in _NO_SUBJECTS and subject_is_plural
    return last in _CLAUSE_OPENERS and found["next"] not in _MENTIONED


def _full(found: re.Match[str]) -> str:
    """Give one contraction in full, or as it is where it could be read in another way."""
    short, end, following = found.group(), found["end"], found["next"]
    if short in _IRREGULAR:
        return _IRREGULAR[short]
    verb, subjects = _FULL[end]
    if found["word"] not in subjects or (end == "'d" and following not in _AFTER_WOULD):
        return short
    if end == "'s" and (following in _HAS or following.endswith("ed") or following in ("app", "up")):
        return short  # it's been, what's happened: has; what's app, what's up: names
    if short == "who's" and following in _WHOSE_TITLES:
        return short
    return f"{found['word']} {verb}"
