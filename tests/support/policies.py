"""Policies to load: a company with teams, people and keys, its upstreams, and policy files as strings."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from proxy.app.known_models import known_of
from proxy.config.directory import Directory
from proxy.config.directory_loader import load_directory
from proxy.config.every_upstream import every_upstream
from proxy.config.problems import ConfigError, Problem
from proxy.config.yaml_source import parse_source
from proxy.metering.table import PriceTable
from proxy.policy.known import Known
from proxy.policy.load import load
from proxy.policy.loaded import Loaded

EXAMPLE = Path(__file__).parents[1] / "unit" / "policy" / "example"
NOW = 1_795_430_000.0  # 2026-11-23, in the exemption of the example
DETECTORS = ("pii.email", "pii.phone", "pii.iban", "pii.card", "secrets.aws-access-key")


@cache
def acme() -> Directory:
    """The example's directory."""
    return load_directory(EXAMPLE / "directory.yaml", b"")


@cache
def known() -> Known:
    """What the example's upstreams serve."""
    return known_of(every_upstream(EXAMPLE / "tallygate.yaml", {}), PriceTable.load(), DETECTORS)


def loaded(files: Mapping[str, str], *, now: float = NOW, notes: bool = False) -> Loaded:
    """Load files by name; those below ``tests/`` are tests."""
    sources = [parse_source(text.encode(), name, credentials=False) for name, text in files.items()]
    return load(
        [source for source in sources if not source.file.startswith("tests/")],
        acme(),
        known(),
        tests=[source for source in sources if source.file.startswith("tests/")],
        now=now,
        generation="g1",
        notes=notes,
    )


def policy(rules: str, head: str = "") -> str:
    """Write a policy named ``p`` around rules, which are indented by two."""
    return f"kind: Policy\nname: p\nowner: sec@acme.example\n{head}rules:\n{rules}"


def problems(files: Mapping[str, str]) -> tuple[Problem, ...]:
    """Load what cannot be loaded."""
    with pytest.raises(ConfigError) as caught:
        loaded(files)
    return caught.value.problems


def refusal(rules: str, head: str = "") -> str:
    """Say why a policy is refused, with the places of all problems."""
    with pytest.raises(ConfigError) as caught:
        loaded({"p.yaml": policy(rules, head)})
    return str(caught.value)
