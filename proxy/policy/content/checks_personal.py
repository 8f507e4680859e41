"""What a regex cannot tell of personal data: check digits, and who gives out such numbers.

Every check takes a finding's text, of a shape that its detector's regex lets through. True: it may be what it looks like.
"""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = frozenset("0123456789")

# First digits from, to, and the lengths given out under them (ISO/IEC 7812; the networks' published ranges).
_ISSUERS: Final = (
    ("4", "4", (16,)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),
    ("6011", "6011", (16,)),  # Discover
    ("644", "649", (16,)),
    ("65", "65", (16,)),
    ("300", "305", (14, 16)),  # Diners Club
    ("36", "36", (14, 16)),
    ("38", "39", (14, 16)),
    ("3528", "3589", (16,)),  # JCB
    ("62", "62", (16, 19)),  # UnionPay
    ("5018", "5018", (16,)),  # Maestro
    ("5020", "5020", (16,)),
    ("5038", "5038", (16,)),
    ("6304", "6304", (16,)),
    ("6759", "6763", (16,)),
)
_NEAR: Final = 4096
_FEWEST_DIGITS: Final = 3  # different ones: 555-555-5555 is nobody's number

# First digits under which ITU-T has given out no country code (E.164).
_UNASSIGNED: Final = re.compile(
    "21[04579]|259|28|29[2-6]|384|42[24-9]|69[4-9]|80[1-79]|83|85[14789]|87[1-79]|88[4579]|89|969|978|99[019]"
)
_NORTH_AMERICAN: Final = 11  # digits of +1: the only country code whose numbers are all of one length
_NUMBER_LENGTHS: Final = range(9, 16)  # digits with the country code; shorter ones are mostly no telephone numbers
_CODE_POINTS: Final = re.compile(r"00\d\d(?: \d{4})+$")  # a row of Unicode's tables
_VERSION: Final = re.compile(r"v?\d+(?:\.\d|\.x)")
_ACCOUNTS: Final = frozenset(("git", "hg", "svn"))
_FILES: Final = re.compile("png|jpe?g|gif|svg|webp|ico|s?css|[mc]?jsx?|tsx?|json|html?|xml|ya?ml|txt")


def luhn(text: str) -> bool:
    """Whether the digits of ``text`` end in their check digit (ISO/IEC 7812-1, annex B)."""
    digits = [int(char) for char in text if char in _DIGITS]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(digits) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def card(text: str) -> bool:
    """Whether a network gives out numbers of this beginning and length, and the check digit is right."""
    digits = "".join(char for char in text if char in _DIGITS)
    issued = any(
        low <= digits[: len(low)] <= high and len(digits) in lengths  # digits of one length compare as numbers do
        for low, high, lengths in _ISSUERS
    )
    return issued and luhn(digits) and not _round(int(digits))


def _round(number: int) -> bool:
    """Whether it stands beside a power of two, as constants in programs do."""
    return abs(number - (1 << number.bit_length())) < _NEAR or abs(number - (1 << number.bit_length() - 1)) < _NEAR


def international_phone(text: str) -> bool:
    """Whether a number after ``+`` or ``00`` is as long as those of E.164, under a country code that is given out."""
    digits = "".join(char for char in text if char in _DIGITS).removeprefix("00")
    return (
        len(digits) in _NUMBER_LENGTHS
        and (digits[0] != "1" or (len(digits) == _NORTH_AMERICAN and digits[1] > "1"))
        and not _UNASSIGNED.match(digits)
        and varied(digits)
        and not _CODE_POINTS.match(text)
    )


def varied(text: str) -> bool:
    """Whether at least three different digits stand in it."""
    return len(_DIGITS.intersection(text)) >= _FEWEST_DIGITS


def email(text: str) -> bool:
    """Whether it is an address: ``git@host`` is how programs log in, ``logo@2x.png`` a file, ``tool@v1.2.x`` a version."""
    local, _, domain = text.partition("@")
    return (
        local.lower() not in _ACCOUNTS
        and not _FILES.fullmatch(domain.rpartition(".")[2].lower())
        and not _VERSION.match(domain)
    )
