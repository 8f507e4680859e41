"""Vocabularies from our own package: no network, no cache folder, no environment variable.

tiktoken's registry would fetch a missing or damaged file from the internet, so it is not used: the ranks are unpacked,
checked by SHA-256 and given to ``tiktoken.Encoding`` directly. Patterns and special tokens are those of tiktoken's
``tiktoken_ext/openai_public.py``; a test compares them.
"""

from __future__ import annotations

import gzip
import hashlib
from binascii import a2b_base64
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

import msgspec
import tiktoken

from proxy.metering.package_data import read_package_data

O200K: Final = "o200k_base"
CL100K: Final = "cl100k_base"


class VocabularyDamaged(Exception):
    """A vocabulary file is not the one that was shipped: reinstall the package."""


class Definition(msgspec.Struct, frozen=True):
    """What makes an encoding out of a file of ranks."""

    sha256: str  # of the unpacked file
    pattern: str
    special_tokens: tuple[tuple[str, int], ...]


_WORD_START: Final = r"[^\r\n\p{L}\p{N}]?"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_CONTRACTION: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_O200K_PATTERN: Final = (
    rf"{_WORD_START}{_UPPER}*{_LOWER}+{_CONTRACTION}|{_WORD_START}{_UPPER}+{_LOWER}*{_CONTRACTION}"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

DEFINITIONS: Final = MappingProxyType(
    {
        O200K: Definition(
            sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
            pattern=_O200K_PATTERN,
            special_tokens=(("<|endoftext|>", 199999), ("<|endofprompt|>", 200018)),
        ),
        CL100K: Definition(
            sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
            pattern=r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
            special_tokens=(
                ("<|endoftext|>", 100257),
                ("<|fim_prefix|>", 100258),
                ("<|fim_middle|>", 100259),
                ("<|fim_suffix|>", 100260),
                ("<|endofprompt|>", 100276),
            ),
        ),
    }
)

# OpenAI's older models (tiktoken's model table); all others, other vendors' too, are nearer to o200k.
_CL100K_EXACT: Final = frozenset({"gpt-4", "davinci-002", "babbage-002"})
_CL100K_PREFIXES: Final = (
    "gpt-4-",
    "gpt-3.5",
    "gpt-35-turbo",
    "text-embedding-ada-002",
    "text-embedding-3-",
    "ft:gpt-4:",
    "ft:gpt-4-",
    "ft:gpt-3.5",
    "ft:davinci-002",
    "ft:babbage-002",
)


def encoding_name(model: str) -> str:
    """Name the encoding that counts for a model; a leading ``vendor/`` is ignored, an unknown model is o200k_base."""
    bare = model.rsplit("/", 1)[-1].lower()
    return CL100K if bare in _CL100K_EXACT or bare.startswith(_CL100K_PREFIXES) else O200K


def load_encoding(name: str, read: Callable[[str, str], bytes] = read_package_data) -> tiktoken.Encoding:
    """Unpack, check and build one encoding: 0.2 s of CPU and about 50 MB. Raises ``VocabularyDamaged``."""
    definition = DEFINITIONS[name]
    try:
        raw = gzip.decompress(read("ranks", f"{name}.tiktoken.gz"))
    except (OSError, EOFError) as error:
        raise VocabularyDamaged(f"vocabulary {name} cannot be unpacked; reinstall the package") from error
    if hashlib.sha256(raw).hexdigest() != definition.sha256:
        raise VocabularyDamaged(f"vocabulary {name} is not the one that was shipped; reinstall the package")
    fields = raw.split()  # token in base 64, rank, token, rank…
    ranks = dict(zip(map(a2b_base64, fields[::2]), map(int, fields[1::2]), strict=True))
    del raw, fields
    encoding = tiktoken.Encoding(
        name, pat_str=definition.pattern, mergeable_ranks=ranks, special_tokens=dict(definition.special_tokens)
    )
    # The Python copy of the ranks only serves pickling; without it a worker is 25 MB smaller.
    encoding._mergeable_ranks = {}  # noqa: SLF001 - no public way; counting works on the compiled copy alone
    return encoding


class Vocabulary:
    """The encodings of one worker. o200k_base is loaded at once, cl100k_base when somebody calls ``load`` for it."""

    __slots__ = ("_default", "_loaded", "_missed")

    def __init__(self) -> None:
        """Load the default encoding; raises ``VocabularyDamaged``."""
        self._default = load_encoding(O200K)
        self._loaded = {O200K: self._default}
        self._missed: set[str] = set()

    def get(self, name: str) -> tiktoken.Encoding:
        """Return an encoding, or o200k_base while the wanted one is not loaded. Never waits, never fails."""
        encoding = self._loaded.get(name)
        if encoding is None:
            self._missed.add(name)
            return self._default
        return encoding

    def missed(self) -> tuple[str, ...]:
        """Name the encodings that were wanted and are not loaded: call ``load`` for them in a thread."""
        return tuple(self._missed.difference(self._loaded))

    def load(self, name: str) -> None:
        """Load one encoding; slow, safe in a thread, harmless when repeated. Raises ``VocabularyDamaged``."""
        if name not in self._loaded:
            self._loaded[name] = load_encoding(name)
