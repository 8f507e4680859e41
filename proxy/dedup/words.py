"""The closed classes of English words that the steps rely on: no dictionary, only words whose work is grammar.

An open list ("names that must keep their capital") can never be complete; a closed one fails closed: what is not in it is
left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from string import ascii_lowercase
from typing import Final


def listed(words: str) -> frozenset[str]:
    """Give the words of a list written as prose."""
    return frozenset(words.split())


FUNCTION: Final = listed(
    "the a an is are was were be been am of to in on for and or but if so as at by from with about into than then"
    " what how why when where who which do does did can could should would will have has had i me my you your it its this"
    " that these those they them their there he she his her we our us not no please much many some any all each"
)
"""Words that hold English sentences together."""

ENGLISH: Final = FUNCTION - listed(
    "a an is was be been am of to in on or so as at do me no i had has over for all we her his he us must but if have not by are will can any my"
)
"""Those of them that no neighbouring language writes alike (Dutch has "is, in, of", German "was, an, so", Italian "a, in")."""

FOREIGN: Final = listed(
    "und der das ist ein eine nicht wie mit auf von zu für oder auch sind ich que para por una est une les qui il dans avec"
    " sur che di della non sono het een och att jest nie czy uma não el como está är på ikke bir"
    " de det jeg til hva hvor som jag vad hur este jak"
    " lista crea escribe explica traduci"
)
"""Words that hold other languages together: with one of them the sentence may not be English at all."""

TASKS: Final = listed(
    "explain summarize summarise write list describe give show generate create compare define find suggest provide draft"
    " outline implement refactor review analyze analyse solve calculate compute recommend identify build design add remove"
    " update make tell evaluate discuss choose propose prepare plan teach check help set"
)
"""Verbs that ask for an answer; without those that take a text in the same line as payload (translate, fix, repeat...)."""

ASKS: Final = listed(
    "what how why when where who which whose is are was were do does did can could should would will have has"
)
"""Words that open a question."""

PRONOUNS: Final = listed("i you he she it we they there this that these those my your his her our their the")

STARTERS: Final = (
    listed(
        "the this that these those there they she we you my your our their his her its if when while after before because"
        " since although for from with about each every both some many most all then also after during how what why where who"
        " which is are was were do does did can could should would have has"
    )
    | TASKS
) - frozenset(("set", "us", "most"))
"""Words whose capital at the start of a sentence is the sentence's, not their own. Will, May, Mark, Polish and every noun
are in no closed class."""


def quoted(words: Iterable[str]) -> str:
    """Give words as they are named to whoever asks for a reason: "comma", "letter"."""
    return ", ".join([f'"{word}"' for word in sorted(words)])


_ONLY_LETTERS: Final = bytes(code if chr(code) in ascii_lowercase else ord(" ") for code in range(256))


def words_in(lowered: str) -> list[str]:
    """Give the words of a lower-cased text in order: its runs of a to z. An apostrophe parts words (what's → what, s)."""
    # four passes over bytes take a third of the time of a regular expression
    return lowered.encode("ascii", "replace").translate(_ONLY_LETTERS).decode("ascii").split()


def words_of(text: str) -> frozenset[str]:
    """Give the different words of a text, in lower case."""
    return frozenset(words_in(text.lower()))
