"""The lock on the state folder."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from proxy.server.lock import StateLock, StateTaken, slot_lock


def test_a_second_owner_is_refused_and_told_whom_to_end(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    with StateLock(folder), pytest.raises(StateTaken) as refused, StateLock(folder):
        pass
    assert refused.value.pid == str(os.getpid())
    assert str(folder) in str(refused.value)


def test_a_lock_that_was_let_go_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with StateLock(tmp_path):
            pass


def test_the_folder_is_its_owners_only(tmp_path: Path) -> None:
    with StateLock(tmp_path / "state"):
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), StateLock(tmp_path / "file" / "state"):
        pass


def test_a_slots_next_worker_waits_for_the_last_one_to_end(tmp_path: Path) -> None:
    last = slot_lock(tmp_path, 0, 0)
    last.__enter__()
    ending = threading.Timer(0.1, last.__exit__, (None, None, None))
    ending.start()
    with slot_lock(tmp_path, 0, 20):
        assert ending.finished.is_set()


def test_a_slot_whose_worker_does_not_end_is_refused_and_other_slots_are_free(tmp_path: Path) -> None:
    with slot_lock(tmp_path, 0, 0), slot_lock(tmp_path, 1, 0):
        with pytest.raises(StateTaken) as refused, slot_lock(tmp_path, 0, 0):
            pass
        assert refused.value.pid == str(os.getpid())
