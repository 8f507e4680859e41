"""PostgreSQL goes, the shipper is killed, a machine dies: calls notice nothing, no row is lost and none is there twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.config.ledger_url import parse_ledger
from proxy.journal.ledger.outbox import Outbox
from proxy.journal.ledger.shipper import Shipper
from proxy.journal.log import open_log
from tests.support.at_rest import wait_rest
from tests.support.callers import ANSWERS, upstreams
from tests.support.journal_rows import make_row
from tests.support.killing import alive, kill
from tests.support.ledger_load import Load, gauge, in_ledger, wait_same
from tests.support.postgres import Postgres, ask, running_postgres
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import whole

AWAY_S = 3.0
SHIPPER_KILLS = 4


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as postgres:
        yield postgres


@pytest.fixture
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as scripted:
        scripted.replies(whole(ANSWERS["openai"]), path="/v1/chat/completions", always=True)
        yield scripted


def proxy_with(home: Path, scripted: ScriptedUpstream, ledger: str, workers: int = 1) -> RunningProxy:
    """The URL comes from the environment, as a password should."""
    return RunningProxy(
        home,
        upstreams(scripted.base_url),
        workers=workers,
        lease="1s",
        more="ledger: { url: env:LEDGER }",
        env={"LEDGER": ledger},
    )


def shipper_of(proxy: RunningProxy) -> int | None:
    """The pid of the shipper that lives now."""
    assert proxy.process is not None
    for children in Path(f"/proc/{proxy.process.pid}/task").glob("*/children"):
        for pid in map(int, children.read_text().split()):
            if alive(pid) and b"\0shipper\0" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    return None


async def living_shipper(proxy: RunningProxy) -> int:
    """Its pid, once there is one: the one before may just have been killed."""
    async with asyncio.timeout(20):
        while (pid := shipper_of(proxy)) is None:  # noqa: ASYNC110 - a process sets no event of ours
            await asyncio.sleep(0.02)
    return pid


async def test_postgresql_goes_and_returns_under_load_and_nothing_is_lost_or_there_twice(
    tmp_path: Path, server: Postgres, scripted: ScriptedUpstream
) -> None:
    url = server.database()
    place = parse_ledger(url)
    with proxy_with(tmp_path, scripted, url, workers=2) as proxy:
        load = Load(proxy)
        running = asyncio.create_task(load.run())
        await asyncio.sleep(1.5)
        await asyncio.to_thread(server.stop, "immediate")
        try:
            before = load.answered
            await asyncio.sleep(AWAY_S)
            assert load.answered > before  # calls noticed nothing
            assert gauge(proxy, "tallygate_ledger_up") == 0
            assert gauge(proxy, "tallygate_ledger_unshipped_rows") > 0
            assert gauge(proxy, "tallygate_ledger_lag_seconds") > 0
            assert b"the ledger is away" in await asyncio.to_thread(proxy.get, "/readyz", base=proxy.admin_url)
        finally:
            await asyncio.to_thread(server.start)
        await asyncio.sleep(0.5)
        load.ending = True
        await running
        rows = await asyncio.to_thread(wait_same, proxy, place)
        assert len(rows) == load.answered
        await asyncio.to_thread(wait_rest, proxy)
        assert b"the ledger is away" not in await asyncio.to_thread(proxy.get, "/readyz", base=proxy.admin_url)
        assert gauge(proxy, "tallygate_ledger_up") == 1
        assert gauge(proxy, "tallygate_ledger_unshipped_rows") == 0

        agrees = await asyncio.to_thread(proxy.cli, "ledger", "verify")
        assert agrees.returncode == 0, agrees.stdout + agrees.stderr
        assert "✓  counters: the store's counters equal the journal's sums" in agrees.stdout
        raw = proxy.engine()
        (meter,) = [key for key in raw.keys("{acme}:m:*") if raw.type(key) == "hash"]
        raw.hincrby(meter, "s", 5)
        raw.close()
        differs = await asyncio.to_thread(proxy.cli, "ledger", "verify")
        assert differs.returncode == 1
        assert "✗  counters: 1 differ" in differs.stdout
        log = proxy.log.read_text()
    told = [line for line in log.splitlines() if "ledger_" in line]
    assert [line.count("ledger_away") for line in told] == [1, 0], told  # one line for each change
    assert "ledger_back" in told[1]
    assert "postgresql+psycopg" not in log


async def test_a_proxy_starts_and_ends_without_its_ledger_and_ships_at_the_next_start(
    tmp_path: Path, server: Postgres, scripted: ScriptedUpstream
) -> None:
    url = server.database()
    with proxy_with(tmp_path, scripted, url.replace(server.folder.name, "nowhere")) as proxy:
        load = Load(proxy)
        running = asyncio.create_task(load.run())
        await asyncio.sleep(0.5)
        load.ending = True
        await running
        assert await asyncio.to_thread(proxy.stop, 10) == 0
    proxy = proxy_with(tmp_path, scripted, url)
    with proxy:
        rows = await asyncio.to_thread(wait_same, proxy, parse_ledger(url))
        assert len(rows) == load.answered
        running = asyncio.create_task((last := Load(proxy)).run())
        await asyncio.sleep(0.3)
        last.ending = True
        await running
    rows = wait_same(proxy, parse_ledger(url), seconds=0)  # the last ones were shipped before it ended
    assert len(rows) == load.answered + last.answered


async def test_a_shipper_that_is_killed_again_and_again_under_load_ships_every_row_once(
    tmp_path: Path, server: Postgres, scripted: ScriptedUpstream
) -> None:
    url = server.database()
    with proxy_with(tmp_path, scripted, url) as proxy:
        load = Load(proxy)
        running = asyncio.create_task(load.run())
        for turn in range(SHIPPER_KILLS):
            pid = await living_shipper(proxy)
            await asyncio.sleep(0.4 + 0.07 * turn)
            kill(pid)
        load.ending = True
        await running
        rows = await asyncio.to_thread(wait_same, proxy, parse_ledger(url))
        assert len(rows) == load.answered
        assert "ledger_shipper_ended" in proxy.log.read_text()


class DiesBeforeNoting(Outbox):
    """Killed between the commit in the ledger and the note in the file."""

    def save(self, passed: object) -> None:
        """Note nothing any more."""
        del passed
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_batch_whose_position_was_not_saved_is_sent_again_and_is_there_once(tmp_path: Path, server: Postgres) -> None:
    url = server.database()
    path = tmp_path / "calls.db"
    log = open_log(path, 0)
    log.append([(make_row(f"01a207ed-8394-7c9b-bce4-{n:012x}", n), f"h{n}") for n in range(2500)])
    log.close()
    for sent in (1000, 1000):  # the second one begins where the first began
        root = Path(__file__).resolve().parents[2]
        done = subprocess.run(
            [sys.executable, __file__, str(path), url],
            cwd=root,
            env=os.environ | {"PYTHONPATH": str(root)},
            check=False,
        )
        assert done.returncode == -signal.SIGKILL
        assert len(in_ledger(parse_ledger(url))) == sent
    with closing(Shipper(path, parse_ledger(url), lambda *_: None)) as shipper:
        sent_last = []
        while (rows := shipper.ship()) is not None:
            sent_last.append(rows)
    assert sent_last == [1000, 1000, 500]
    found = ask(parse_ledger(url), "SELECT count(*), sum(cost_nusd) FROM tallygate.attempts")
    assert found == [(2500, sum(range(2500)))]


if __name__ == "__main__":
    dying = Shipper(Path(sys.argv[1]), parse_ledger(sys.argv[2]), lambda *_: None)
    dying._outbox = DiesBeforeNoting(Path(sys.argv[1]))
    dying.ship()
