"""The mark that ends the last sentence.

A full stop behind an ordinary word is inert, "!" only behind a question or a request, "?" only if the sentence is visibly a
question: "It passed." is not "It passed?". A mark behind a number, a capital or an ellipsis may be part of it ("7!", "Yahoo!").
"""

from __future__ import annotations

import re
from string import ascii_letters, digits
from typing import Final

from proxy.dedup.words import ASKS, PRONOUNS, TASKS, listed, words_in

_ASIDE = re.compile(r"how (?:many|much|long|old|far|often) |what (?:is|was|are|were|percent\w*) |what's ")
_MARKS: Final = ".!?"
_MOST_MARKS: Final = 6
_IN_WORDS: Final = ascii_letters + digits + ")%'$"
_WINDOW: Final = 40  # characters at the end that hold the last word and its marks
_IMPERATIVE_TOO: Final = listed("do can will have has had")  # do the dishes, can the tomatoes
_SUBJECTS: Final = PRONOUNS - listed("the my your his her our their this that these those")
_ASKED_WITH: Final = listed("is are was were do does did can could should would will has have had may might")
_OPEN: Final = listed("the a an of to in on for and or but is are was were with by from as at my your")
_WAITING: Final = listed(
    "the a an and or but my our your their than because some every very into if who whose which be would could should will i we he"
    " she they"
)
_JOINING: Final = listed("is are was were of to for with from which when if while into had")
_NAMING: Final = listed(
    "of to in on for and or but is are was were be with by from as at about behind see seen watch like love play than into named called"
)
"""A word right behind one of these is perhaps a name with its own mark: in airplane!, about yahoo!"""
_PATTERNED: Final = listed(
    "rm ls cp mv mkdir rmdir unlink chmod chown grep egrep sed scp rsync glob globs match matches matching"
)
"""Near one of these the last word may be a pattern, and its mark a part of it: what is deleted by rm log?"""
_MATHS: Final = listed(
    "value compute evaluate simplify result zero zeros zeroes factorial divided times plus minus equals formula expression"
)
_NUMERALS: Final = listed("one two three four five six seven eight nine ten eleven twelve twenty thirty fifty hundred")
_MEASURED: Final = _ASKED_WITH | listed("many much long often far old to i you we they")
_OUTCRY: Final = 5  # words; a shorter question with "!" may be an exclamation: are we there yet!
_SPEAKERS: Final = listed("i we my our")
_TOLD: Final = listed("need want would have cannot can am was were did do paid is has are")
_ORDINARY: Final = 3  # letters; n! is a factorial
_LONGEST_TAIL: Final = 400  # characters of a last sentence that is looked through
_ABBREVIATED: Final = listed("inc ltd corp etc jr sr st dr vs co no mr mrs ms")


def without_end(head: str, *, was_asked: bool = False, has_titles: bool = False) -> str:
    """Give prose without the final mark if that is inert.

    ``was_asked``: "could you please" made the mark. ``has_titles``: a work is spoken of, and the mark may be its own.
    """
    stem = head.rstrip(_MARKS)
    marks, body = head[len(stem) :], stem.removesuffix(" ")
    word = _last_word(body, len(head) - _WINDOW)
    if not 0 < len(marks) <= _MOST_MARKS or not word or word.lower() in _ABBREVIATED or word.lower() in _OPEN:
        return head
    if body != stem and "?" not in marks:  # git add . and sudo !!, but people also write so: who ?
        return head
    words = _last_sentence(body)
    if not _PATTERNED.isdisjoint(words[-3:-1]):
        return head
    asks, requests = _is_question(words), was_asked or _is_request(words)
    if "..." in marks or (has_titles and ("!" in marks or not word.islower() or not (asks or requests))):
        return head
    if "?" in marks:
        return body if (asks or was_asked) and (word.islower() or "!" not in marks) else head
    if not word.isalpha():
        return head
    if "!" in marks:
        return (
            body
            if (asks or requests) and word.islower() and len(word) >= _ORDINARY and _is_inert_bang(words, asks=asks)
            else head
        )
    return body if asks or requests or (marks == "." and _is_told(words)) else head


def _last_word(body: str, start: int) -> str:
    """Give the run of letters and figures that a text ends with, as far as it stands behind ``start``."""
    window = body[max(0, start) :]
    return window[len(window.rstrip(_IN_WORDS)) :]


def _is_told(words: list[str]) -> bool:
    """Tell whether somebody says what he needs or what befell him. Any other statement may be a line, a story, a claim."""
    return words[:1] != [] and words[0] in _SPEAKERS and not _TOLD.isdisjoint(words[1:4])


def _is_inert_bang(words: list[str], *, asks: bool) -> bool:
    """Tell whether "!" is but emphasis: not a factorial, an outcry, or a part of the name in front of it."""
    if asks and (len(words) < _OUTCRY or (words[0] in ("will", "would", "could") and words[1] == "you")):
        return False
    if len(words) > 1 and (words[-2] in _NAMING or words[-1] in _NUMERALS):
        return False
    if asks and words[0] == "how" and words[1] not in _MEASURED:
        return False  # how beautiful is it there!
    return _MATHS.isdisjoint(words)


def breaks_off(body: str) -> bool:
    """Tell whether the last word waits for another: the start of a text that is to be continued, where even blanks count."""
    last = body[-_WINDOW:].rpartition(" ")[2].lower()
    if last in _WAITING:
        return True
    if last not in _JOINING:
        return False
    words = _last_sentence(body)
    return not _is_question(words) and not _is_request(words)


def _last_sentence(body: str) -> list[str]:
    """Give the words of the last sentence, or of the question behind its last comma."""
    tail = body[-_LONGEST_TAIL:].lower()
    start = max(tail.rfind(". "), tail.rfind("! ")) + 1
    if ", " in tail:
        aside = max(tail.rfind(", how "), tail.rfind(", what "), tail.rfind(", what's ")) + 1
        if aside > start and _ASIDE.match(tail, aside + 1):
            start = aside
    return words_in(tail[start:]) if start or len(body) <= len(tail) else []


def _is_question(words: list[str]) -> bool:
    """Tell whether a sentence asks in words: an auxiliary with its subject, or a question word with a verb."""
    if len(words) < 3 or words[0] not in ASKS:  # noqa: PLR2004 - a question word, a verb, a subject
        return False
    first, second = words[0], words[1]
    if first in _IMPERATIVE_TOO:
        return second in _SUBJECTS
    if first in _ASKED_WITH or (first == "how" and second == "to"):
        return True
    if second in PRONOUNS or (first == "what" and second in ("a", "an")):
        return False  # what I want is…, what a day
    return first in ("what", "who", "which") or not _ASKED_WITH.isdisjoint(words)  # what causes rain


def _is_request(words: list[str]) -> bool:
    return bool(words) and words[0] in TASKS
