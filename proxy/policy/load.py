"""From the files of a folder to one generation of rules: pure, all mistakes at once, the same on every replica.

Rules of a broken file keep their names, so that one mistake is told once. What loads but was perhaps not meant comes back
as remarks beside the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from proxy.config.directory import Directory
from proxy.config.masking import shown
from proxy.config.problems import ConfigError, Problem, did_you_mean
from proxy.config.yaml_source import Source
from proxy.policy.case import Case
from proxy.policy.conflicts import conflicts
from proxy.policy.content.detector import Detector
from proxy.policy.content.own import MOST
from proxy.policy.ids import Named, named, repeated
from proxy.policy.known import Known
from proxy.policy.loaded import Loaded
from proxy.policy.names import Names
from proxy.policy.places import Place, child, text_of
from proxy.policy.read_detectors import read_detectors
from proxy.policy.read_exemption import PlacedExemption, read_exemption
from proxy.policy.read_policy import Expressions, Placed, read_policy
from proxy.policy.read_tests import read_tests
from proxy.policy.remarks import Everything, remarks
from proxy.policy.rule import PolicySet

KINDS = ("Policy", "Exemption", "Detectors", "Tests")


def load(
    sources: Sequence[Source],
    directory: Directory,
    known: Known,
    *,
    tests: Sequence[Source] = (),
    now: float = 0.0,
    generation: str = "",
    notes: bool = False,
    whole: bool = True,
) -> Loaded:
    """Load one generation. ``now`` (unix seconds) only decides which exemptions are remarked on.

    ``tests`` are the files of folders named ``tests``; ``notes`` adds the remarks that only authors want; ``whole``
    is False where a file could not be parsed, whose names nobody knows: then none is missed. Raises ``ConfigError`` with
    every problem of every file.
    """
    everything = named(sources)
    rules = {one.name: one.verb for one in everything if one.what == "rule"}
    own = [one for one in everything if one.what == "detector"]
    zones = {one.name: one.timezone or "UTC" for one in everything if one.what == "policy"}
    reader = _Reader(Names(directory, known, rules, [one.name for one in own], whole=whole), zones)
    problems = [*repeated(everything), *_too_many(own)]
    problems += chain.from_iterable(reader.read(source, of_tests=False) for source in sources)
    problems += chain.from_iterable(reader.read(source, of_tests=True) for source in tests)
    problems += conflicts(reader.rules, reader.exemptions, directory)
    if problems:
        raise ConfigError(problems)
    loaded = Everything(reader.rules, reader.exemptions, reader.cases, directory, now)
    return Loaded(
        policy=PolicySet(
            generation,
            tuple(one.rule for one in reader.rules),
            tuple(one.exemption for one in reader.exemptions),
            tuple(reader.detectors) or None,
        ),
        warnings=remarks(loaded, notes=notes),
        cases=tuple(reader.cases),
        facts=reader.expressions.facts(),
    )


class _Reader:
    """Collects what the files of one loading hold."""

    def __init__(self, names: Names, zones: Mapping[str, str]) -> None:
        self._names, self._zones = names, zones
        self.expressions = Expressions()
        self.rules: list[Placed] = []
        self.exemptions: list[PlacedExemption] = []
        self.cases: list[Case] = []
        self.detectors: list[Detector] = []

    def read(self, source: Source, *, of_tests: bool) -> Iterator[Problem]:
        """Read a file and tell its problems."""
        yield from source.problems
        kind = text_of(child(source.root, "kind"))
        if wrong := _wrong_kind(source, kind, of_tests=of_tests):
            yield wrong
        elif kind == "Policy":
            rules, problems = read_policy(source, self._names, self.expressions)
            self.rules += rules
            yield from problems
        elif kind == "Exemption":
            exemption, problems = read_exemption(source, self._names, self._zones)
            self.exemptions += [exemption] if exemption else []
            yield from problems
        elif kind == "Tests":
            cases, problems = read_tests(source, self._names)
            self.cases += cases
            yield from problems
        else:
            detectors, problems = read_detectors(source, self._names)
            self.detectors += detectors
            yield from problems


def _wrong_kind(source: Source, kind: str, *, of_tests: bool) -> Problem | None:
    place = Place(source)
    if not kind:
        return place.problem("'kind' is missing", f"one of {', '.join(KINDS)}")
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS) or f"one of {', '.join(KINDS)}"
        return place.problem(f"{shown(kind)} is not a kind of document", hint, ("kind",))
    if (kind == "Tests") is not of_tests:
        where = "in a folder named tests" if kind == "Tests" else "outside of folders named tests"
        return place.problem(f"{kind} belong {where}, or nobody would look for them here", "move the file", ("kind",))
    return None


def _too_many(detectors: Sequence[Named]) -> Iterator[Problem]:
    """Every detector is looked for in every prompt."""
    if len(detectors) > MOST:
        yield detectors[MOST].place.problem(f"is one detector too many; {MOST} are looked for at most", key=True)
