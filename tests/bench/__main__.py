"""``make bench``: every target in turn for every case, interleaved in one run.

Several rounds, so that a noisy machine is noisy for all; medians are printed. Prints a Markdown table; ``PEERS=1`` adds LiteLLM, ``ROUNDS=n`` the number of rounds, ``CASES=a,b`` picks
cases by a part of their names, of which "key" is what the cache's key costs, alone.
"""

from __future__ import annotations

import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from tests.bench.canonical import key_costs
from tests.bench.cases import CASES, Case
from tests.bench.load import Latency, Prompts, latency, wrk
from tests.bench.processes import cpu_us, rss_mb
from tests.bench.targets import LOAD_CORE, Target, envoy, litellm, nginx, tallygate, upstream


@dataclass(frozen=True)
class Figure:
    """One case at one target in one round."""

    cpu: float  # µs per request of the gateway's process tree
    rate: float  # requests per second
    p99_ms: float
    alone: Latency
    rss: float
    errors: int


def upstream_count(port: int) -> int:
    """Completions that the upstream has answered."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/count") as answer:
        return int(answer.read())


def ask_once(case: Case, url: str, key: str) -> None:
    """Have an answer stored, where answers are."""
    head = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    with urllib.request.urlopen(urllib.request.Request(url, case.body.encode(), head)) as answer:
        answer.read()


def measure(case: Case, target: Target, up: int, prompts: Prompts, folder: Path) -> Figure:
    """Throughput and CPU under load, then latency alone."""
    url = f"http://127.0.0.1:{target.port}{target.path}"
    if case.repeats:
        ask_once(case, url, target.key)
    wrk(case, url, target.key, 1, prompts, folder, LOAD_CORE)  # connections and caches warm up
    before, cpu = upstream_count(up), cpu_us(target.pid) if target.pid else 0.0
    load = wrk(case, url, target.key, case.seconds, prompts, folder, LOAD_CORE)
    spent = (cpu_us(target.pid) if target.pid else 0.0) - cpu
    served = upstream_count(up) - before
    if case.repeats:
        served = max(served, load.requests)  # by whomever
    if not load.requests <= served <= load.requests + 2 * case.connections:
        print(f"! {target.name}: wrk saw {load.requests} answers, the upstream {served} requests", file=sys.stderr)
    count, pause = (8, 0.0) if case.name.endswith("ms") else (300, 0.002)
    alone = latency(case, target.port, target.path, target.key, prompts, count=count, pause_s=pause)
    return Figure(
        spent / max(1, served), load.requests / load.seconds, load.p99_ms, alone,
        rss_mb(target.pid) if target.pid else 0.0, load.errors,
    )  # fmt: skip


def middle(figures: list[Figure], of: str) -> float:
    """The median over the rounds; ``of`` is a member of the figure or of its latency."""
    return statistics.median(float(getattr(f, of) if hasattr(f, of) else getattr(f.alone, of)) for f in figures)


def report(case: Case, by_target: dict[str, list[Figure]]) -> None:
    """One case as a Markdown table."""
    direct, base = by_target["direct"], by_target["nginx"]
    print(f"\n### {case.name} ({len(case.body) / 1000:.1f} KB up, {case.connections} connections)\n")
    print(
        "| target | CPU µs/request | x nginx | CPU µs/event | requests/s | p99 ms | added p50 ms | added p99 ms | added first byte ms | peak RSS MB | errors |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for name, figures in by_target.items():
        cpu = middle(figures, "cpu")
        added = [(middle(figures, of) - middle(direct, of)) / 1000 for of in ("p50", "p99", "first_byte_p50")]
        print(
            f"| {name} | {cpu:.0f} | {cpu / middle(base, 'cpu'):.1f} | {f'{cpu / case.events:.1f}' if case.events else ''} "
            f"| {middle(figures, 'rate'):,.0f} | {middle(figures, 'p99_ms'):.1f} | "
            + " | ".join(f"{value:.2f}" for value in added)
            + f" | {max(f.rss for f in figures):.0f} | {sum(f.errors for f in figures)} |"
        )


def report_key() -> None:
    """What a key costs without a proxy around it."""
    print("\n### key\n\n| what | characters | p50 µs |\n|---|---|---|")
    for what, size, cost in key_costs():
        print(f"| {what} | {size:,} | {cost:.1f} |")


def about() -> str:
    """Machine, date and versions."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "?",
    )
    nginx_version = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False).stderr.strip()
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} x {cpu}, Linux {platform.release()}, Python {platform.python_version()}, "
        f"{nginx_version.removeprefix('nginx version: ')}; gateway on one core, load and upstream on the other"
    )


def main() -> None:
    """Run the benchmark."""
    rounds = int(os.environ.get("ROUNDS", "3"))
    wanted = os.environ.get("CASES", "").split(",")
    cases = [case for case in CASES if any(part in case.name for part in wanted)]
    prompts = Prompts()
    results: dict[Case, dict[str, list[Figure]]] = {case: defaultdict(list) for case in cases}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tg-bench-")))
        up = stack.enter_context(upstream(folder))
        targets = [Target("direct", up, 0)]
        targets += [
            stack.enter_context(make(folder, up)) for make in (nginx, envoy, tallygate, partial(tallygate, ruled=True))
        ]
        if os.environ.get("PEERS"):
            targets.append(stack.enter_context(litellm(folder, up)))
        for number in range(rounds):
            for case in cases:
                for target in targets:
                    figure = measure(case, target, up, prompts, folder)
                    results[case][target.name].append(figure)
                    print(
                        f"round {number + 1}/{rounds}  {case.name:15} {target.name:20} {figure.cpu:9.1f} µs  {figure.rate:9.0f}/s",
                        file=sys.stderr,
                    )
    print(about())
    for case, by_target in results.items():
        report(case, by_target)
    if any(part in "key" for part in wanted):
        report_key()


if __name__ == "__main__":
    main()
