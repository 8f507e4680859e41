"""Whatever else lies in the cache is a miss: nothing there is trusted, and nothing there is an error."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest
import redis

from proxy.domain.reuse import Hit, Missed
from proxy.stores.answers.asking import StoreAnswers
from proxy.stores.answers.spots import place_of
from proxy.stores.answers.words import WORDS
from proxy.stores.engine import Engine
from tests.support.cached import a_key, a_worker, an_entry, hit, led, settled, stored, waiting

KEY = a_key()
PLACE = place_of("acme", "team:growth")
ENTRY = PLACE.prefix + KEY.name
HEAD = 54


@pytest.fixture
async def answers(engine: Engine) -> AsyncIterator[StoreAnswers]:
    async with a_worker(engine.url) as made:
        yield made


@pytest.fixture
def bare(engine: Engine) -> redis.Redis:
    """As ``raw``, in bytes."""
    return redis.Redis(unix_socket_path=str(engine.socket))


def zipped(packed: bytes) -> bytes:
    zipping = zlib.compressobj(9, zdict=WORDS)
    return zipping.compress(packed) + zipping.flush()


def unzipped(value: bytes) -> bytes:
    return zlib.decompressobj(zdict=WORDS).decompress(value[HEAD:])


def again(change: Callable[[list[object]], object]) -> Callable[[bytes], bytes]:
    """The entry, with other contents and all else as it must be."""

    def changed(value: bytes) -> bytes:
        fields = msgspec.msgpack.decode(unzipped(value))
        return value[:HEAD] + zipped(msgspec.msgpack.encode(change(fields)))

    return changed


POISONS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "text": lambda _: b"hello",
    "another version": lambda value: b"\x02" + value[1:],
    "another kind": lambda value: value[:1] + b"x" + value[2:],
    "only its head": lambda value: value[:HEAD],
    "cut": lambda value: value[:-3],
    "more behind it": lambda value: value + b"x",
    "not compressed": lambda value: value[:HEAD] + unzipped(value),
    "a bomb": lambda value: value[:HEAD] + zipped(b"\0" * 100_000_000),
    "not packed": lambda value: value[:HEAD] + zipped(b"\xc1"),
    "another shape": again(lambda _: {"body": b""}),
    "a field too few": again(lambda fields: fields[:-1]),
    "a field too many": again(lambda fields: [*fields, 1]),
    "a text for bytes": again(lambda fields: [*fields[:-1], 7]),
    "a strange usage": again(lambda fields: [*fields[:-2], {"input": "many"}, fields[-1]]),
    "another digest": lambda value: value[:22] + bytes(32) + value[HEAD:],
    "a digest of which a byte differs": lambda value: value[: HEAD - 1] + bytes([value[HEAD - 1] ^ 1]) + value[HEAD:],
    "another generation": lambda value: value[:2] + b"1" * 16 + value[18:],
}


@pytest.mark.parametrize("poison", POISONS.values(), ids=POISONS.keys())
async def test_a_poisoned_entry_is_a_miss_once(
    answers: StoreAnswers, bare: redis.Redis, poison: Callable[[bytes], bytes]
) -> None:
    await stored(answers, KEY)
    value = bare.get(ENTRY)
    assert isinstance(value, bytes)
    bare.set(ENTRY, poison(value), keepttl=True)
    assert await answers.peek(KEY) is None
    bare.set(ENTRY, poison(value), px=60_000)
    assert await answers.ask(KEY, caller="k_1", only_if_cached=True) == Missed("not-cached")
    bare.set(ENTRY, poison(value), px=60_000)
    (await led(answers, KEY)).deposit(an_entry(KEY, "after"))
    await settled(answers)
    assert b"after" in (await hit(answers, KEY)).entry.body


async def test_a_mismatch_and_what_cannot_be_read_are_counted(answers: StoreAnswers, bare: redis.Redis) -> None:
    await stored(answers, KEY)
    value = bare.get(ENTRY)
    assert isinstance(value, bytes)
    bare.set(ENTRY, POISONS["a digest of which a byte differs"](value), keepttl=True)
    (await led(answers, KEY)).give_up()
    assert answers.troubles == {"strange": 1}
    bare.set(ENTRY, POISONS["a bomb"](value), keepttl=True)
    (await led(answers, KEY)).give_up()
    assert answers.troubles == {"strange": 1, "undecodable": 1}


async def test_of_many_who_find_a_poisoned_entry_one_leads(answers: StoreAnswers, bare: redis.Redis) -> None:
    await stored(answers, KEY)
    value = bare.get(ENTRY)
    assert isinstance(value, bytes)
    bare.set(ENTRY, POISONS["cut"](value), keepttl=True)
    asks = [asyncio.create_task(answers.ask(KEY, caller=f"k_{n}")) for n in range(50)]
    await waiting(answers, 49)
    (lead,) = [task.result() for task in asks if task.done()]
    assert hasattr(lead, "deposit")
    lead.deposit(an_entry(KEY))
    assert sum(isinstance(found, Hit) for found in await asyncio.gather(*asks)) == 49


OURS = {
    "bucket": PLACE.generations[0],
    "scope": PLACE.generations[1],
    "entry": ENTRY,
    "lease": f"{ENTRY}:l",
    "permit": f"{ENTRY}:p",
    "mark": f"{ENTRY}:m:k_1",
}


@pytest.mark.parametrize("what", OURS)
async def test_a_key_of_another_type_is_overcome(answers: StoreAnswers, bare: redis.Redis, what: str) -> None:
    bare.rpush(OURS[what], "a list")
    (await led(answers, KEY)).deposit(an_entry(KEY))
    await settled(answers)
    await hit(answers, KEY)
    bare.delete(OURS[what])
    bare.rpush(OURS[what], "a list")
    if what in ("scope", "bucket"):
        await (answers.flush("acme", "team:growth") if what == "scope" else answers.flush_all("acme"))
    assert await answers.ask(KEY, caller="k_1") is not None
    bare.delete(OURS[what])
    bare.rpush(OURS[what], "a list")
    for _ in range(2):
        assert await led(answers, KEY, fresh=True)
    await answers.forget("acme", ["team:growth"], KEY.name)


@pytest.mark.parametrize("lease", [b"", b"+", b"somebody", b"\xff" * 1000])
async def test_a_lease_that_never_ends_holds_nobody(answers: StoreAnswers, bare: redis.Redis, lease: bytes) -> None:
    bare.set(f"{ENTRY}:l", lease)
    (await led(answers, KEY)).deposit(an_entry(KEY))
    await settled(answers)
    await hit(answers, KEY)
    bare.set(f"{ENTRY}:l", lease, px=10**9)
    bare.delete(ENTRY)
    await led(answers, KEY)


async def test_an_entry_that_never_ends_is_none_of_ours(answers: StoreAnswers, bare: redis.Redis) -> None:
    await stored(answers, KEY)
    bare.persist(ENTRY)
    await led(answers, KEY)
