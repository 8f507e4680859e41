"""What the key of the cache costs, and the canonical form in it: p50 by length, and the slowest of hostile texts.

``make bench`` prints the figures of `key_costs`; with the hostile texts: ``python -m tests.bench.canonical``.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

from proxy.dedup.canonical import canonical, masked_only
from proxy.dedup.eligible import ineligible
from proxy.dedup.timeliness import is_time_sensitive
from tests.support.sent import a_body, a_request, the_keys, the_terms

PROMPT = "How do the fees of my bank change if I take money from a machine far away?"
STORY = "If the man of the house is at work and the car is at home, he can take the bus to it. "
CODE = "Explain how this code works:\n" + "total = total + price * count\n" * 300
SYSTEM = "You are a SQL expert.\nrequest_id: 95ee679a-3f62-4c1b-871f-70e48d612559"
HOSTILE = [*"-.\"`<[\t: \n!'x{", "'a", "please ", "thanks ", "I ", "? ", "hello, ", "can you ", "1 ", "1\u00a0", "e\u0301", "it's ",
           "A b. ", "the. ", '{"a":', "\r\n", "(a) ", "$1 ", "how many ", "\u200b", "\ufb01", "request_id: a1b2c3d4e5f6g7\n"]  # fmt: skip
LARGE = 32_768  # characters
CHAT = a_body("openai.chat", (STORY * 10)[:800], system=SYSTEM, temperature=0, max_tokens=500)


def once_us(work: Callable[[], object]) -> float:
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / 1000


def p50_us(work: Callable[[], object], runs: int) -> float:
    return statistics.median(once_us(work) for _ in range(runs))


def key_costs() -> Iterator[tuple[str, int, float]]:
    """What is measured, of how many characters (of a request: bytes), and its p50 in microseconds."""
    asked = a_request("openai.chat", CHAT)
    size = len(json.dumps(CHAT, separators=(",", ":")))
    yield "key of a chat request", size, p50_us(partial(the_keys, asked), 500)
    yield "may it be cached, chat request", size, p50_us(partial(ineligible, asked, the_terms()), 500)
    yield "canonical, prompt", len(PROMPT), p50_us(partial(canonical, PROMPT), 4000)
    for length in (1024, 4096, 8190):
        yield "canonical, prose", length, p50_us(partial(canonical, (STORY * 200)[:length]), 60)
        yield "canonical, instruction and code", length, p50_us(partial(canonical, CODE[:length]), 60)
    yield "masked_only, system prompt", len(SYSTEM), p50_us(partial(masked_only, SYSTEM), 4000)
    yield "is_time_sensitive, prompt", len(PROMPT), p50_us(partial(is_time_sensitive, PROMPT), 4000)


def main() -> None:
    for what, size, cost in key_costs():
        print(f"{what:32} {size:6} characters {cost:9.1f} µs")
    slowest = max(
        (
            min(once_us(partial(judge, (start + unit * size)[:size])) for _ in range(3)),
            judge.__name__,
            size,
            start,
            unit,
        )
        for judge in (canonical, masked_only, is_time_sensitive)
        for size in (8192, LARGE)
        for start in ("", "what is the a of it ", "Hello, ", "request_id: ")
        for unit in HOSTILE
    )
    print(f"slowest of hostile texts: {slowest[0] / 1000:.1f} ms, {slowest[1:]}")


if __name__ == "__main__":
    main()
