"""Tests of policies, judged as ``tallygate policy test`` judges them, on one private engine for the whole run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pytest

from proxy.app.trial.ground import Ground, ground_of
from proxy.app.trial.judge import Verdict, judge, outcome_of
from proxy.app.trial.outcome import Outcome
from proxy.config.directory import Directory
from proxy.config.every_upstream import every_upstream
from proxy.domain.upstream import Upstream
from proxy.metering.table import PriceTable
from proxy.policy.case import Case
from proxy.policy.levels import warnings
from proxy.policy.loaded import Loaded
from proxy.stores.virtual import VirtualMeters, virtual_meters
from tests.support.policies import EXAMPLE, acme, loaded


@pytest.fixture(scope="session")
def engine_of_trials() -> Iterator[VirtualMeters]:
    """The engine; whoever judges finds it empty."""
    with virtual_meters() as meters:
        yield meters


class Bench:
    """Judges."""

    def __init__(self, meters: VirtualMeters) -> None:
        self.meters = meters

    def outcome(self, case: Case, ground: Ground) -> Outcome:
        """What comes of a case."""
        return outcome_of(case, ground, self.meters)

    def verdicts(self, found: Loaded, ground: Ground) -> tuple[Verdict, ...]:
        """What comes of all of them."""
        return judge(found.cases, ground, self.meters)

    def disagreements(self, case: Case, ground: Ground) -> tuple[str, ...]:
        """What comes out otherwise than the case expects."""
        (verdict,) = judge([case], ground, self.meters)
        return verdict.faults

    def run(self, tests: str, rules: str | None = None, **files: str) -> dict[str, Verdict]:
        """Judge tests, a list of YAML, in the example's company on Monday 2026-11-23 at 10:00 in Berlin; by their names.

        ``rules`` are all of a policy named ``p``; without them the example's policies hold.
        """
        head = "kind: Tests\ngiven: { clock: 2026-11-23T10:00:00+01:00 }\ntests:\n"
        policies = _example() if rules is None else {"p.yaml": _policy(rules)}
        found = loaded({**policies, **files, "tests/t.yaml": head + tests})
        return {one.case.name: one for one in judge(found.cases, company(found), self.meters)}

    def one(self, test: str, rules: str | None = None, **files: str) -> Verdict:
        """Judge one test, written without its name."""
        (verdict,) = self.run(f"  - {{ name: it, {test} }}\n", rules, **files).values()
        return verdict


@pytest.fixture
def bench(engine_of_trials: VirtualMeters) -> Bench:
    """A bench on the engine."""
    return Bench(engine_of_trials)


def company(found: Loaded) -> Ground:
    """The example's company with these policies."""
    return ground_of(acme(), found, _upstreams(), _table())


def anywhere(found: Loaded, directory: Directory) -> Ground:
    """A company without upstreams of its own."""
    return ground_of(directory, found, (), _table())


def said(got: Outcome) -> list[str]:
    """The texts of warnings that the caller is told."""
    return [one.text for one in (*got.decision.warnings, *warnings(got.seen))]


def _policy(rules: str) -> str:
    return f"kind: Policy\nname: p\nowner: sec@acme.example\ntimezone: Europe/Berlin\nrules:\n{rules}"


@lru_cache(maxsize=1)
def _example() -> dict[str, str]:
    folder = EXAMPLE / "policies"
    paths = [path for path in folder.rglob("*.yaml") if "tests" not in path.relative_to(folder).parts]
    return {str(path.relative_to(EXAMPLE)): path.read_text("utf-8") for path in paths}


@lru_cache(maxsize=1)
def _upstreams() -> tuple[Upstream, ...]:
    return every_upstream(EXAMPLE / "tallygate.yaml", {})


@lru_cache(maxsize=1)
def _table() -> PriceTable:
    return PriceTable.load()
