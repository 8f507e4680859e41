"""The line between supervisor and worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from proxy.server import link
from proxy.server.link import Link
from tests.support.listening import on_uvloop


async def both() -> tuple[Link, Link]:
    ours, theirs = link.pair()
    return await Link.open(ours), await Link.open(theirs)


async def talk() -> None:
    """Words arrive in order and whole; the end of the other side is the end of the line."""
    up, down = await both()
    up.say(link.DRAIN)
    up.say(link.DEGRADED, "store away; 1 of 2\nworkers")
    assert await down.next() == ("drain", "")
    assert await down.next() == ("degraded", "store away; 1 of 2 workers")
    up.say(link.NOW, "x" * 10_000)
    assert (await down.next() or ("", ""))[0] == "now"
    up.close()
    assert await down.next() is None
    down.say(link.READY)
    down.close()


async def hand_over() -> None:
    """What is handed over may be of any size and hold anything; words before and behind it are words."""
    up, down = await both()
    large = b"drain\n" * 500_000
    up.say(link.NOW)
    up.hand(large)
    up.hand(b"")
    up.say(link.DRAIN)
    assert await down.next() == ("now", "")
    for body in (large, b""):
        word, count = await down.next() or ("", "")
        assert word == link.RELOAD
        assert await down.handed(count) == body
    assert await down.next() == ("drain", "")
    up.hand(large)
    word, count = await down.next() or ("", "")
    up.close()
    down.close()
    assert await down.handed(str(2 * len(large))) is None


async def test_words_arrive_whole_and_the_end_is_noticed() -> None:
    await talk()


test_the_same_on_uvloop: Callable[[], None] = on_uvloop(talk)


async def test_what_is_handed_over_arrives_whole() -> None:
    await hand_over()


test_the_same_of_what_is_handed_over_on_uvloop: Callable[[], None] = on_uvloop(hand_over)


async def test_a_worker_waits_for_the_first_and_finds_the_others_in_the_line_afterwards() -> None:
    ours, theirs = link.pair()
    up = await Link.open(ours)
    first = asyncio.create_task(asyncio.to_thread(link.first, theirs))
    large = b"reload 1\nx" * 100_000
    up.hand(large)
    up.hand(b"second")
    up.say(link.DRAIN)
    assert await first == large
    down = await Link.open(theirs)
    assert await down.next() == ("reload", "6")
    assert await down.handed("6") == b"second"
    assert await down.next() == ("drain", "")
    up.close()
    down.close()


@pytest.mark.parametrize("said", [b"", b"reload", b"reload 4\nxyz"])
def test_a_worker_whose_supervisor_is_gone_before_it_was_told_anything_does_not_wait(said: bytes) -> None:
    ours, theirs = link.pair()
    ours.sendall(said)
    ours.close()
    with theirs, pytest.raises(EOFError):
        link.first(theirs)


def test_neither_end_is_inherited_by_accident() -> None:
    for end in link.pair():
        assert not end.get_inheritable()
        end.close()
