"""Unicode: what keyboards, word processors and web pages put into prose without anybody asking for it.

Composition only (NFC where a Latin letter and its accents become one letter), never compatibility: 10² must not become 102.
Left alone, and so distinct: homoglyphs, full-width letters, bidi marks, joiners, variation selectors, real dashes and minus
signs, a no-break space inside a number. Whatever stays here outside the plain letters makes the text verbatim later.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from proxy.dedup.words import listed, words_of

_LIGATURES: Final = {"\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi", "\ufb04": "ffl"}
_SPACES: Final = "\u00a0\u202f\u2007\u2000-\u200a\u205f"
_INVISIBLE = re.compile("[\u200b\u2060\u00ad\ufeff](?<![0-9].)(?![0-9])", re.DOTALL)
_ODD_SPACE = re.compile(f"[{_SPACES}]")
_BETWEEN_DIGITS = re.compile(f"[0-9]([{_SPACES} ]+)(?=[0-9])")
_APOSTROPHE = re.compile("[\u2019\u02bc](?<=[A-Za-z].)(?=[A-Za-z])")
_HYPHEN = re.compile("[\u2010\u2011](?<=[A-Za-z].)(?=[A-Za-z])")
_LIGATURE = re.compile("[\ufb00-\ufb04](?:(?<=[A-Za-z].)|(?=[a-z]))")
_ACCENTED = re.compile("[A-Za-z][\u0300-\u036f]{1,4}(?:(?=[A-Za-z])|(?<=[A-Za-z]{2}[\u0300-\u036f]))")
_WIDE_END = re.compile("[\uff01\uff1f](?<=[a-z].)\\Z")
_COMPARES: Final = listed(
    "identical differ differs different difference differences render renders rendered rendering display displays displayed keyboard"
    " keyboards symbol symbols sign signs mark marks invisible hidden visible lookalike lookalikes alike strange weird odd copied pasted"
    " type typed types file files folder folders filename filenames search searches searching grep regex match matches password passwords"
    " domain domains url urls username login browser browsers wrap wraps pdf ocr filter filters flagged html compiler parser config"
    " length lengths javascript string strings paste pastes line lines proofread proofreader compositor typesetter curl curls straight"
    " error errors spam broken break breaks font len split args bom octets database databases sql fail fails"
)
"""Words of software that tells one writing of a text from the other, and of comparing two."""
_ALIKE = re.compile(r"same (?:as|thing)|in between|a box\b|the same\W*\Z|equal to", re.IGNORECASE)


def plain_unicode(text: str) -> str:
    """Give prose with odd spaces, soft marks, curly apostrophes inside words and composed letters in their plain form."""
    if text.isascii() or not _COMPARES.isdisjoint(words_of(text)) or _ALIKE.search(text):
        return text
    text = _INVISIBLE.sub("", text)
    if all(gap.isascii() for gap in _BETWEEN_DIGITS.findall(text)):
        text = _ODD_SPACE.sub(" ", text)
    text = _APOSTROPHE.sub("'", text)
    text = _HYPHEN.sub("-", text)
    text = _WIDE_END.sub(lambda found: chr(ord(found.group()) - 0xFEE0), text)
    text = _LIGATURE.sub(lambda found: _LIGATURES[found.group()], text)
    return _ACCENTED.sub(lambda found: unicodedata.normalize("NFC", found.group()), text)
