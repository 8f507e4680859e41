"""What a canonical form costs: p50 of typical prompts by length, and the slowest of hostile texts.

Run as ``python -m tests.bench.canonical``.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from proxy.dedup.canonical import canonical, masked_only
from proxy.dedup.timeliness import is_time_sensitive

PROMPT = "How do the fees of my bank change if I take money from a machine far away?"
STORY = "If the man of the house is at work and the car is at home, he can take the bus to it. "
CODE = "Explain how this code works:\n" + "total = total + price * count\n" * 300
SYSTEM = "You are a SQL expert.\nrequest_id: 95ee679a-3f62-4c1b-871f-70e48d612559"
HOSTILE = [*"-.\"`<[\t: \n!'x{", "'a", "please ", "thanks ", "I ", "? ", "hello, ", "can you ", "1 ", "1\u00a0", "e\u0301", "it's ",
           "A b. ", "the. ", '{"a":', "\r\n", "(a) ", "$1 ", "how many ", "\u200b", "\ufb01", "request_id: a1b2c3d4e5f6g7\n"]  # fmt: skip
LARGE = 32_768  # characters


def once_us(judge: Callable[[str], object], text: str) -> float:
    began = time.perf_counter_ns()
    judge(text)
    return (time.perf_counter_ns() - began) / 1000


def p50_us(judge: Callable[[str], object], text: str, runs: int) -> float:
    return statistics.median(once_us(judge, text) for _ in range(runs))


def main() -> None:
    print(f"{'canonical, prompt':32} {len(PROMPT):6} characters {p50_us(canonical, PROMPT, 4000):9.1f} µs")
    for size in (1024, 4096, 8190):
        story = (STORY * 200)[:size]
        print(f"{'canonical, prose':32} {size:6} characters {p50_us(canonical, story, 60):9.1f} µs")
        print(
            f"{'canonical, instruction and code':32} {size:6} characters {p50_us(canonical, CODE[:size], 60):9.1f} µs"
        )
    print(f"{'masked_only, system prompt':32} {len(SYSTEM):6} characters {p50_us(masked_only, SYSTEM, 4000):9.1f} µs")
    print(
        f"{'is_time_sensitive, prompt':32} {len(PROMPT):6} characters {p50_us(is_time_sensitive, PROMPT, 4000):9.1f} µs"
    )
    slowest = max(
        (min(once_us(judge, (start + unit * size)[:size]) for _ in range(3)), judge.__name__, size, start, unit)
        for judge in (canonical, masked_only, is_time_sensitive)
        for size in (8192, LARGE)
        for start in ("", "what is the a of it ", "Hello, ", "request_id: ")
        for unit in HOSTILE
    )
    print(f"slowest of hostile texts: {slowest[0] / 1000:.1f} ms, {slowest[1:]}")


if __name__ == "__main__":
    main()
