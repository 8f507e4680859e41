"""Where the files are, and which options say so; shared by all commands."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from proxy.config.loader import find_config, load_settings

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="tallygate.yaml, or its folder; else TALLYGATE_CONFIG, else here.", show_default=False
    ),
]
DirectoryOption = Annotated[
    Path | None,
    typer.Option("--directory", help="directory.yaml; else the one that the configuration names.", show_default=False),
]


def config_path(option: Path | None) -> Path:
    """Say which configuration file is meant; it need not exist."""
    return find_config(option, os.environ)


def directory_path(directory: Path | None, config: Path | None) -> Path:
    """Say which directory file is meant, asking the configuration if need be. Raises ``ConfigError``."""
    return directory or load_settings(config_path(config), os.environ).directory
