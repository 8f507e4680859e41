"""Files change whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.config.replacing import create, replace


def test_what_exists_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert create(path, b"one")
    assert not create(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_replacement_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.mkdir()  # nothing can take a folder's name
    with pytest.raises(OSError, match="directory"):
        replace(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_readers_keep_the_bytes_they_opened(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        replace(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
