"""The policies of a folder with all that they lean on: configuration, directory, price table. Shared by the commands."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from proxy.app.known_models import known_of
from proxy.cli.places import config_path
from proxy.config.directory import Directory
from proxy.config.directory_loader import load_directory
from proxy.config.every_upstream import every_upstream
from proxy.config.loader import load_settings
from proxy.config.policy_files import read_policy_files
from proxy.config.problems import ConfigError, Problem
from proxy.config.settings import Settings
from proxy.domain.upstream import Upstream
from proxy.metering.table import PriceTable
from proxy.policy.content.pack import PACK
from proxy.policy.load import load
from proxy.policy.loaded import Loaded


class Read(msgspec.Struct, frozen=True):
    """Policies and what they were read beside; ``upstreams`` are all of the configuration, those without a key included."""

    loaded: Loaded
    directory: Directory
    upstreams: tuple[Upstream, ...]
    table: PriceTable
    settings: Settings | None  # None without a configuration


def read_policies(folder: Path | None, directory: Path | None, config: Path | None) -> Loaded:
    """Load the policies of ``folder``, else of the configuration. Raises ``ConfigError`` with every problem.

    Without a configuration, folder and directory must be named; models are then those of the price table.
    """
    return read_beside(folder, directory, config).loaded


def read_beside(
    folder: Path | None, directory: Path | None, config: Path | None, secret: bytes = b"", *, may_lack: bool = False
) -> Read:
    """The same with all that the policies lean on; ``secret`` is the state folder's, for pseudonyms.

    ``may_lack``: no folder is no rules, as for a worker.
    """
    path = config_path(config)
    has_config = path.exists() or config is not None or folder is None or directory is None
    settings = load_settings(path, os.environ) if has_config else None
    upstreams = every_upstream(path, os.environ) if has_config else ()
    folder = folder or (settings.policies if settings else Path("policies"))
    if not folder.exists() and not may_lack:
        raise ConfigError([Problem(str(folder), 0, 0, "", "there is no such file or folder")])
    who = load_directory(directory or (settings.directory if settings else Path("directory.yaml")), secret)
    files = read_policy_files(folder, near(folder))
    table = PriceTable.load()
    known = known_of(upstreams, table, (detector.full_name for detector in PACK))
    try:
        loaded = load(
            files.policies, who, known, tests=files.tests, now=time.time(), notes=True, whole=not files.problems
        )
    except ConfigError as error:
        raise ConfigError([*files.problems, *error.problems]) from None
    if files.problems:
        raise ConfigError(files.problems)
    return Read(loaded, who, upstreams, table, settings)


def near(path: Path) -> str:
    """Write a path from here, if it lies below here: so editors and GitHub find it."""
    full, here = path.absolute(), Path.cwd()
    return full.relative_to(here).as_posix() if full.is_relative_to(here) and full != here else str(path)
