"""What stands in a text where a value stood: ``EMAIL-7KQ2MX``.

The code is a keyed hash of the value, not a number in order of appearance. A client sends a talk's earlier turns again
with each request, and may shorten them, reorder them or change the system prompt: a number would then mean another value
than it did a turn ago, and a provider's prompt cache would miss. A hash depends on the value alone; its key keeps
outsiders from trying values out, and its scope is whatever the key's owner gives it.

Letters, digits and one hyphen survive everything that models and programs do to text: Markdown, HTML, JSON, LaTeX, URLs
and shells escape none of them. Without vowels a code is no word; of 30**6 codes none stands in a prompt by chance.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

ALPHABET: Final = "0123456789BCDFGHJKMNPQRSTVWXYZ"
CODE_LENGTH: Final = 6
CODE: Final = f"[{ALPHABET}]"
SHAPE: Final = re.compile(rf"[A-Z]{{1,20}}-{CODE}{{{CODE_LENGTH}}}")


def placeholder(label: str, value: str, key: bytes, attempt: int = 0) -> str:
    """The placeholder of a value under a key of at most 64 bytes; ``attempt`` gives another one where two collide."""
    digest = blake2b(
        value.encode("utf-8", "surrogatepass"), key=key, salt=attempt.to_bytes(16, "little"), digest_size=16
    )
    number, code = int.from_bytes(digest.digest(), "little"), ""
    for _ in range(CODE_LENGTH):
        number, index = divmod(number, len(ALPHABET))
        code += ALPHABET[index]
    return f"{label}-{code}"
