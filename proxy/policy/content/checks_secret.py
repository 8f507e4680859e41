"""What a regex cannot tell of secrets: entropy, checksums, structure, and whether a password is only a placeholder.

Every check takes a finding's text, of a shape that its detector's regex lets through. True: it may be what it looks like.
"""

from __future__ import annotations

import binascii
import json
import math
import re
from collections import Counter
from typing import Final
from urllib.parse import unquote

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM: Final = 6  # characters of CRC-32 at the end of a token of GitHub or npm
_MARK: Final = re.compile(r"sk-ant-(?:[a-z]{3,6}\d\d-)?")
_CLASSIC: Final = 36  # characters after the underscore, checksum included
_RANDOM: Final = 3.5  # bits per character: of words and repetitions fewer, of random tokens more
_NO_WORDS: Final = 4.0  # bits per character
_LONG: Final = 10  # characters of a password, even if all are of one kind
_SHORT: Final = 6  # the same, if they are not
_DRAWN: Final = (str.islower, str.isupper, str.isdigit)
_KEY_BODY: Final = re.compile(r"[A-Za-z0-9+/]{24,}")
_URLSAFE: Final = str.maketrans("-_", "+/")
_FILLER: Final = re.compile(
    r"(?i)^(.)\1*$|^[x*.#?_-]+$|^<.*>$|^\[.*\]$|^\{.*\}$|^\$\w+$|^%\w+%$|^@\w+@$|^%[-.\w()]*[sdv]$|.*(?:\$\{|\{\{|\$\(|%\().*"
)
_WORDS: Final = re.compile(
    r"(?i)^(?:my|your|the|some|db|user|test|a|new|old|super|example|dummy|fake|sample)*[-_. ]?"
    r"(?:p|pw|pwd|p[a@4]ss|p[a@4]ss[wp][o0]?r?d?|passphrase|secret|token|apikey|api[-_]?key|key|credentials?|changeme|change[-_]me"
    r"|example|test|testing|dummy|fake|foo|bar|baz|foobar|guest|root|admin|postgres|mysql|user|username|redacted|hidden"
    r"|masked|none|null|undefined|todo|here|string|value|abc|abcd|qwerty|x|xx|xxx|12345678?9?|1234|123)"
    r"[-_.]?(?:here|[0-9]{0,4})$"
)


def entropy(text: str) -> float:
    """Shannon's entropy of the characters, in bits per character; 0.0 of nothing."""
    size = len(text)
    return -sum(count / size * math.log2(count / size) for count in Counter(text).values()) if size else 0.0


def no_example(token: str) -> bool:
    """Whether the token is not one of those that documentation shows, such as Amazon's ``AKIAIOSFODNN7EXAMPLE``."""
    return "EXAMPLE" not in token.upper()


def mixed(token: str) -> bool:
    """Whether digits stand among the letters, or the letters look drawn at random: names in code are words."""
    return any(char.isdigit() for char in token) or entropy(token) >= _NO_WORDS


def anthropic(token: str) -> bool:
    """``mixed``, of what follows the mark: ``sk-ant-api03-`` has digits of its own."""
    return mixed(_MARK.sub("", token))


def checksummed(token: str) -> bool:
    """Whether a token of GitHub or npm carries its checksum; where it does not, whether it looks drawn at random.

    The last six characters are the CRC-32 of those before, in base 62:
    https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/. A token that fails may be of a
    newer format, such as the stateless ``ghs_`` of 2026, so it is not waved through.
    """
    body = token.rpartition("_")[2]
    if len(body) == _CLASSIC and _crc62(body[:-_CHECKSUM]) == body[-_CHECKSUM:]:
        return True
    return entropy(token) >= _RANDOM


def _crc62(text: str) -> str:
    number, digits = binascii.crc32(text.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(_CHECKSUM, "0")


def jwt(token: str) -> bool:
    """Whether the first part is a header that names an algorithm of signing or encryption (RFC 7515, RFC 7516)."""
    part = token.partition(".")[0]
    try:
        header = json.loads(binascii.a2b_base64(part.translate(_URLSAFE) + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return False
    algorithm = header.get("alg") if isinstance(header, dict) else None
    return isinstance(algorithm, str) and algorithm.lower() != "none"


def key_block(block: str) -> bool:
    """Whether a key stands between the lines of a PEM block, and no ellipsis or word of documentation."""
    body = "".join(_KEY_BODY.findall(block))
    return entropy(body) >= _RANDOM


def password(text: str) -> bool:
    """Whether it is somebody's password, and no placeholder: ``password``, ``****``, ``<yours>``, ``${DB_PASSWORD}``."""
    text = unquote(text)
    if _FILLER.match(text) or _WORDS.match(text):
        return False
    return len(text) >= _LONG or (len(text) >= _SHORT and _classes(text) > 1)


def _classes(text: str) -> int:
    """How many of these stand in it: small letters, capitals, digits, others."""
    return sum(any(kind(char) for char in text) for kind in (str.islower, str.isupper, str.isdigit, _other))


def _other(char: str) -> bool:
    return not char.isalnum()


def random(text: str) -> bool:
    """Whether capitals, small letters and digits are mixed as only machines mix them."""
    return no_example(text) and sum(any(kind(char) for char in text) for kind in _DRAWN) == len(_DRAWN)
