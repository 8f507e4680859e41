"""All configuration files read together: what a proxy starts with, and goes on with after a change.

A file that cannot be used, half-written or wrong, changes nothing: the last good reading stays and the error is told once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from proxy.config import reload
from proxy.config.directory import Directory
from proxy.config.directory_loader import load_directory
from proxy.config.every_upstream import every_upstream
from proxy.config.loader import load_settings
from proxy.config.look import Fingerprint, Look
from proxy.config.policy_files import PolicyText, policy_texts
from proxy.config.problems import ConfigError
from proxy.config.pseudonym import pseudonym_secret
from proxy.config.settings import Settings
from proxy.domain.upstream import Upstream


class Reading(msgspec.Struct, frozen=True):
    """Everything that the files said, secrets included; whoever has it needs no file to make a generation of it.

    ``generation`` names their contents, ``seen`` is how they looked.
    """

    settings: Settings
    directory: Directory
    policies: tuple[PolicyText, ...]
    every_upstream: tuple[Upstream, ...]  # those without a key included
    generation: str
    seen: Fingerprint

    def paths(self) -> tuple[Path, ...]:
        """List everything whose change calls for another reading."""
        return (*watched(self.settings), *self.directory.files)

    def same_as(self, other: Reading) -> bool:
        """Whether both say the same. Secrets have no part in a generation's name, only in the settings."""
        return (self.generation, self.settings) == (other.generation, other.settings)


class Reread(msgspec.Struct, frozen=True):
    """What another reading gave: the one to go on with, and either an error or what changed."""

    reading: Reading
    change: reload.Change = reload.Change()
    error: ConfigError | None = None


def watched(settings: Settings) -> tuple[Path, ...]:
    """List the files that a configuration stands on: itself, secrets, directory, policies."""
    return (*settings.files, settings.directory, settings.policies)


def read(path: Path, environ: Mapping[str, str], secret: bytes | None = None) -> Reading:
    """Read everything at start. Raises ``ConfigError`` with the problems of the first file that has any.

    ``secret`` makes the pseudonyms where that of the state is not to be touched.
    """
    look = Look()
    settings = load_settings(path, environ, look)
    return _reading(look, environ, settings, settings, secret)


def reread(last: Reading, environ: Mapping[str, str]) -> Reread:
    """Read again. Never raises for what the files hold; see ``Reread``."""
    look = Look()
    try:
        fresh = load_settings(last.settings.source, environ, look)
        reading = _reading(look, environ, fresh, reload.effective(last.settings, fresh))
    except ConfigError as error:
        return Reread(msgspec.structs.replace(last, seen=look.fingerprint(last.paths())), error=error)
    change = reload.diff(last.settings, fresh)
    return Reread(reading, msgspec.structs.replace(change, taken=(*change.taken, *_edited(change, last, reading))))


def _reading(
    look: Look, environ: Mapping[str, str], fresh: Settings, running: Settings, secret: bytes | None = None
) -> Reading:
    """Put a reading together: what ``fresh`` names, to go on with ``running``. Raises ``ConfigError``."""
    directory = load_directory(fresh.directory, pseudonym_secret(running.state) if secret is None else secret, look)
    policies = policy_texts(fresh.policies, look=look)
    upstreams = every_upstream(fresh.source, environ, look)
    seen = look.fingerprint((*watched(fresh), *directory.files))
    secrets = {str(path) for path in fresh.files if path != fresh.source}
    generation = reload.generation_id(stamp.digest for name, stamp in seen.stamps.items() if name not in secrets)
    return Reading(running, directory, policies, upstreams, generation, seen)


def _edited(change: reload.Change, last: Reading, new: Reading) -> list[str]:
    """List those of directory and policies whose files differ, where their place in the configuration does not."""
    places = {
        "directory": (new.settings.directory, *new.directory.files),
        "policies": (new.settings.policies,),
    }
    return [
        name
        for name, paths in places.items()
        if name not in change.taken and _below(last.seen, paths) != _below(new.seen, paths)
    ]


def _below(seen: Fingerprint, places: tuple[Path, ...]) -> dict[str, bytes]:
    found = ((name, stamp.digest) for name, stamp in seen.stamps.items())
    return {name: digest for name, digest in found if any(map(Path(name).is_relative_to, places))}
