"""A company's own detectors, as ``kind: Detectors`` writes them.

Whatever could make one silently never match, or match everywhere, is refused when it is loaded. Errors are sentences
that go on where a position in YAML stands.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import re2

from proxy.config.masking import shown
from proxy.policy.content import facts, regex_tree
from proxy.policy.content.checks_personal import luhn
from proxy.policy.content.detector import Check, Detector, Group
from proxy.policy.content.iban import iban, known_length
from proxy.policy.content.pack import PACK
from proxy.policy.content.placeholder import ALPHABET, CODE_LENGTH

MOST: Final = 64  # own detectors of a generation; all their hints are looked for in one pass
CHECKS: Final = ("luhn", "iban", "none")

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
_LONGEST: Final = 1000  # characters of a regex
_LARGEST: Final = 4000  # instructions of RE2; ten times what people write
_LABEL: Final = 20  # capitals
_TELLING: Final = 3  # characters of a hint that is looked for instead of its regex
_HIGHEST_ENTROPY: Final = 8.0
_WHOLE_TEXT: Final = ("\\A", "\\z")


def own_detector(
    name: str,
    group: Group,
    regex: str,
    *,
    hint: str | None = None,
    min_entropy: float = 0.0,
    check: Literal["luhn", "iban", "none"] = "none",
) -> Detector:
    r"""The detector. ``^`` and ``$`` mean the ends of lines; the whole match is the finding.

    ``hint`` is text that stands in every match. Raises ``ValueError`` for a bad or taken name, a regex that RE2 does not
    take, one that matches nothing or is tied to a text's ends, a hint that a match may lack, an unknown check.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{shown(name)} is not a name; use small letters, digits and hyphens, such as employee-id")
    if any(name in (each.name, each.group) for each in PACK):
        raise ValueError(f"{shown(name)} is the name of a detector that comes with the proxy; choose another")
    if check not in CHECKS:
        raise ValueError(f"{shown(check)} is not a check; one of {', '.join(CHECKS)}")
    if not 0 <= min_entropy <= _HIGHEST_ENTROPY:
        raise ValueError(
            f"min_entropy is in bits per character, from 0 to 8; random letters and digits have 3 to 5, found {min_entropy}"
        )
    tree = _understood(regex)
    lines = f"(?m:{facts.source(tree)})"
    return Detector(
        name=name,
        group=group,
        label=_label(name, tree),
        regex=lines,
        hint=_hint(tree, lines, hint),
        min_entropy=min_entropy,
        check=_CHECKS[check],
        is_own=True,
    )


def _label(name: str, tree: regex_tree.Node) -> str:
    """The name in capitals; with OWN before it where a value might look like a placeholder, and so be passed over."""
    label = re.sub("[^A-Z]", "", name.upper())[:_LABEL]
    looks_alike = facts.may_be(tree, (*label, "-", *[ALPHABET] * CODE_LENGTH))
    return f"OWN{label}"[:_LABEL] if looks_alike else label


def _understood(regex: str) -> regex_tree.Node:
    if len(regex) > _LONGEST:
        raise ValueError(f"the regex is longer than {_LONGEST} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(regex, options)
    except re2.error as problem:
        raise ValueError(f"RE2 does not take the regex: {_told(problem)}") from None
    if compiled.programsize > _LARGEST:
        raise ValueError("the regex is too large for RE2: make its counts smaller, such as {1,64}")
    try:
        tree = regex_tree.parse(regex)
        re2.compile(facts.beginnings(tree), options)
    except re2.error:
        raise ValueError("the regex is too large for RE2: make its counts smaller, such as {1,64}") from None
    except ValueError as problem:
        raise ValueError(f"the regex {problem}") from None
    if not facts.shortest(tree) or compiled.search("") is not None:
        raise ValueError("the regex matches the empty string, so it would find something everywhere")
    if any(edge in place for place in facts.edges(tree) for edge in _WHOLE_TEXT):
        raise ValueError(r"the regex is tied to a text's beginning or end by \A or \z; use \b, or ^ and $ for lines")
    return tree


def _hint(tree: regex_tree.Node, regex: str, hint: str | None) -> str:
    r"""What is looked for first: the hint where it tells enough, else the regex itself."""
    caseless = facts.caseless(tree)
    if hint is not None and not (facts.needs(tree, hint) or (caseless and facts.needs(tree, hint.lower()))):
        certain = facts.longest_literal(tree)
        raise ValueError(
            f"the hint {shown(hint)} is not in the regex, or not in every match of it"
            + (f"; {shown(certain)} is" if certain else "; leave it out: no text is in every match")
        )
    literal = hint or facts.longest_literal(tree)
    if len(literal) < _TELLING:
        return regex
    return f"(?i:{re2.escape(literal)})" if caseless else re2.escape(literal)


def _told(problem: Exception) -> str:
    reason = problem.args[0] if problem.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _whole_iban(text: str) -> bool:
    return known_length(text) and iban(text)


_CHECKS: Final[dict[str, Check | None]] = {"luhn": luhn, "iban": _whole_iban, "none": None}
