"""What holding and settling on 13 meters costs per call: ``python -m tests.bench.meters``.

CPU time, in microseconds: of the proxy, whose parts are measured alone as they stand in the walk, and of the engine, while
64 calls are held at one time and settled together. The smallest of several rounds: what a busy machine adds is no cost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import process_time_ns

from proxy.config.store_url import parse_endpoint
from proxy.domain.decision import Obligation
from proxy.domain.meter import Charge, Draw, Held, Hold, HoldState, Level, MeterKind, Settlement, Unit
from proxy.domain.usage import Usage
from proxy.policy.draws import Amounts, draws
from proxy.policy.levels import readings
from proxy.steps.rows import charges
from proxy.stores.allowance import Allowance
from proxy.stores.engine import Engine
from proxy.stores.meters import StoreMeters, contents, held_of
from proxy.stores.rows import pack_charges
from proxy.stores.settler import StoreSettler
from proxy.stores.store import Store
from tests.support.engines import running_engine

ROUNDS, CALLS, AT_ONCE = 12, 1920, 64
AMOUNTS = Amounts(2_000_000, 5_000_000, 9_000_000, 1000)
ACTUAL, USAGE = 4_000_000, Usage(input=500, output=300)
FACTS = b'{"request_id":"' + b"x" * 900 + b'"}'


def obligations() -> tuple[Obligation, ...]:
    """A budget, a rate of requests and one of tokens in each of four scopes, and a number of live calls."""
    found = []
    for scope in ("org", "team:growth", "user:p_0123456789abcdef", "key:k_0123456789"):
        name = scope.partition(":")[0]
        found += [
            Obligation(f"org/{name}-month", MeterKind.BUDGET, Unit.NUSD, scope, 10**15, "month", "Europe/Berlin"),
            Obligation(f"org/{name}-pace", MeterKind.RATE, Unit.REQUESTS, scope, 10**6, interval_us=10, span_s=60),
            Obligation(f"org/{name}-pace", MeterKind.RATE, Unit.TOKENS, scope, 10**9, interval_us=1, span_s=60),
        ]
    return (*found, Obligation("org/live", MeterKind.PARALLEL, Unit.CALLS, "team:growth", 10**6))


WISHES = obligations()


def engine_cpu_ns(pid: int) -> int:
    """CPU time of a process, all threads."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def drawn(at_us: int) -> tuple[Draw, ...]:
    """The draws of a call, as ``steps.holding`` makes them."""
    return draws(WISHES, "acme", AMOUNTS, at_us)


async def hold(meters: StoreMeters, name: str) -> Hold:
    """One call's hold."""
    asked = Hold(name, "acme", drawn(meters.time_us()), FACTS, AMOUNTS.input_nusd)
    assert (await meters.hold(asked, WISHES)).state is HoldState.ADMITTED
    return asked


async def calls(meters: StoreMeters, settler: StoreSettler, first: int) -> None:
    """So many calls, held and settled."""
    for at in range(first, first + CALLS, AT_ONCE):
        held = await asyncio.gather(*(hold(meters, f"call-{number}:1") for number in range(at, at + AT_ONCE)))
        entries = [
            Settlement("acme", "A", at + number + 1, one.id, charges(one.draws, ACTUAL, USAGE))
            for number, one in enumerate(held)
        ]
        await settler.settle(entries)


async def on_engine(engine: Engine, pid: int) -> tuple[float, float]:
    """The smallest CPU time per call: of the proxy, its loop and socket included, and of the engine."""
    store = Store(parse_endpoint(engine.url), deadline_s=5)
    store.start()
    await store.wait_up(5)
    meters, settler = StoreMeters(store), StoreSettler(store)
    figures = []
    for number in range(ROUNDS):
        ours, theirs = process_time_ns(), engine_cpu_ns(pid)
        await calls(meters, settler, number * CALLS)
        figures.append((process_time_ns() - ours, engine_cpu_ns(pid) - theirs))
    await store.close()
    return min(ours for ours, _ in figures) / CALLS / 1000, min(theirs for _, theirs in figures) / CALLS / 1000


def alone(what: str, work: Callable[[], object], number: int = 2000) -> float:
    """The smallest time of a part."""
    found = []
    for _ in range(ROUNDS):
        began = process_time_ns()
        for _ in range(number):
            work()
        found.append((process_time_ns() - began) / number / 1000)
    print(f"  {what:<46} {min(found):6.1f} µs")
    return min(found)


def parts() -> float:
    """What the proxy does for the meters of one call, part by part."""
    at_us = 1_795_435_200_000_000
    taken = drawn(at_us)
    asked = Hold("call-1:1", "acme", taken, FACTS)
    reply = [1, at_us, *([0, 5, 0] * len(taken))]
    levels = tuple([Level(False, 5)] * len(taken))
    answer = Held(HoldState.ADMITTED, levels, at_us)
    allowance = Allowance(4, 30_000_000)
    charged: tuple[Charge, ...] = charges(taken, ACTUAL, USAGE)
    return sum(
        [
            alone("draws of this moment", lambda: drawn(at_us)),
            alone("draws as the script reads them", lambda: contents(asked)),
            alone("the answer read", lambda: held_of(reply)),
            alone("remembered for a store that goes away", lambda: allowance.seen(asked, answer)),
            alone("levels with their rules", lambda: readings(WISHES, taken, levels)),
            alone("charges", lambda: charges(taken, ACTUAL, USAGE)),
            alone("charges as the script reads them", lambda: pack_charges(charged)),
        ]
    )


def main() -> None:
    """Print the figures."""
    print(f"{len(WISHES)} meters, the proxy's parts:")
    print(f"  {'together':<46} {parts():6.1f} µs")
    for kind in ("valkey", "redis"):
        with running_engine(kind) as engine:
            assert engine.pid is not None
            ours, theirs = asyncio.run(on_engine(engine, engine.pid))
        print(f"{kind}: proxy {ours:.1f} µs with loop and socket, engine {theirs:.1f} µs")


if __name__ == "__main__":
    main()
