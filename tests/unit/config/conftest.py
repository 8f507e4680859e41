"""Files to read, as users write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.config_files import DIRECTORY, Write


@pytest.fixture
def tallygate_yaml(tmp_path: Path) -> Write:
    """Write ``tallygate.yaml`` and return its path."""

    def write(text: str) -> Path:
        path = tmp_path / "tallygate.yaml"
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.fixture
def directory_yaml(tmp_path: Path) -> Path:
    """A directory with a key, comments and something after the keys."""
    path = tmp_path / "directory.yaml"
    path.write_text(DIRECTORY, "utf-8")
    return path
