"""Issues and revokes virtual keys in ``directory.yaml``. A key is shown once and stored only as its digest.

Revoking removes the row: the file says who may enter now, and git says who could before. Every change is made under a
lock, is tried out before it is written, and replaces the file whole.
"""

from __future__ import annotations

import errno
import secrets
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from proxy.config.directory import Directory, digest_of
from proxy.config.directory_loader import parse_directory
from proxy.config.key_rows import Unclear, row_text, with_row, without_row
from proxy.config.masking import shown
from proxy.config.problems import ConfigError, Problem, did_you_mean
from proxy.config.replacing import alone, replace
from proxy.config.yaml_source import parse_source

PREFIX = "tg_"
_RANDOM_BYTES = 32  # 43 url-safe characters
_NO_SECRET = b"trial"  # a trial run makes no pseudonym that anybody keeps
_BOM = "\ufeff".encode()


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a new key shall be good for. ``team`` may be left to the user's."""

    user: str | None = None
    service: str | None = None
    team: str | None = None
    project: str | None = None
    projects: tuple[str, ...] = ()
    expires_at: float | None = None  # unix seconds


class Issued(msgspec.Struct, frozen=True):
    """A new key: ``token`` is shown once and kept nowhere, ``row`` is its line in the directory."""

    id: str
    token: str
    row: str

    def __repr__(self) -> str:
        return f"Issued({self.id!r})"


def issue(path: Path, order: Order, *, write: bool = True) -> Issued:
    """Draw a key and append its row; with ``write=False`` only try it out. Raises ``ConfigError``; the file then stays."""
    issued = _draw(order)
    _edit(path, issued, None, write=write)
    return issued


def revoke(path: Path, key_id: str) -> None:
    """Remove the row of a key. Raises ``ConfigError`` when there is none, or the file cannot be edited."""
    _edit(path, None, key_id, write=True)


def _draw(order: Order) -> Issued:
    token = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    key_id = "key_" + secrets.token_hex(4)
    members: list[tuple[str, str | tuple[str, ...]]] = [
        ("id", key_id),
        ("digest", f"sha256:{digest_of(token).hex()}"),
    ]
    members += [
        (name, value) for name in ("user", "service", "team", "project", "projects") if (value := getattr(order, name))
    ]
    if order.expires_at is not None:
        until = datetime.fromtimestamp(order.expires_at, UTC).replace(microsecond=0, tzinfo=None)
        members.append(("expires", until.isoformat() + "Z"))
    return Issued(key_id, token, row_text(members))


def _edit(path: Path, add: Issued | None, remove: str | None, *, write: bool) -> None:
    name = str(path)
    try:
        with alone(path) as real:
            raw = real.read_bytes()
            changed = _changed(raw, name, add, remove)
            if write:
                replace(real, changed)
    except OSError as error:
        hint = "`tallygate init` writes one" if isinstance(error, FileNotFoundError) else ""
        if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
            hint = "change it where it comes from; `tallygate keys issue --print` gives a row"
        raise ConfigError([Problem(name, 0, 0, "", f"cannot be changed: {error.strerror}", hint)]) from None


def _changed(raw: bytes, name: str, add: Issued | None, remove: str | None) -> bytes:
    """Return the file's new bytes, proven to load and to differ in one key only."""
    before = parse_directory(raw, name, _NO_SECRET)
    source = parse_source(raw, name)
    try:
        text = with_row(source, add.row) if add else without_row(source, _position(before, remove or "", name))
        changed = (_BOM if raw.startswith(_BOM) else b"") + text.encode()
        after = parse_directory(changed, name, _NO_SECRET)
    except Unclear as error:
        raise ConfigError([Problem(name, 0, 0, "", f"cannot be edited safely: {error}", "edit it by hand")]) from None
    except ConfigError as error:
        # The places are those of a text that nobody will see.
        raise ConfigError([Problem(name, 0, 0, "", at.message, at.hint) for at in error.problems]) from None
    expected = {key.id for key in before.keys} ^ {add.id if add else remove}
    if {key.id for key in after.keys} != expected or (add and after.principal_of(add.token, 0.0) is None):
        raise ConfigError([Problem(name, 0, 0, "keys", "cannot be edited safely", "edit it by hand")])
    return changed


def _position(directory: Directory, key_id: str, name: str) -> int:
    ids = [key.id for key in directory.keys]
    if key_id not in ids:
        hint = did_you_mean(key_id, ids) or "`tallygate keys list` shows them"
        raise ConfigError([Problem(name, 0, 0, "", f"there is no key {shown(key_id)}", hint)])
    return ids.index(key_id)
