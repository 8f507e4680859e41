"""What the expression engine found, in words for people who do not know it: the place, the mistake, the remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from proxy.config.masking import shown
from proxy.config.problems import did_you_mean

_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_UNKNOWN = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\((.*)\)'")
_UNEXPECTED = re.compile(r"Syntax error: .*?(?:at: |input |at )'(.*?)'(?: expecting|$)")
_NO_KEY = re.compile(r'Key not found in map : "(.*)"')
_WORD = re.compile(r"[A-Za-z_]\w*")
_SUFFIXED = re.compile(r"[0-9][0-9.]*$")
_FUNCTIONS = (
    "contains", "endsWith", "startsWith", "matches", "size", "exists", "exists_one", "all", "filter", "map", "has",
    "int", "double", "string", "bool", "timestamp", "duration",
    "getHours", "getMinutes", "getDayOfWeek", "getDayOfMonth", "getMonth", "getFullYear",
)  # fmt: skip
_ENGLISH = {"and": "&&", "or": "||", "not": "!"}
_CURLY = frozenset("\u201c\u201d\u201e\u2018\u2019")
_SYNTAX = "there is a mistake in the grammar"


class Finding(msgspec.Struct, frozen=True):
    """One mistake of an expression. ``offset`` counts its characters from 0."""

    offset: int
    message: str
    hint: str = ""


def findings(said: str, source: str, facts: Mapping[str, str]) -> list[Finding]:
    """Translate what the engine ``said`` of ``source``; at least one finding. ``facts``: name and type of each."""
    placed = [(int(line), int(col), text) for line, col, text in _ERROR.findall(said)]
    syntax = [one for one in placed if one[2].startswith("Syntax error")]
    # After a mistake in the grammar the rest is guesswork.
    told = syntax[:1] or placed
    if not told:
        return [_ran(said)]
    return [_placed(_offset(source, line, col), text, source, facts) for line, col, text in told]


def _offset(source: str, line: int, col: int) -> int:
    above = source.split("\n")[: line - 1]
    return sum(len(text) + 1 for text in above) + col - 1


def _placed(offset: int, text: str, source: str, facts: Mapping[str, str]) -> Finding:
    if found := _UNKNOWN.search(text):
        return _unknown(offset, found[1], source, facts)
    if found := _OVERLOAD.search(text):
        return Finding(offset, *_mismatch(found[1], found[2].split(", ")))
    if "cannot be the operand of a select" in text:
        return Finding(offset, "has no members", "functions take brackets: size()")
    if text.startswith("Syntax error"):
        return _grammar(offset, text, source)
    return Finding(offset, text)


def _unknown(offset: int, name: str, source: str, facts: Mapping[str, str]) -> Finding:
    if "." in name:  # the engine points at the last dot
        begin = source.rfind(name, 0, offset + len(name))
        hint = did_you_mean(name, facts) or f"facts are {', '.join(facts)}"
        return Finding(begin if begin >= 0 else offset, f"there is no fact {shown(name)}", hint)
    rooms = {fact.partition(".")[0] for fact in facts}
    if name in rooms:
        known = (fact for fact in facts if fact.startswith(f"{name}."))
        return Finding(offset, f"{name!r} alone is no fact", f"write one of {', '.join(known)}")
    if source[offset : offset + 1] == "(":
        begin = source.rfind(name, 0, offset)
        hint = did_you_mean(name, _FUNCTIONS) or f"functions are {', '.join(_FUNCTIONS)}"
        return Finding(max(begin, 0), f"there is no function {shown(name)}", hint)
    short = {fact.partition(".")[2]: fact for fact in facts}
    hint = f"did you mean {short[name]!r}?" if name in short else did_you_mean(name, (*rooms, *_ENGLISH))
    return Finding(offset, f"{shown(name)} is nothing that is known", hint or "put text into quotes")


def _mismatch(function: str, kinds: list[str]) -> tuple[str, str]:
    sign = function.strip("_").replace("_", " … ")
    if function == "_?_:_":
        return "both answers of '? :' must be of one kind", ""
    if kinds == ["double", "int"]:
        return f"'{sign}' cannot join a decimal number and a whole one", "write 1.0 instead of 1"
    if kinds == ["int", "double"]:
        return f"'{sign}' cannot join a whole number and a decimal one", "write 1 instead of 1.0, or double(…)"
    if kinds[0].startswith("list"):
        return f"{function.strip('_')!r} does not fit a list", 'write "batch" in principal.groups'
    if "bool" in kinds and sign not in {"&&", "||", "!"}:
        return f"'{sign}' cannot join {' and '.join(kinds)}", "true and false stand without quotes and comparisons"
    joined = " and ".join(kinds)
    return f"{sign!r} does not fit {joined}", ""


def _grammar(offset: int, text: str, source: str) -> Finding:
    found = _UNEXPECTED.search(text)
    met = found[1] if found else ""
    if not source.strip():
        return Finding(0, "is empty", "leave it out, or write a condition")
    if met == "<EOF>":
        return Finding(min(offset, len(source)), "ends too early", "a bracket or a value is missing")
    before = _WORD.findall(source[:offset])
    for word in (met, before[-1] if before and source[:offset].rstrip().endswith(before[-1]) else ""):
        if word.lower() in _ENGLISH:
            return Finding(offset, f"{shown(word)} is not used here", f"write {_ENGLISH[word.lower()]}")
    if met.strip() == "=":
        return Finding(offset, "'=' compares nothing", "write ==")
    if met in {"k", "M"} and _SUFFIXED.search(source[:offset]):
        return Finding(offset, f"numbers have no {met!r} here", "write all digits: 200000")
    if met[:1] in {'"', "'"}:
        return Finding(offset, "a quote is opened and not closed, or too much", "")
    if met[:1] in _CURLY:
        return Finding(offset, f"{shown(met)} is a quote of word processors", "write the plain \" or '")
    return Finding(offset, f"{shown(met)} cannot stand here" if met else _SYNTAX, "")


def _ran(said: str) -> Finding:
    """Translate a failure of the trial run, which has no place."""
    why = re.sub(r"^[A-Z_]+: |\s*\[[A-Z_]+\]$", "", said).strip()
    if found := _NO_KEY.search(why):
        name = shown(found[1])
        return Finding(0, f"fails for a call without {name}", f"write {name} in request.tags && … in front of it")
    if "divide by zero" in why or "modulus by zero" in why:
        return Finding(0, "divides by zero where nothing is known", "write … > 0 && in front of it")
    if "budget" in why or "recursion" in why:
        return Finding(0, f"is too much work: {why}", "make it several rules")
    return Finding(0, f"fails when it runs: {why}")
