"""Reads the files of a policy folder, and tells policies from tests.

Their texts are kept as they were read, so that whoever is handed them makes the same rules of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from proxy.config.look import Look
from proxy.config.problems import ConfigError, Problem
from proxy.config.yaml_source import Source, parse_source, unreadable

TESTS = "tests"


class PolicyText(msgspec.Struct, frozen=True):
    """A file of policies, not yet understood; ``name`` is what messages call it."""

    name: str
    raw: bytes
    of_tests: bool
    fault: str = ""  # why it could not be read


@dataclass(frozen=True, slots=True)
class PolicyFiles:
    """The files that could be read, in the order of their names, tests apart; ``problems`` of those that could not."""

    policies: tuple[Source, ...]
    tests: tuple[Source, ...]
    problems: tuple[Problem, ...] = ()


def policy_texts(folder: Path, name: str | None = None, look: Look | None = None) -> tuple[PolicyText, ...]:
    """Read every YAML file below ``folder``, or that one file, in the order of names; no folder is no policies.

    ``name`` is what messages call the folder. Never raises.
    """
    called, look = folder.name if name is None else name, look or Look()
    texts = []
    for below, path in look.policies(folder):
        file, of_tests = f"{called}/{below}" if below else called, TESTS in Path(below).parts[:-1]
        try:
            texts.append(PolicyText(file, look.read(path), of_tests))
        except OSError as error:
            texts.append(PolicyText(file, b"", of_tests, error.strerror or type(error).__name__))
    return tuple(texts)


def parse_policies(texts: Iterable[PolicyText]) -> PolicyFiles:
    """Parse what was read. Never raises for what the files hold."""
    policies: list[Source] = []
    tests: list[Source] = []
    problems: list[Problem] = []
    for text in texts:
        if text.fault:
            problems.append(unreadable(text.name, text.fault))
            continue
        try:
            source = parse_source(text.raw, text.name, credentials=False)
        except ConfigError as error:
            problems += error.problems
        else:
            (tests if text.of_tests else policies).append(source)
    return PolicyFiles(tuple(policies), tuple(tests), tuple(problems))


def read_policy_files(folder: Path, name: str | None = None) -> PolicyFiles:
    """Read and parse a folder, see ``policy_texts``."""
    return parse_policies(policy_texts(folder, name))
