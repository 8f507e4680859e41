"""Entries as bytes: a head that the scripts read, then everything else as MessagePack under zlib.

Whatever is not exactly that is no entry: another version, other types, bytes behind the end, or more than an entry may be,
of which no more than that is ever unpacked.
"""

from __future__ import annotations

import zlib
from typing import Final

import msgspec

from proxy.domain.reuse import MOST_BYTES, Entry
from proxy.domain.usage import Usage
from proxy.stores.answers.words import WORDS

ANSWERS: Final = "a"  # kinds of entries
ALL: Final = "as"
_VERSION: Final = 1
_DIGEST_BYTES: Final = 32
_HEAD_BYTES: Final = (
    2 + 16 + 4 + _DIGEST_BYTES
)  # version and kind, generation, TTL in ms, digest: as lookup.lua has them
_MOST_TTL_MS: Final = 2**32 - 1  # 49 days
_LEVEL: Final = 1  # half the time of the usual level for a tenth more bytes


class _Packed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the scripts need not see."""

    id: str
    api: str
    model: str
    exact: bytes
    created: float
    usage: Usage
    body: bytes


class Parcel(msgspec.Struct, frozen=True):
    """An entry as ``deposit.lua`` takes it: the generation comes between ``head`` and ``rest``."""

    head: bytes
    rest: bytes
    ttl_ms: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Packed).decode


def pack(entry: Entry) -> Parcel | None:
    """What to store; None for an entry that is too large, or whose time is over before it begins."""
    ttl_ms = min(round(entry.ttl_s * 1000), _MOST_TTL_MS)
    packed = _encode(
        _Packed(entry.id, entry.api, entry.model, entry.exact, float(entry.created), entry.usage, entry.body)
    )
    if ttl_ms <= 0 or len(packed) > MOST_BYTES or len(entry.digest) != _DIGEST_BYTES:
        return None
    head = bytes((_VERSION, ord("s" if entry.is_shadow else "a")))
    return Parcel(head, ttl_ms.to_bytes(4, "big") + entry.digest + _zip(packed), ttl_ms)


def _zip(packed: bytes) -> bytes:
    zipping = zlib.compressobj(_LEVEL, zdict=WORDS)
    return zipping.compress(packed) + zipping.flush()


def unpack(value: bytes) -> Entry | None:
    """The entry that a value of the cache is; None for one that is none."""
    head = value[:_HEAD_BYTES]
    if len(head) < _HEAD_BYTES or head[0] != _VERSION or head[1:2] not in (b"a", b"s"):
        return None
    unzip = zlib.decompressobj(zdict=WORDS)
    try:
        packed = unzip.decompress(memoryview(value)[_HEAD_BYTES:], MOST_BYTES)
        if not unzip.eof or unzip.unused_data:
            return None
        found = _decode(packed)
    except (zlib.error, msgspec.DecodeError):
        return None
    return Entry(
        id=found.id,
        api=found.api,
        model=found.model,
        digest=head[-_DIGEST_BYTES:],
        exact=found.exact,
        created=found.created,
        ttl_s=int.from_bytes(head[18:22], "big") / 1000,
        usage=found.usage,
        body=found.body,
        is_shadow=head[1:2] == b"s",
    )
