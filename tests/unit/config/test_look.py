"""Each file is read once, and looked at once, however often it is asked for."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from proxy.config import reload
from proxy.config.look import Look


def test_a_file_that_changes_meanwhile_is_still_what_it_was_and_so_is_its_stamp(tmp_path: Path) -> None:
    path, look = tmp_path / "a.yaml", Look()
    path.write_text("one")
    assert look.read(path) == b"one"
    path.write_text("two, and longer")
    assert look.read(path) == b"one"
    seen = look.fingerprint([path])
    assert seen.stamps[str(path)].digest == hashlib.sha256(b"one").digest()
    assert reload.changed([path], seen)


def test_a_file_that_was_not_there_stays_away(tmp_path: Path) -> None:
    path, look = tmp_path / "a.yaml", Look()
    with pytest.raises(FileNotFoundError):
        look.read(path)
    path.write_text("one")
    with pytest.raises(FileNotFoundError):
        look.read(path)
    assert reload.changed([path], look.fingerprint([path]))


def test_a_folder_that_was_listed_is_what_it_was_even_when_it_is_gone(tmp_path: Path) -> None:
    folder, look = tmp_path / "policies", Look()
    folder.mkdir()
    (folder / "a.yaml").write_text("one")
    ((below, path),) = look.policies(folder)
    assert (below, look.read(path)) == ("a.yaml", b"one")
    (folder / "b.yaml").write_text("two")
    path.unlink()
    seen = look.fingerprint([folder])
    assert list(seen.stamps) == [str(folder / "a.yaml")]
    assert reload.changed([folder], seen)


def test_a_folder_without_policies_is_no_other_than_none_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    none = reload.fingerprint([folder])
    folder.mkdir()
    assert reload.fingerprint([folder]) == none
    assert not reload.changed([folder], none)
