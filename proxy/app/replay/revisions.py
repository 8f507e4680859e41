"""``A..B``: which two folders of policies are meant. A side is a folder or a revision of git; read, never checked out."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from proxy.config.masking import shown
from proxy.config.problems import ConfigError, Problem

BETWEEN: Final = ".."
_PATIENCE_S: Final = 60


class Side(msgspec.Struct, frozen=True):
    """A folder to be read, and what people call it."""

    folder: Path
    name: str


class Sides:
    """Finds them. ``running``: the folder that the configuration names; ``aside``: where revisions are unpacked."""

    def __init__(self, running: Path, aside: Path) -> None:
        """Nothing is read yet."""
        self._running = running
        self._aside = aside
        self._unpacked = 0

    def of(self, said: str) -> tuple[Side, Side]:
        """Find both. One folder alone is compared with the running one. Raises ``ConfigError``."""
        if BETWEEN not in said or Path(said).is_dir():
            return self._side(""), self._side(said)
        splits = list(_splits(said))
        for one, other in splits:
            if all(not name or Path(name).is_dir() for name in (one, other)):
                return self._side(one), self._side(other)
        for one, other in splits:
            if all(BETWEEN not in name or Path(name).is_dir() for name in (one, other)):
                return self._side(one), self._side(other)
        raise _unusable(said, "names no two folders or revisions", "write policies..policies-new, or main..HEAD")

    def _side(self, name: str) -> Side:
        if not name:
            return Side(self._running, str(self._running.name))
        if Path(name).exists():
            return Side(Path(name), name)
        return self._revision(name)

    def _revision(self, name: str) -> Side:
        """Unpack what a revision has in the running folder's place; none there is no policies."""
        if name.startswith("-"):
            raise _unusable(name, "is no revision")
        git = shutil.which("git")
        if git is None:
            raise _unusable(name, "is no folder, and git is not installed, so it cannot be a revision")
        home = self._running if self._running.is_dir() else self._running.parent
        found = _git(git, home, "rev-parse", "--show-toplevel")
        if isinstance(found, str):
            raise _unusable(
                name, f"is no folder, and {home} is in no git repository, so it cannot be a revision", found
            )
        top = Path(found.decode().rstrip("\n"))
        commit = _git(git, top, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        if isinstance(commit, str):
            raise _unusable(name, f"is neither a folder nor a revision of {top}", commit)
        sha = commit.decode().strip()
        return Side(self._unpack(git, top, name, sha), f"{name} ({sha[:7]})")

    def _unpack(self, git: str, top: Path, name: str, sha: str) -> Path:
        try:
            below = self._running.resolve().relative_to(top.resolve()).as_posix()
        except ValueError:
            raise _unusable(name, f"cannot be used: {self._running} leads out of the repository {top}") from None
        self._unpacked += 1
        target = self._aside / str(self._unpacked)
        target.mkdir(parents=True)
        inside = "" if below == "." else below
        if isinstance(_git(git, top, "cat-file", "-e", f"{sha}:{inside}"), bytes):
            packed = _git(git, top, "archive", "--format=tar", sha, *(("--", inside) if inside else ()))
            if isinstance(packed, str):
                raise _unusable(name, "cannot be read from git", packed)
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(target, filter="data")
        return target / below


def _splits(said: str) -> Iterator[tuple[str, str]]:
    """Every way to see two names in it: paths may hold two dots themselves."""
    at = said.find(BETWEEN)
    while at >= 0:
        yield said[:at], said[at + len(BETWEEN) :]
        at = said.find(BETWEEN, at + 1)


def _git(git: str, folder: Path, *arguments: str) -> bytes | str:
    """What git writes; the first line of its complaint where it fails."""
    try:
        done = subprocess.run(  # noqa: S603  # git, on a folder and a revision that whoever calls us named
            [git, "-C", str(folder), *arguments], capture_output=True, check=False, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return type(error).__name__
    complaint = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
    return done.stdout if done.returncode == 0 else complaint or "git refuses"


def _unusable(name: str, message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem("A..B", 0, 0, "", f"{shown(name)} {message}", hint)])
