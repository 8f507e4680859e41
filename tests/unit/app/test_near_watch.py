"""That near answers are no longer trusted is shown, said to probes, and told once in the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.app.near_watch import NearWatch
from proxy.steps.near_trust import AGREE, NearTrust
from proxy.telemetry import files
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.logs import Log
from proxy.telemetry.sink import Sink

RULE = "org/reuse"
PHRASE = f"near answers are off for rule {RULE}: too many differed when they were asked again"


class Watched:
    """One worker's trust, as it is shown."""

    def __init__(self, home: Path, log: Path) -> None:
        self.trust, self._home, self._log = NearTrust(), home, log
        files.prepare(home)
        self._accumulator = Accumulator(files.MetricFiles(home, "0"))
        self._stream = log.open("w")
        self._sink = Sink(self._stream.fileno())
        self._watch = NearWatch(self._accumulator, Log(self._sink, "info", text=False), self.trust)

    def close(self) -> None:
        self._accumulator.close()
        self._stream.close()

    def refresh(self, generation: str = "g1") -> tuple[str, ...]:
        return self._watch.refresh(generation)

    def shown(self) -> list[str]:
        """Lines of metrics, sorted."""
        self._accumulator.flush()
        lines = files.render(self._home).decode().splitlines()
        names = ("tallygate_cache_verified", "tallygate_cache_disagreement", "tallygate_cache_near_off")
        return sorted([line.removeprefix("tallygate_cache_") for line in lines if line.startswith(names)])

    def logged(self) -> list[dict[str, str]]:
        self._sink.flush()
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path / "metrics", tmp_path / "log")
    yield made
    made.close()


def test_nothing_is_shown_where_nothing_was_compared(watched: Watched) -> None:
    assert watched.refresh() == ()
    assert watched.shown() == []


def test_a_share_is_shown_while_it_is_borne(watched: Watched) -> None:
    assert watched.trust.begin(0.0)
    watched.trust.end(AGREE)
    for differ in (True, False, False, False):
        watched.trust.compared(RULE, "g1", differ=differ)
    assert watched.refresh() == ()
    assert watched.shown() == [
        f'disagreement_ratio{{rule="{RULE}"}} 0.25',
        f'near_off{{rule="{RULE}"}} 0.0',
        'verified_total{result="agree"} 1.0',
    ]
    assert watched.logged() == []


def test_a_rule_that_is_off_is_told_once_and_said_to_probes_until_a_new_generation(watched: Watched) -> None:
    for _ in range(2):
        watched.trust.compared(RULE, "g1", differ=True)
    assert [watched.refresh() for _ in range(3)] == [(PHRASE,)] * 3
    assert f'near_off{{rule="{RULE}"}} 1.0' in watched.shown()
    (line,) = watched.logged()
    assert (line["level"], line["event"], line["rule"]) == ("warning", "near_mode_off", RULE)
    assert line["detail"].startswith("2 of 2 near answers differed")
    assert watched.refresh("g2") == ()
    assert watched.shown() == []
