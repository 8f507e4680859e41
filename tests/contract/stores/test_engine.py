"""The embedded engines: private, persistent, ended with us, started again."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from proxy.stores.engine import Engine, cache_flags, end_owner, ping, store_flags
from proxy.stores.engines import Engines
from proxy.stores.errors import EngineFailed
from tests.support.engines import short_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as made:
        yield made


def of(engine: Engine) -> redis.Redis:
    return redis.Redis(unix_socket_path=str(engine.socket), decode_responses=True)


def test_both_engines_start_with_their_own_promises_and_end(folder: Path) -> None:
    store, cache = Engine("store", folder, store_flags()), Engine("cache", folder, cache_flags(maxmemory_mb=32))
    engines = Engines([store, cache])
    engines.start()
    with of(store) as client:
        settings = client.config_get("*")
        assert settings["maxmemory-policy"] == "noeviction"
        assert (settings["appendonly"], settings["appendfsync"], settings["port"]) == ("yes", "everysec", "0")
    with of(cache) as client:
        settings = client.config_get("*")
        assert settings["maxmemory-policy"] == "allkeys-lfu"
        assert settings["maxmemory"] == str(32 * 2**20)
        assert settings["appendonly"] == "no"
    engines.stop()
    assert not ping(store.socket)
    assert not ping(cache.socket)


def test_nobody_else_can_reach_an_engine(folder: Path) -> None:
    engine = Engine("store", folder / "engine", store_flags())
    engine.start()
    assert stat.S_IMODE(engine.socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(engine.socket.stat().st_mode) == 0o700
    engine.stop()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_written_is_there_after_a_restart(folder: Path, ending: signal.Signals) -> None:
    engine = Engine("store", folder, store_flags())
    engine.start()
    with of(engine) as client:
        for n in range(500):
            client.set(f"k{n}", n)
    assert engine.pid
    os.kill(engine.pid, ending)
    engine.stop()
    engine.start()
    with of(engine) as client:
        assert client.dbsize() == 500
    engine.stop()


def test_an_engine_that_was_left_behind_is_ended_even_when_it_hangs(folder: Path) -> None:
    left = Engine("store", folder, store_flags())
    left.start()
    assert left.pid
    os.kill(left.pid, signal.SIGSTOP)
    engine = Engine("store", folder, store_flags())
    engine.start()
    assert left.pid is None
    assert engine.pid is not None
    engine.stop()
    end_owner(engine.socket)


def test_an_engine_ends_with_its_parent(folder: Path) -> None:
    parent = (
        "import sys, time; from pathlib import Path; from proxy.stores.engine import Engine, store_flags\n"
        "engine = Engine('store', Path(sys.argv[1]), store_flags()); engine.start(); print(engine.pid, flush=True)\n"
        "time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent, str(folder)], stdout=subprocess.PIPE)
    assert process.stdout
    pid = int(process.stdout.readline())
    assert ping(folder / "store.sock")
    process.kill()
    process.communicate()
    end = Path(f"/proc/{pid}/stat")
    for _ in range(2000):
        if not end.exists() or end.read_text().split()[2] == "Z":
            break
        os.sched_yield()
        signal.sigtimedwait([], 0.005)
    assert not ping(folder / "store.sock")


def test_a_path_too_long_for_a_socket_is_said_before_anything_starts(folder: Path) -> None:
    engine = Engine("store", folder / ("x" * 100), store_flags())
    with pytest.raises(EngineFailed, match=r"107 are possible: choose a shorter `state:`"):
        engine.start()
    assert not engine.home.exists()


def test_an_engine_that_cannot_start_shows_the_end_of_its_log(folder: Path) -> None:
    engine = Engine("store", folder, ("--no-such-flag", "1"))
    with pytest.raises(EngineFailed, match="no-such-flag"):
        engine.start()


def test_when_one_engine_fails_none_is_left(folder: Path) -> None:
    good, bad = Engine("store", folder, store_flags()), Engine("cache", folder, ("--no-such-flag", "1"))
    with pytest.raises(EngineFailed):
        Engines([good, bad]).start()
    assert good.pid is None
    assert not ping(good.socket)


async def test_a_dead_engine_is_started_again_with_what_it_knew(folder: Path) -> None:
    engine = Engine("store", folder, store_flags())
    engines = Engines([engine])
    engines.start()
    watcher = asyncio.ensure_future(engines.watch())
    with of(engine) as client:
        client.set("k", "v")
    first = engine.pid
    assert first
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(10):
        while engine.pid in (None, first) or not ping(engine.socket):  # noqa: ASYNC110  # another process, no event to wait for
            await asyncio.sleep(0.01)
    with of(engine) as client:
        assert client.get("k") == "v"
    watcher.cancel()
    engines.stop()
