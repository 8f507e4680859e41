"""International bank account numbers (ISO 13616-1): a length for each country, and two check digits."""

from __future__ import annotations

from typing import Final

# SWIFT, IBAN Registry, release 99.
_COUNTRIES: Final = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}


def regex() -> str:
    """A number of its country's length, in one piece or in fours, so that the next capital word is never part of it."""
    return "(?:" + "|".join(_of_length(length, names.split()) for length, names in _COUNTRIES.items()) + ")"


def _of_length(length: int, countries: list[str]) -> str:
    fours, rest = divmod(length - 4, 4)
    tail = f"(?: ?[A-Z0-9]{{{rest}}})" if rest else ""
    return f"(?:{'|'.join(countries)})[0-9]{{2}}(?: ?[A-Z0-9]{{4}}){{{fours}}}{tail}"


def iban(text: str) -> bool:
    """Whether the check digits of an IBAN, spaces allowed, are right (ISO 7064, MOD 97-10)."""
    compact = text.replace(" ", "")
    if not (compact.isascii() and compact.isalnum()):
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1


def known_length(text: str) -> bool:
    """Whether the number is as long as those of its country."""
    compact = text.replace(" ", "")
    return compact[:2] in _COUNTRIES.get(len(compact), "").split()
