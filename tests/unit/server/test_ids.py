"""Names of calls."""

from __future__ import annotations

import time
import uuid

from proxy.server.ids import RequestIds

MANY = 5_000  # more than any batch of randomness


def test_a_name_is_a_uuid_of_version_7_in_its_usual_form() -> None:
    name = RequestIds()()
    parsed = uuid.UUID(name)
    assert str(parsed) == name
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)


def test_no_name_comes_twice_and_every_one_is_well_formed() -> None:
    ids = RequestIds()
    names = [ids() for _ in range(MANY)]
    assert len(set(names)) == MANY
    assert {(uuid.UUID(name).version, uuid.UUID(name).variant) for name in names} == {(7, uuid.RFC_4122)}


def test_names_carry_the_time_and_sort_by_it() -> None:
    ids = RequestIds()
    before = time.time_ns() // 1_000_000
    names = [ids() for _ in range(MANY)]
    after = time.time_ns() // 1_000_000
    times = [uuid.UUID(name).int >> 80 for name in names]
    assert all(before <= at <= after for at in times)
    assert times == sorted(times)


def test_every_random_bit_is_random() -> None:
    ids = RequestIds()
    some, every = 0, (1 << 128) - 1
    for number in (uuid.UUID(ids()).int for _ in range(200)):
        some |= number
        every &= number
    drawn = (0xFFF << 64) | ((1 << 62) - 1)  # RFC 9562, 5.7: rand_a and rand_b
    assert some & drawn == drawn
    assert every & drawn == 0


def test_two_supplies_never_meet() -> None:
    one, other = RequestIds(), RequestIds()
    assert {one() for _ in range(1000)}.isdisjoint({other() for _ in range(1000)})
