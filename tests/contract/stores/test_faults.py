"""What the store's client promises when the engine does not behave."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
import redis

from proxy.config.store_url import parse_endpoint
from proxy.domain.decision import Obligation
from proxy.domain.errors import StoreAway
from proxy.domain.meter import HoldState, MeterKind, Unit
from proxy.stores.connection import open_connection
from proxy.stores.engine import Engine
from proxy.stores.errors import Refused, Unanswered, Unsent
from proxy.stores.meters import StoreMeters
from proxy.stores.settler import StoreSettler
from proxy.stores.store import Store
from tests.support.engines import KINDS, running_engine
from tests.support.meters import a_hold, budget, charge, entry


@pytest.fixture(params=KINDS)
def own_engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with running_engine(request.param) as engine:
        yield engine


@asynccontextmanager
async def a_store(url: str, deadline_s: float = 0.05) -> AsyncIterator[Store]:
    store = Store(parse_endpoint(url), deadline_s=deadline_s)
    store.start()
    try:
        yield store
    finally:
        await store.close()


async def until(promise: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not promise():  # noqa: ASYNC110  # another process: there is no event to wait for
            await asyncio.sleep(0.005)


async def test_flushed_scripts_are_loaded_again_unnoticed(
    meters: StoreMeters, settler: StoreSettler, raw: redis.Redis
) -> None:
    for n in range(1, 4):
        raw.script_flush()
        hold = a_hold(f"h{n}", budget(10))
        assert (await meters.hold(hold)).state is HoldState.ADMITTED
        raw.script_flush()
        meters.touch(hold, 5)
        await meters.drain()
        assert raw.hget(f"{{acme}}:h:h{n}", "so_far") == "5"
        raw.script_flush()
        await settler.settle([entry(n, f"h{n}", charge(budget(0), 10))])
    assert raw.hget("{acme}:m:day", "s") == "30"


async def test_scripts_flushed_under_many_calls_cost_nobody_an_answer(meters: StoreMeters, raw: redis.Redis) -> None:
    async def flush() -> None:
        await asyncio.to_thread(raw.script_flush)

    answers = await asyncio.gather(*(meters.hold(a_hold(f"h{n}", budget(1))) for n in range(300)), flush(), flush())
    assert sum(answer is not None and answer.state is HoldState.ADMITTED for answer in answers) == 300
    assert raw.hget("{acme}:m:day", "r") == "300"


async def test_a_hanging_engine_costs_one_deadline_then_nothing_and_recovers(own_engine: Engine) -> None:
    assert own_engine.pid
    async with a_store(own_engine.url) as store:
        await store.wait_up(5)
        meters, returned = StoreMeters(store), asyncio.Event()
        await meters.hold(a_hold("before", budget(1)))
        os.kill(own_engine.pid, signal.SIGSTOP)
        try:
            for n in range(3):
                with pytest.raises(Unanswered):
                    await meters.hold(a_hold(f"late{n}", budget(100)))
            with pytest.raises(Unsent):
                await meters.hold(a_hold("never", budget(100)))
            store.on_return(returned.set)
        finally:
            os.kill(own_engine.pid, signal.SIGCONT)
        async with asyncio.timeout(10):
            await returned.wait()
        await meters.drain()
        await until(lambda: not meters._owed)
        held = await meters.hold(a_hold("after", budget(1)))
        assert held.levels[0].level == 1
        assert (await meters.hold(a_hold("late0", budget(1)))).state is HoldState.VOID
        assert await store.of("acme").command("ZRANGE", "{acme}:open", 0, -1) == [b"before", b"after"]


async def test_holds_given_up_on_a_connection_that_died_are_given_back(own_engine: Engine) -> None:
    assert own_engine.pid
    async with a_store(own_engine.url) as store:
        await store.wait_up(5)
        meters = StoreMeters(store)
        os.kill(own_engine.pid, signal.SIGSTOP)
        with pytest.raises(Unanswered):
            await meters.hold(a_hold("late", budget(100)))
        connection = store.of("acme")._connection
        assert connection
        connection.abort()
        os.kill(own_engine.pid, signal.SIGCONT)
        await store.wait_up(10)
        await until(lambda: not meters._owed)
        assert (await meters.hold(a_hold("late", budget(1)))).state is HoldState.VOID
        assert (await meters.hold(a_hold("after", budget(1)))).levels[0].level == 0


async def test_a_restarted_engine_is_found_and_has_its_counters(own_engine: Engine) -> None:
    async with a_store(own_engine.url) as store:
        await store.wait_up(5)
        meters, settler = StoreMeters(store), StoreSettler(store)
        await meters.hold(a_hold("h1", budget(100)))
        assert own_engine.pid
        os.kill(own_engine.pid, signal.SIGKILL)
        await until(lambda: not store.up)
        with pytest.raises(Unsent):
            await meters.hold(a_hold("h2", budget(100)))
        own_engine.start()
        await store.wait_up(5)
        await settler.settle([entry(1, "h1", charge(budget(0), 70))])
        assert (await meters.hold(a_hold("h3", budget(1)))).levels[0].level == 70


async def test_a_store_that_is_not_there_yet_is_found_when_it_comes(own_engine: Engine) -> None:
    own_engine.stop()
    async with a_store(own_engine.url) as store:
        with pytest.raises(StoreAway, match="away"):
            await store.wait_up(0.1)
        own_engine.start()
        await store.wait_up(5)


async def test_a_cancelled_caller_never_shifts_replies(engine: Engine) -> None:
    """The leak of redis-py #2624: with a cancelled command, every later caller got its neighbour's answer."""
    connection = await open_connection(parse_endpoint(engine.url), 5)
    random_cancel = random.Random(7)
    for _ in range(20):
        calls = [connection.call("ECHO", f"{n}") for n in range(500)]
        await asyncio.sleep(0)
        for call in calls:
            if random_cancel.random() < 0.5:
                call.cancel()
        for n, answer in enumerate(await asyncio.gather(*calls, return_exceptions=True)):
            assert isinstance(answer, asyncio.CancelledError) or answer == b"%d" % n
    connection.abort()


async def test_a_late_reply_does_not_shift_the_next(own_engine: Engine) -> None:
    assert own_engine.pid
    connection = await open_connection(parse_endpoint(own_engine.url), 0.05)
    os.kill(own_engine.pid, signal.SIGSTOP)
    with pytest.raises(Unanswered):
        await connection.call("ECHO", "first")
    os.kill(own_engine.pid, signal.SIGCONT)
    assert await connection.call("ECHO", "second", deadline_s=5) == b"second"
    connection.abort()


async def test_what_our_own_loop_was_busy_is_not_the_engines_delay(engine: Engine) -> None:
    connection = await open_connection(parse_endpoint(engine.url), 0.2)
    await connection.call("PING")
    calls = [connection.call("EVAL", "for i = 1, 2000000 do end", 0)]  # some ms of the engine
    time.sleep(0.5)  # noqa: ASYNC251 - the work of other calls, which began in the same turn of the loop
    calls.append(connection.call("PING"))
    assert await asyncio.gather(*calls) == [None, b"PONG"]
    connection.abort()


async def test_a_lost_connection_tells_everybody_and_takes_nothing_more(engine: Engine) -> None:
    connection = await open_connection(parse_endpoint(engine.url))
    calls = [connection.call("ECHO", "x") for _ in range(10)]
    connection.abort()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(answer, Unanswered) for answer in answers)
    with pytest.raises(Unsent):
        connection.call("PING")
    with pytest.raises(Unsent):
        connection.tell("PING")
    assert connection.lost.done()


async def test_garbage_ends_the_connection_and_is_no_value() -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"?what\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(garbage, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = await open_connection(parse_endpoint(f"redis://127.0.0.1:{port}"), 5)
        with pytest.raises(Unanswered):
            await connection.call("PING")
        assert connection.lost.done()


async def test_a_reply_that_nobody_asked_for_ends_the_connection() -> None:
    async def eager(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"+surprise\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(eager, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = await open_connection(parse_endpoint(f"redis://127.0.0.1:{port}"), 5)
        await asyncio.wait_for(connection.lost, 5)


async def test_an_error_reply_raises_ours(engine: Engine) -> None:
    connection = await open_connection(parse_endpoint(engine.url), 5)
    with pytest.raises(Refused) as refused:
        await connection.call("NOSUCH")
    assert refused.value.code == "ERR"
    assert isinstance(refused.value, StoreAway)
    connection.abort()


async def test_an_evicting_store_is_refused_with_what_to_change(own_engine: Engine) -> None:
    with redis.Redis(unix_socket_path=str(own_engine.socket)) as raw:
        raw.config_set("maxmemory-policy", "allkeys-lru")
    async with a_store(own_engine.url) as store:
        with pytest.raises(StoreAway, match=r"maxmemory-policy is allkeys-lru.*set it to noeviction"):
            await store.wait_up(0.3)
    evicting = Store(parse_endpoint(own_engine.url), may_evict=True)
    evicting.start()
    await evicting.wait_up(5)
    await evicting.close()


async def test_a_password_opens_the_store_and_is_never_shown(own_engine: Engine) -> None:
    with redis.Redis(unix_socket_path=str(own_engine.socket)) as raw:
        raw.config_set("requirepass", "s3cret")
    async with a_store(f"unix://:s3cret@{own_engine.socket}?db=3") as store:
        await store.wait_up(5)
        await store.of("acme").command("SET", "x", 1)
        assert "s3cret" not in repr(store._endpoint) + str(store._endpoint)
    async with a_store(f"unix://:wr0ng@{own_engine.socket}") as store:
        with pytest.raises(StoreAway, match="WRONGPASS") as away:
            await store.wait_up(0.3)
        assert "wr0ng" not in str(away.value)


async def test_a_master_that_becomes_a_replica_is_left_until_it_is_master_again(own_engine: Engine) -> None:
    with redis.Redis(unix_socket_path=str(own_engine.socket)) as raw:
        async with a_store(own_engine.url) as store:
            await store.wait_up(5)
            meters = StoreMeters(store)
            raw.execute_command("REPLICAOF", "127.0.0.1", "1")
            with pytest.raises(StoreAway):
                await meters.hold(a_hold("h1", budget(1)))
            await until(lambda: "READONLY" in store.fault)
            raw.execute_command("REPLICAOF", "NO", "ONE")
            await store.wait_up(5)
            assert (await meters.hold(a_hold("h2", budget(1)))).state is HoldState.ADMITTED


async def test_a_call_that_meets_a_server_in_transition_is_sent_once_more(own_engine: Engine) -> None:
    """Between the refusal and the second try the server is asked anew: here it is a master again by then."""
    with redis.Redis(unix_socket_path=str(own_engine.socket)) as raw:
        async with a_store(own_engine.url, deadline_s=5) as store:
            await store.wait_up(5)
            meters = StoreMeters(store)
            raw.execute_command("REPLICAOF", "127.0.0.1", "1")
            pending = asyncio.ensure_future(meters.hold(a_hold("h1", budget(1))))
            await until(lambda: not store.up)
            raw.execute_command("REPLICAOF", "NO", "ONE")
            assert (await pending).state is HoldState.ADMITTED


async def test_what_local_calls_cost_ends_the_local_allowance(own_engine: Engine) -> None:
    async with a_store(own_engine.url) as store:
        await store.wait_up(5)
        meters = StoreMeters(store)
        await meters.hold(a_hold("before", budget(0)))  # 1000 remain: 250 without the store
        own_engine.stop()
        await until(lambda: not store.up)
        wishes = [Obligation("r", MeterKind.BUDGET, Unit.NUSD, "org", 1_000)]
        first = a_hold("first", budget(2))
        assert (await meters.hold(first, wishes)).local
        meters.ended(first, 400)
        with pytest.raises(StoreAway):
            await meters.hold(a_hold("second", budget(2)), wishes)
