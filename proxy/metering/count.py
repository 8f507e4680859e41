"""Counting tokens, safely on anything a caller can send.

tiktoken recurses over a long run of whitespace and then panics; a panic is a ``BaseException``. Texts are therefore
encoded in pieces, never by ``encode_ordinary``, and a count never fails: at worst it is a quarter of the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import tiktoken

CHUNK: Final = 16_384  # characters; a cut costs at most a token or two
_BYTES_PER_TOKEN: Final = 4


def count(text: str, encoding: tiktoken.Encoding) -> int:
    """Tokens of a text: about 25 µs per KB. Above 8 KB call it in a thread (tiktoken lets other threads run)."""
    if len(text) <= CHUNK:
        return _count_piece(text, encoding)
    total = 0
    start = 0
    while start < len(text):
        end = _cut(text, start)
        total += _count_piece(text[start:end], encoding)
        start = end
    return total


def count_all(texts: Iterable[str], encoding: tiktoken.Encoding) -> int:
    """Tokens of several texts, each counted by itself, as a chat's messages are."""
    return sum([count(text, encoding) for text in texts])


def _cut(text: str, start: int) -> int:
    """Where the piece that begins at ``start`` ends: before a line break or space in its later half, if there is one."""
    end = start + CHUNK
    if end >= len(text):
        return len(text)
    half = start + CHUNK // 2
    for mark in ("\n", " "):
        found = text.rfind(mark, half, end)
        if found > 0:
            return found
    return end


def _count_piece(text: str, encoding: tiktoken.Encoding) -> int:
    try:
        return len(encoding.encode(text, disallowed_special=()))
    except Exception:  # noqa: BLE001 - a count must not fail a call; the fallback is within 20 %
        return _fallback(text)
    except BaseException as error:
        # A Rust panic cannot be imported to be caught by class; cancellation and exit go through.
        if type(error).__name__ != "PanicException":
            raise
        return _fallback(text)


def _fallback(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN
