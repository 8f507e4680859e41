"""The supervisor and its workers as processes: start, crash, reload, drain, death."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
import sys
from functools import partial
from pathlib import Path

import pytest

from proxy.config.settings import Drain
from proxy.server.supervisor import Backoff, Supervisor
from tests.support.supervised import PATIENCE_S, Supervised, alive
from tests.support.waiting import until


class Stream:
    """A call whose answer is still coming."""

    def __init__(self, program: Supervised) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=PATIENCE_S)
        self._connection.request("GET", "/stream")
        self._answer = self._connection.getresponse()
        assert self._answer.read(6) == b"first "

    def rest(self) -> str:
        """What still comes; "…" stands for an end that is none."""
        try:
            return self._answer.read().decode()
        except http.client.IncompleteRead as cut:
            return cut.partial.decode() + "…"
        finally:
            self._connection.close()


def test_every_worker_serves_on_the_same_port_and_all_end_together(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state", workers=2) as program:
        workers = program.worker_pids()
        waited_for = set(workers)

        def all_have_served() -> bool:
            waited_for.discard(int(program.get("/pid")[1]))
            return not waited_for

        program.until(all_have_served)
        program.signal(signal.SIGTERM)
        assert program.ended() == 0
        assert not any(alive(pid) for pid in workers)
        assert len(list((tmp_path / "state").glob("stopped-*"))) == 2


def test_a_crashed_worker_is_started_again_and_the_others_serve_on(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state", workers=2) as program:
        before = program.worker_pids()
        program.get("/crash")
        program.until(lambda: len(program.worker_pids() - before) == 1 and len(program.worker_pids()) == 2)
        program.until(lambda: program.get("/readyz", admin=True) == (200, "ok\n"))
        assert program.get("/pid")[0] == 200
        assert "ended by exit code 3" in program.said()


def test_a_killed_worker_is_named_with_its_signal(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state") as program:
        (worker,) = program.worker_pids()
        os.kill(worker, signal.SIGKILL)
        program.until(lambda: program.worker_pids() not in ({worker}, set()))
        assert "ended by signal SIGKILL" in program.said()


def test_a_crash_loop_slows_down_is_seen_and_ends_when_its_cause_does(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state") as program:
        (tmp_path / "state" / "crash").touch()
        program.get("/crash")
        program.until(lambda: "4 in a row" in program.said())
        assert program.get("/readyz", admin=True) == (503, "not ready: starting\n")
        assert program.get("/livez", admin=True) == (200, "ok\n")
        waits = [float(line.split(" in ")[-1].split()[0]) for line in program.said().splitlines() if "in a row" in line]
        assert waits == sorted(waits)
        (tmp_path / "state" / "crash").unlink()
        program.until(lambda: program.get("/readyz", admin=True)[0] == 200)


def test_a_worker_that_refuses_its_configuration_ends_everything_with_code_2(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "refuse").touch()
    with Supervised(state, workers=2, wait=False) as program:
        assert program.ended() == 2


def test_a_stop_waits_for_streams_and_refuses_new_calls(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state") as program:
        stream = Stream(program)
        program.signal(signal.SIGTERM)
        program.until(lambda: program.get("/pid")[0] == 0)
        assert program.get("/readyz", admin=True) == (503, "not ready: draining\n")
        assert program.process.poll() is None
        (tmp_path / "state" / "go").touch()
        assert stream.rest() == "last"
        assert program.ended() == 0


def test_before_the_listener_closes_calls_are_served_but_probes_say_not_ready(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state", delay_s=20) as program:
        program.signal(signal.SIGTERM)
        program.until(lambda: program.get("/readyz") == (503, "not ready: draining\n"))
        assert program.get("/pid")[0] == 200
        program.signal(signal.SIGTERM)  # a second order ends the wait
        assert program.ended() == 0


def test_at_the_end_of_the_drain_streams_are_cut_and_say_so(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state", max_s=0.2) as program:
        stream = Stream(program)
        program.signal(signal.SIGTERM)
        assert stream.rest() == "cut…"
        assert program.ended() == 0
        assert "1 calls were cut" in program.said()


def test_a_second_order_to_stop_means_now(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        with Supervised(tmp_path / f"state-{number}") as program:
            stream = Stream(program)
            program.signal(number)
            program.until(lambda: program.get("/readyz", admin=True)[0] == 503)
            program.signal(number)
            assert stream.rest() == "cut…"
            assert program.ended() == 0


def test_a_service_manager_that_signals_every_process_does_not_cut_streams(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state") as program:
        stream = Stream(program)
        for pid in (*program.worker_pids(), program.process.pid):
            os.kill(pid, signal.SIGTERM)
        program.until(lambda: program.get("/pid")[0] == 0)
        (tmp_path / "state" / "go").touch()
        assert stream.rest() == "last"
        assert program.ended() == 0


def test_a_reload_reaches_every_worker(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state", workers=2) as program:
        program.signal(signal.SIGHUP)
        trace = tmp_path / "state" / "reloaded"
        program.until(lambda: trace.exists() and len(trace.read_text().split()) == 2)
        assert {int(pid) for pid in trace.read_text().split()} == program.worker_pids()


def test_workers_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state", workers=2) as program:
        workers = program.worker_pids()
        stream = Stream(program)
        program.signal(signal.SIGKILL)
        assert program.ended() == -signal.SIGKILL
        assert stream.rest() == "cut…"
        program.until(lambda: not any(alive(pid) for pid in workers))
        with Supervised(tmp_path / "state", port=program.port) as again:  # port and folder are free again
            assert again.get("/pid")[0] == 200


def test_a_second_proxy_on_the_same_state_is_refused_and_names_the_first(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state") as program:
        (tmp_path / "other").mkdir()
        with Supervised(tmp_path / "other" / ".." / "state", wait=False) as refused:
            assert refused.ended() == 1
            assert f"in use by process {program.process.pid}" in refused.said()
            assert str(tmp_path / "state") in refused.said()
        assert program.get("/pid")[0] == 200


def test_a_taken_port_is_named_even_when_it_could_be_shared(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with Supervised(tmp_path / "state", port=port, wait=False) as refused:
            assert refused.ended() == 1
            assert f"cannot listen on 127.0.0.1:{port}: another process already does" in refused.said()


def test_degraded_workers_are_heard_of_on_the_admin_listener(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state") as program:
        assert program.get("/degrade")[0] == 200
        program.until(lambda: program.get("/readyz", admin=True) == (200, "degraded: store away\n"))
        assert program.get("/readyz") == (200, "degraded: store away\n")


def test_the_admin_listener_is_read_only_and_says_little(tmp_path: Path) -> None:
    with Supervised(tmp_path / "state") as program:
        assert program.get("/metrics", admin=True) == (200, "up 1\n")
        assert "/metrics" in program.get("/", admin=True)[1]
        assert program.get("/nothing", admin=True)[0] == 404
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            assert program.get("/metrics", admin=True, method=method)[0] == 405
            assert program.get("/nothing", admin=True, method=method)[0] == 405


HEARS = """
import sys
from proxy.server import link
end = link.inherited(int(sys.argv[2]))
with open(sys.argv[1], "ab", buffering=0) as heard:
    heard.write(link.first(end))
    while piece := end.recv(4096):
        heard.write(piece)
"""


@pytest.mark.parametrize("when", ["before it is spawned", "while it is spawned", "before it listens"])
async def test_a_worker_ends_up_at_the_newest_that_is_in_force_whenever_that_changed(tmp_path: Path, when: str) -> None:
    told = tmp_path / "told"
    told.touch()
    in_force = [b"old"]

    def change() -> None:
        in_force.append(b"new")
        supervisor.reload()

    def command(_: int, fd: int) -> list[str]:
        if when == "before it is spawned":
            change()
        if when == "while it is spawned":
            asyncio.get_running_loop().call_soon(change)
        return [sys.executable, "-c", HEARS, str(told), str(fd)]

    async def spawned() -> bool:
        return bool(supervisor.pids)

    async def heard() -> bool:
        return told.read_text().endswith("new;")

    supervisor = Supervisor(command, lambda: in_force[-1] + b";", workers=1, drain=Drain(0, 0), kill_after_s=0)
    running = asyncio.create_task(supervisor.run())
    await until(spawned)
    if when == "before it listens":
        change()
    await until(heard)
    supervisor.stop()
    assert await running == 0


async def test_a_change_lets_who_could_not_start_try_again_at_once(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    starts.touch()
    code = "import sys; open(sys.argv[1], 'a').write('x'); sys.exit(1)"
    supervisor = Supervisor(
        lambda _index, _link: [sys.executable, "-c", code, str(starts)],
        bytes,
        workers=1,
        drain=Drain(0, 0),
        backoff=Backoff(first_s=3600, longest_s=3600),
    )

    async def failed(number: int) -> bool:
        return len(starts.read_text()) == number and not supervisor.pids

    running = asyncio.create_task(supervisor.run())
    await until(partial(failed, 1))
    supervisor.reload()
    await until(partial(failed, 2))
    supervisor.stop()
    assert await running == 0
