"""What stands for a person in rows, logs and metrics: stable, and worth nothing without this installation's secret."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from proxy.config.problems import ConfigError, Problem
from proxy.config.replacing import create

SECRET_BYTES = 32
_FILE = "pseudonym.secret"


def pseudonym(secret: bytes, org: str, kind: str, name: str) -> str:
    """Return ``p_`` and 16 hex digits for a user or service (``kind``) of an org."""
    told = f"{org}\0{kind}\0{name}".encode("utf-8", "surrogatepass")
    return "p_" + hashlib.blake2b(told, key=secret, digest_size=8, person=b"tg-pseudonym").hexdigest()


def placeholder_key(secret: bytes, org: str, person: str) -> bytes:
    """Derive the key of what stands in prompts for a person's (``person``: the pseudonym) redacted values.

    So they look the same in all of a talk and in those that follow, as a provider's prompt cache needs it, and tell
    nobody that two people wrote the same.
    """
    told = f"{org}\0{person}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(told, key=secret, digest_size=32, person=b"tg-placeholder").digest()


def answers_key(secret: bytes, org: str) -> bytes:
    """Derive the key of the digests by which an org's stored answers are found, so that nobody can guess or probe one."""
    told = org.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(told, key=secret, digest_size=32, person=b"tg-answers").digest()


def fingerprint_key(secret: bytes, org: str) -> bytes:
    """Derive the key of the prints by which an org's repeats are counted.

    Without it nobody who reads the store can try out what was asked, nor find the same question in two orgs.
    """
    told = org.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(told, key=secret, digest_size=32, person=b"tg-fingerprint").digest()


def pseudonym_secret(state: Path) -> bytes:
    """Read the secret of a state folder, or draw it the first time. Raises ``ConfigError``.

    Whoever deletes it cuts the tie between old rows and people for good.
    """
    path = state / _FILE
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():  # of several processes that start at once the first one wins
            create(path, secrets.token_bytes(SECRET_BYTES), mode=0o600)
        secret = path.read_bytes()
    except OSError as error:
        raise ConfigError([Problem(str(path), 0, 0, "", f"cannot be used: {error.strerror}")]) from None
    if len(secret) != SECRET_BYTES:
        hint = "restore it; without it people get new pseudonyms, so delete it only if that is meant"
        raise ConfigError([Problem(str(path), 0, 0, "", f"does not hold {SECRET_BYTES} bytes", hint)])
    return secret
