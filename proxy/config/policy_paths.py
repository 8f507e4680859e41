"""Finds the files of a policy folder.

In Kubernetes a mounted folder is a set of links into ``..data``, itself a link that is swapped when the content changes.
It is followed once, so that one reading never mixes two versions. Names in messages stay those that people wrote.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_SUFFIXES = {".yaml", ".yml"}
_SWAPPED = "..data"


def policy_paths(folder: Path) -> list[tuple[str, Path]]:
    """List the files as (name below the folder, path to read), in the order of names; hidden ones are editors' own."""
    if folder.is_file():
        return [("", folder)]
    swapped = folder / _SWAPPED
    if not swapped.is_dir():
        return sorted(_below(folder))
    return sorted({**dict(_below(folder, links=False)), **dict(_below(swapped.resolve()))}.items())


def _below(folder: Path, *, links: bool = True) -> Iterator[tuple[str, Path]]:
    """List YAML files with their names; ``links``: those that are links, and in folders that are, too."""
    for here, folders, files in os.walk(folder, followlinks=True):
        folders[:] = sorted(
            name for name in folders if _is_ours(Path(here, name), links=links) and not _loops(here, name)
        )
        for path in (Path(here, name) for name in files):
            if path.suffix in _SUFFIXES and _is_ours(path, links=links):
                yield path.relative_to(folder).as_posix(), path


def _is_ours(path: Path, *, links: bool) -> bool:
    return not path.name.startswith(".") and (links or not path.is_symlink())


def _loops(here: str, name: str) -> bool:
    """Tell a link to a folder that it stands in."""
    path = Path(here, name)
    return path.is_symlink() and Path(here).resolve().is_relative_to(path.resolve())
