"""Base64 in a prompt: media is passed over, text is read as what it says and written so again.

Media is a long string that is base64 throughout. Lists of words or keys are none, whatever separates them: line breaks
count only in the widths that encoders use, and the alphabet of URLs, whose hyphen and underscore stand between words as
well, only where the string says that it is media.
"""

from __future__ import annotations

import base64
import re
from typing import Final

_LONG: Final = 1024  # characters; shorter than any picture, longer than any word
_HEAD: Final = re.compile(r"data:([^,;]{0,100})((?:;[^,;]{0,100}){0,4});base64,", re.IGNORECASE)
_TEXT: Final = re.compile(
    r"(?:\Z|text/|application/[^;]*(?:json|xml|yaml|javascript|sql|toml|csv)\s*(?:;|\Z)|[^;]*\+xml)", re.IGNORECASE
)
_STANDARD: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_URLS: Final = _STANDARD + b"-_"
_WIDTHS: Final = (64, 76)  # characters of a line, of PEM and of MIME
_FROM_URLS: Final = str.maketrans("-_", "+/")


class Decoded(str):
    """What a string in base64 says, and how it was written."""

    __slots__ = ("head", "of_urls")
    head: str  # of its data URL
    of_urls: bool


def read(text: str, kind: str = "") -> str | None:
    """What of a string is to be looked at; None for media. ``kind``: its media type, where something beside it says so."""
    if len(text) < _LONG and not kind and text[:1] not in ("d", "D"):
        return text
    found = _HEAD.match(text) if text[:5].lower() == "data:" else None
    if found is None and not kind:
        return None if len(text) >= _LONG and _is_base64(text, _STANDARD) else text
    head = found[0] if found else ""
    data = text[len(head) :]
    if _TEXT.match(found[1].strip() if found else kind.strip()):
        return _decoded(head, data) or text
    return None if len(text) >= _LONG and _is_base64(data, _URLS) else text


def written(old: str | None, new: str) -> str:
    """A string that was read as ``old`` with what it shall say now, in base64 where it was."""
    if not isinstance(old, Decoded):
        return new
    encode = base64.urlsafe_b64encode if old.of_urls else base64.standard_b64encode
    return old.head + encode(new.encode()).decode()


def _decoded(head: str, data: str) -> Decoded | None:
    """What the data says; None where it is no text in base64."""
    plain = "".join(data.split()).rstrip("=").translate(_FROM_URLS)
    try:
        decoded = Decoded(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True).decode())
    except ValueError:
        return None
    decoded.head, decoded.of_urls = head, "-" in data or "_" in data
    return decoded


def _is_base64(text: str, alphabet: bytes) -> bool:
    if not text.isascii():
        return False
    data = text.encode().rstrip(b"\r\n").removesuffix(b"=").removesuffix(b"=")
    rest = data.translate(None, alphabet)
    if not rest:
        return not text.endswith(("\r", "\n"))
    if rest.strip(b"\r\n"):
        return False
    *lines, last = data.splitlines()
    widths = {len(line) for line in lines}
    return len(widths) == 1 and widths.issubset(_WIDTHS) and len(last) <= max(widths)
