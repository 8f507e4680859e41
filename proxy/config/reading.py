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
from proxy.config.loader import load_settings
from proxy.config.problems import ConfigError
from proxy.config.pseudonym import pseudonym_secret
from proxy.config.settings import Settings


class Reading(msgspec.Struct, frozen=True):
    """Configuration and directory as they were read; ``generation`` names their contents, ``seen`` how they looked."""

    settings: Settings
    directory: Directory
    generation: str
    seen: reload.Fingerprint

    def paths(self) -> tuple[Path, ...]:
        """List everything whose change calls for another reading."""
        return (*watched(self.settings), *self.directory.files)


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
    before = reload.fingerprint([path.absolute()])
    settings = load_settings(path, environ)
    return _reading(before, settings, settings, secret)


def reread(last: Reading, environ: Mapping[str, str]) -> Reread:
    """Read again. Never raises for what the files hold; see ``Reread``."""
    before = reload.fingerprint(last.paths())
    try:
        fresh = load_settings(last.settings.source, environ)
        reading = _reading(before, fresh, reload.effective(last.settings, fresh))
    except ConfigError as error:
        return Reread(msgspec.structs.replace(last, seen=before), error=error)
    change = reload.diff(last.settings, fresh)
    return Reread(reading, msgspec.structs.replace(change, taken=(*change.taken, *_edited(change, last, reading))))


def _reading(before: reload.Fingerprint, fresh: Settings, running: Settings, secret: bytes | None = None) -> Reading:
    """Put a reading together. Files count as seen before they were read: what is written meanwhile is news again."""
    seen = reload.fingerprint(watched(fresh))
    stamps = {name: before.stamps.get(name, stamp) for name, stamp in seen.stamps.items()}
    directory = load_directory(fresh.directory, pseudonym_secret(running.state) if secret is None else secret)
    beside = reload.fingerprint(directory.files)
    stamps |= {name: before.stamps.get(name, stamp) for name, stamp in beside.stamps.items()}
    secrets = {str(path) for path in fresh.files if path != fresh.source}
    generation = reload.generation_id(stamp.digest for name, stamp in stamps.items() if name not in secrets)
    return Reading(running, directory, generation, reload.Fingerprint(stamps))


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


def _below(seen: reload.Fingerprint, places: tuple[Path, ...]) -> dict[str, bytes]:
    found = ((name, stamp.digest) for name, stamp in seen.stamps.items())
    return {name: digest for name, digest in found if any(map(Path(name).is_relative_to, places))}
