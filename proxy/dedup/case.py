"""Case at the start of a sentence, and of the pronoun I: the only capitals that grammar alone explains.

Every other capital stays: names, titles, acronyms, code words, German nouns, capitonyms ("Polish", "May").
"""

from __future__ import annotations

import re
from typing import Final

from proxy.dedup.words import ASKS, STARTERS, TASKS, listed

_FIRST = re.compile(r"(?P<word>[A-Z][a-z]*)(?=(?:'(?:s|re|ve|ll|d|m)|n't)? (?P<next>[A-Za-z0-9$]+))")
_LATER = re.compile(r"[.!] (?P<word>[A-Z][a-z]*)(?=(?:'(?:s|re|ve|ll|d|m)|n't)? (?P<next>[A-Za-z0-9$]+))")
_PRONOUN = re.compile(r"I(?<![\w'.]I)(?:(?='(?:m|ve|d|ll)\b)|(?= (?P<next>[a-z]+(?:'t)?)))")
_BEFORE_I: Final = listed(
    "do did can could should would am have will may must that when where why how what if because but so while before after as than"
    " until since once whether"
)
_AFTER_I: Final = listed(
    "am have had want need do did can could would should will cannot just get got use like think know"
)
_NOT_AFTER_I: Final = listed("is has and or equals plus minus")
_SYMBOLS: Final = frozenset("bcdefghjklmnopqrstuvwxyzBCDEFGHJKLMNOPQRSTUVWXYZ")
_NUMERALS: Final = listed("roman numeral numerals dial chord chords")  # I is one, too
_SEPARATORS: Final = str.maketrans(".,()!", "     ")
_NOUN_VERBS: Final = listed("is are was were has have and or vs can does of")
_SUBJECTS: Final = listed(
    "what who which where when how why that this there these those they we he she all some many most each both"
)
"""What a verb may follow. Anything else in front of "is" is a name: Can is a band, From is a series."""
_ASKING: Final = listed("you we they")
"""Behind these Will and May are nobody's names."""
_DETERMINERS: Final = listed("the a an my our your his her this that each")
_WINDOW: Final = 24  # characters in front of a capital that tell what it is


def folded(head: str, words: frozenset[str], *, only_first: bool = False) -> str:
    """Give prose with sentence starts and the pronoun I in lower case.

    ``words``: those of the prose, perhaps with some that stood beside it. ``only_first``: a title may open any sentence
    ("It is by King"), but not as a question word or a verb.
    With single letters about (variables, drives, vitamins), I and A may be symbols too and stay.
    """
    if only_first:
        found = _FIRST.match(head)
        return _first_ask(found) + head[found.end("word") :] if found else head
    found = _FIRST.match(head)
    if found:
        head = _start(found) + head[found.end() :]
    if ". " in head or "! " in head:
        head = _LATER.sub(lambda found: _later(found, head), head)
    if "I" not in head or _has_symbols(head, words):
        return head
    return _PRONOUN.sub(lambda found: "i" if _is_pronoun(found, head) else "I", head)


def _has_symbols(head: str, words: frozenset[str]) -> bool:
    if not _NUMERALS.isdisjoint(words):
        return True
    return not _SYMBOLS.isdisjoint(words) and not _SYMBOLS.isdisjoint(head.translate(_SEPARATORS).split())


def _start(found: re.Match[str]) -> str:
    """Give a sentence's first word, in lower case if it is of a closed class and does the work of that class."""
    written, following = found.group("word", "next")
    word = written.lower()
    match written:
        case "I":
            return "I"  # a pronoun or not: looked at later
        case "A" | "It":
            return written  # a string on a guitar is not the A string; It is a novel
        case "In" | "On" | "At":
            return word if following in _DETERMINERS or following.isdigit() else found["word"]
        case "Will" | "May":
            return word if following in _ASKING else written
        case "An" | "To":
            return word if following.islower() and len(following) > 1 else found["word"]
    if word not in STARTERS or (word not in _SUBJECTS and following in _NOUN_VERBS):
        return written  # "List is a class", "Can is a band", "From is a series"
    return word


def _later(found: re.Match[str], head: str) -> str:
    """Give the stop in front of a word, the space and the word, in lower case if the stop ends a sentence."""
    if not _ends_sentence(head[max(0, found.start() - 3) : found.start()]):
        return found.group()
    return found.group()[:2] + _start(found)


def _first_ask(found: re.Match[str]) -> str:
    word = found["word"].lower()
    asks = word != "who" and (word in ASKS or word in TASKS)  # Who is a band
    return _start(found) if asks else found["word"]


def _ends_sentence(before: str) -> bool:
    """Tell whether a stop behind this ends a sentence: "Dr." and "St." do not look like it, three letters or a figure do."""
    last = before[-3:]
    return last[-1:].isdigit() or (len(last) == 3 and last.isalpha() and last.islower())  # noqa: PLR2004 - three letters


def _is_pronoun(found: re.Match[str], head: str) -> bool:
    """Tell whether an I is the pronoun: its verb follows, or a word of grammar stands before it, or it opens a sentence."""
    following = found["next"]
    before = head[max(0, found.start() - _WINDOW) : found.start()].rstrip(" ")
    if before.endswith((" does", " is", " has")):
        return False  # "what does I do"
    if following is None or following.endswith("n't") or following in _AFTER_I:
        return True
    if following in _NOT_AFTER_I:
        return False
    if not before or (before[-1] in ".!" and _ends_sentence(before[:-1])):
        return len(following) > 2  # noqa: PLR2004 - "I so", "I to" are no verbs
    return before.rpartition(" ")[2].lower() in _BEFORE_I
