"""The reading in force, as the supervisor hands it to its workers over the line between them.

So a worker begins with what the others have, whatever lies on the disk meanwhile. It holds secrets, and is never seen
where others could read it: in a file, on a command line, in an environment.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import msgspec

from proxy.config.directory import Directory, Listed
from proxy.config.reading import Reading


def packed(reading: Reading) -> bytes:
    """Put it into bytes: plain values by their names, so that another release cannot mistake one for another.

    Pickled, for neither JSON nor MessagePack has all of them: names of files need be no Unicode, prices are of any size.
    """
    return pickle.dumps(msgspec.to_builtins(reading, builtin_types=(bytes,), enc_hook=_plain), pickle.HIGHEST_PROTOCOL)


def unpacked(raw: bytes) -> Reading:
    """The reading. Raises ``msgspec.ValidationError`` for one of another release whose values have other shapes."""
    plain = pickle.loads(raw)  # noqa: S301 - whoever holds the other end of the line has started us
    return msgspec.convert(plain, Reading, builtin_types=(bytes,), dec_hook=_made)


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Directory):
        return value.listed
    raise NotImplementedError(type(value).__name__)


def _made(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is Directory:
        return Directory.of(msgspec.convert(value, Listed, builtin_types=(bytes,), dec_hook=_made))
    raise NotImplementedError(kind.__name__)
