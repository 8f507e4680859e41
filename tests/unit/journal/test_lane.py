"""Which entries are next, and when the file must be asked."""

from __future__ import annotations

from proxy.domain.meter import Settlement
from proxy.journal.lane import AT_HAND, Lane


def entry(seq: int) -> Settlement:
    return Settlement("acme", "m.0", seq, "", ())


def seqs(lane: Lane, limit: int = 9) -> list[int]:
    return [found.seq for found in lane.next(limit)]


def lane_at(settled: int) -> Lane:
    lane = Lane("m.0", "acme", settled)
    lane.resume(settled)
    return lane


def test_what_was_just_committed_is_at_hand_in_order() -> None:
    lane = lane_at(4)
    for seq in (5, 6, 7):
        lane.add(entry(seq))
    assert seqs(lane, 2) == [5, 6]
    lane.settled = 6
    assert seqs(lane) == [7]
    assert lane.behind == 1


def test_what_lies_before_the_entries_at_hand_must_be_read() -> None:
    lane = Lane("m.0", "acme", 4)
    lane.add(entry(5))
    assert seqs(lane) == []
    assert lane.behind == 5


def test_after_a_comparison_the_file_is_asked_again_because_entries_may_have_changed() -> None:
    lane = lane_at(4)
    lane.add(entry(5))
    lane.resume(4)
    assert seqs(lane) == []
    assert lane.behind == 1


def test_the_oldest_entry_not_counted_tells_the_age() -> None:
    lane = lane_at(4)
    assert lane.age_s(100.0) == 0
    for seq, now in ((5, 10.0), (6, 10.0), (7, 12.0), (8, 15.0)):
        lane.add(entry(seq), now)
    ages = []
    for settled in (4, 5, 6, 7, 8):
        lane.settled = settled
        ages.append(lane.age_s(20.0))
    assert ages == [10, 10, 8, 5, 0]
    lane.add(entry(9), 21.0)
    assert lane.age_s(23.0) == 2


def test_memory_is_bounded_and_the_rest_is_read_later() -> None:
    lane = lane_at(0)
    for seq in range(1, AT_HAND + 10):
        lane.add(entry(seq))
    assert len(lane.next(AT_HAND * 2)) == AT_HAND
    assert lane.behind == AT_HAND + 9
