"""``tallygate policy fmt``: one layout for all files. Changes only white space, and only where the meaning stays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.places import ConfigOption, config_path
from proxy.cli.policy.layout import tidy
from proxy.cli.policy.validate import DOUBTFUL, FolderArgument
from proxy.config.loader import load_settings
from proxy.config.policy_paths import policy_paths
from proxy.config.problems import ConfigError, Problem
from proxy.config.replacing import replace
from proxy.config.yaml_source import parse_source


def fmt(
    *,
    folder: FolderArgument = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; status 1 if something would.")] = False,
    config: ConfigOption = None,
) -> None:
    """Tidy policy files: white space only, comments stay. Files with mistakes are left alone.

    Examples:
    - `tallygate policy fmt`

    - `tallygate policy fmt policies --check`, as a step of CI
    """  # fmt: skip
    root = folder or load_settings(config_path(config), os.environ).policies
    paths = [path for _, path in policy_paths(root)]
    if not paths:
        raise ConfigError([Problem(str(root), 0, 0, "", "holds no policies")])
    changed = [path for path in paths if _tidied(path, write=not check)]
    for path in changed:
        typer.echo(f"{'would tidy' if check else 'tidied'} {path}")
    typer.echo(f"{len(paths)} files, {len(changed)} {'to tidy' if check else 'tidied'}")
    if check and changed:
        raise typer.Exit(DOUBTFUL)


def _tidied(path: Path, *, write: bool) -> bool:
    """Tell whether a file is tidied. Raises ``ConfigError`` for one that cannot be read or written."""
    try:
        raw = path.read_bytes()
        text = parse_source(raw, str(path), credentials=False).text
        done = tidy(text)
        if done != text and write:
            replace(path.resolve(), done.encode())
    except OSError as error:
        raise ConfigError([Problem(str(path), 0, 0, "", f"cannot be written: {error.strerror}")]) from None
    return done != text
