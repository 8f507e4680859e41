"""Where the instruction ends and the payload begins, and whether the instruction is visibly English prose.

The boundary is the first colon, line break, tab, or question mark followed by more. Behind it every character counts. In
front of it a text is instruction only if nothing in it looks like code, a command, a form, a quotation or another language.
"""

from __future__ import annotations

import itertools
import re
from typing import Final, NamedTuple

from proxy.dedup.words import ASKS, ENGLISH, FOREIGN, FUNCTION, PRONOUNS, TASKS, listed, quoted, words_in

_MARK = re.compile("[:?\t\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_LATIN = "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_PLAIN = re.compile(f"[A-Za-z0-9 ,.'!?%$€£()/\\-{_LATIN}]+")
_CODE = re.compile(  # every branch starts with its sign: one look at each character
    r"-(?:(?<![A-Za-z0-9]-)|(?![A-Za-z0-9]))"  # a flag, a minus, an operator
    r"|\.(?:(?<![A-Za-z0-9)%'$.]\.)|(?![ .0-9])|(?<!\d\.)(?=\d))"  # a lone dot, os.path, .5
    r"|!(?:(?<![a-z!]!)|(?![ !?.]))"  # 7!, !important
    r"|,(?:(?<![A-Za-z0-9)%'$],)|(?![ \d])|(?<!\d,)(?=\d))"  # a,b,c
    r"|/(?:(?<!\d/)|(?!\d))"  # a path
    r"|'(?:(?<![A-Za-z]')|(?<!s')(?![A-Za-z]))"  # a quotation, feet
    r"|\$(?:(?<!\d\$)(?!\d))|€(?!\d)|£(?!\d)|%(?=\w)"  # a variable
    r"|\((?:(?<! \()(?!s\))|(?=[\W_]))|\)(?:(?<![A-Za-z0-9.%]\))|(?![ .,?!]))"  # a call
)
_CAMEL = re.compile(r"[A-Z](?<=[a-z].)")
_MAKES_IT = re.compile(  # starts with the space behind the verb: a fourth of the time of one that starts with the verb
    r" (?=it|th|my)(?:(?<=\b(?:make|turn|keep|give) )|(?<=\b(?:get|put|fix|was) )|(?<=\bis )|(?<=\bcheck )|(?<=\bimprove )"
    r"|(?<=\bhelp me with ))(?:it|that|these|those|my [a-z]+)[^.!]{0,30}[.!] "
)
_NEXT_SENTENCE = re.compile(r"[.!] +\S")
_COLUMNS = re.compile(r"\d {2,}\d")
_SLASHED = re.compile(r"\b(?:and/or|he/she|she/he|his/her|him/her|her/his)\b", re.IGNORECASE)
_TOKEN = re.compile(rf"[a-z{_LATIN}]+(?:-[a-z]+)*")
_COMMANDS: Final = listed(
    "alias apt awk aws az bash brew bundle cargo cat cd chmod chown clear cmake code cp crontab curl cut date dd deno df diff dig"
    " docker du echo emacs env eval exec exit export ffmpeg fg gcc gcloud gem gh git gradle grep gzip head heroku history hostname"
    " htop ifconfig import insert install ip java javac jobs jq kill kubectl less ln ls lsof make man mkdir mount mv mvn mysql nano nc"
    " netstat nginx node nohup npm npx open pacman passwd perl php ping pip pnpm podman poetry print printf ps psql pwd pytest"
    " python rails read redis rm rmdir rsync ruby rustc scp screen sed select sh sleep sort source sqlite ssh stat su sudo"
    " systemctl tail tar tee telnet terraform time tmux top touch traceroute tree type uname unzip uptime uv vi vim watch wc wget"
    " whoami xargs yarn yum zip zsh def class return const let var function while foreach"
)
_TAKES_TEXT: Final = listed(
    "translate classify correct fix edit rewrite rephrase parse decode encode reverse repeat recite echo finish complete continue"
    " transcribe rate score label tag spell pronounce convert proofread capitalize summarize summarise shorten quote read format"
)
_DETERMINERS: Final = listed("me a an the my our your some us up sure this that")
_SQL_VERBS: Final = listed("update delete drop alter create merge")
_SQL_WORDS: Final = listed("table from where set into view index")
_TOO_FEW: Final = "too few words of an English sentence"
_FEWEST_WORDS: Final = 3
_FEWEST_FUNCTION: Final = 2
_SURELY: Final = 3  # so many together are English, though each may be of another language
_FUNCTION_SHARE: Final = 6  # at least every sixth word
_MONEY_FUNCTION: Final = 4  # `$1` is money in a text that is prose beyond doubt, else a variable


class Parts(NamedTuple):
    """A text parted at its boundary; ``head + tail`` is the text."""

    head: str
    tail: str


def parted(text: str) -> Parts:
    """Give the instruction and, with the mark it starts with, the payload. A final question mark is no boundary."""
    found = _MARK.search(text, 0, len(text.rstrip("?!. ")))
    at = found.start() if found else len(text)
    return Parts(text[:at], text[at:])


def untabbed(text: str) -> str:
    """Give a text of one line with spaces for its tabs if each stands between two words of grammar: a slip, not a column."""
    if "\t" not in text or "\n" in text:
        return text
    if all(
        _is_grammar(before[-12:], -1) and _is_grammar(after[:12], 0)
        for before, after in itertools.pairwise(text.split("\t"))
    ):
        return text.replace("\t", " ")
    return text


def _is_grammar(text: str, at: int) -> bool:
    words = text.split(" ")
    return words[at].lower() in FUNCTION or words[at].lower() in TASKS


def has_payload(text: str) -> bool:
    """Tell whether anything in a text is a boundary."""
    return bool(parted(text).tail)


def not_prose(head: str) -> str:
    """Give "" if a head (its Unicode plain) is visibly English prose, or in a few words what speaks against it."""
    if not (plain := _PLAIN.match(head)) or plain.end() != len(head):
        return f"a character that prose does not need ({quoted(head[plain.end() if plain else 0 :][:1])})"
    if code := _code_in(head):
        return f"something like code, a path or a formula ({quoted((code,))})"
    words = _tokens(head.lower())
    if len(words) < _FEWEST_WORDS:
        return _TOO_FEW
    different = frozenset(words)
    function = different & FUNCTION
    if words[0] in TASKS:  # "explain how bees fly": the verb shows the language too
        function |= {words[0]}
    if len(function) < _FEWEST_FUNCTION or not _has_function_share(words, len(function)):
        return _TOO_FEW
    if _is_command(words) or _is_sql(words[0], different):
        return f"a command, or a verb that takes a text ({quoted(words[:1])})"
    if not different.isdisjoint(FOREIGN):
        return f"perhaps not English ({quoted(different & FOREIGN)})"
    if len(function) < _SURELY and different.isdisjoint(ENGLISH) and words[0] not in TASKS:
        return "perhaps not English"
    if len(function) < _MONEY_FUNCTION and ("$" in head or "€" in head or "£" in head):
        return "a currency sign or a variable"
    return ""


def _has_function_share(words: list[str], different: int) -> bool:
    """Tell whether words of grammar are common enough; ``different``: how many there are without repetitions."""
    if different * _FUNCTION_SHARE >= len(words):
        return True
    return (sum(map(FUNCTION.__contains__, words)) + (words[0] in TASKS)) * _FUNCTION_SHARE >= len(words)


def works_on_more(head: str) -> bool:
    """Tell whether a request is followed by another sentence: "make it warmer. We're closed" may hold the text to work on."""
    if (". " not in head and "! " not in head) or _NEXT_SENTENCE.search(head) is None:
        return False
    lowered = head.lower()
    found = _TOKEN.match(lowered)
    return found is not None and (found.group() in TASKS or _MAKES_IT.search(lowered) is not None)


def _tokens(lowered: str) -> list[str]:
    """Give the words in order; those joined by a hyphen are one."""
    return words_in(lowered) if lowered.isascii() and "-" not in lowered else _TOKEN.findall(lowered)


def _code_in(head: str) -> str:
    """Give "" or the word in which something looks like code."""
    body = head.rstrip(".!?")
    if not body[-1:].isalnum() and body[-1:] not in ("%", ")", "'", "$") and body != head:
        body = head  # the marks behind a word are looked at by `ending`, others here
    body += " "
    if "/" in body:
        body = _SLASHED.sub("or", body)
    found = _CODE.search(body) or (None if body.islower() else _CAMEL.search(body))
    if found:
        return body[body.rfind(" ", 0, found.start()) + 1 :].lstrip(" ").partition(" ")[0]
    columns = _COLUMNS.search(body) if "  " in body else None
    return columns.group() if columns else ""


def _is_command(words: list[str]) -> bool:
    """Tell whether the first word runs something, or works on the text behind it; "make me a" and "summarize how" do not."""
    first, second = words[0], words[1]
    if first in _TAKES_TEXT:
        return second not in ("how", "what", "why")
    return first in _COMMANDS and second not in _DETERMINERS


def _is_sql(first: str, different: frozenset[str]) -> bool:
    return first in _SQL_VERBS and not different.isdisjoint(_SQL_WORDS) and different.isdisjoint(("a", "an", "the"))


def is_instruction(head: str) -> bool:
    """Tell whether a head visibly asks for something: in front of payload it must, for payload may also come first."""
    words = _TOKEN.findall(head[:80].lower())
    if not words:
        return False
    if head.rstrip().endswith(","):
        return False  # a verse
    if words[0] in ("do", "can", "will", "have", "has"):
        return len(words) > 1 and words[1] in PRONOUNS
    return words[0] in ASKS or words[0] in TASKS or words[:1] == ["please"] or words[:3] == ["i", "need", "you"]
