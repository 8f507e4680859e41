"""The line between supervisor and worker."""

from __future__ import annotations

from collections.abc import Callable

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


async def test_words_arrive_whole_and_the_end_is_noticed() -> None:
    await talk()


test_the_same_on_uvloop: Callable[[], None] = on_uvloop(talk)


def test_neither_end_is_inherited_by_accident() -> None:
    for end in link.pair():
        assert not end.get_inheritable()
        end.close()
