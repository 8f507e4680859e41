"""What only the whole file can tell of ``passthrough:``: upstreams that do not exist, and patterns that are taken."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from proxy.config.passthrough import Entry, twice
from proxy.config.problems import Problem, did_you_mean
from proxy.config.yaml_nodes import locate
from proxy.config.yaml_source import Source


def misplaced(source: Source, entries: tuple[Entry, ...], upstreams: Collection[str]) -> list[Problem]:
    """Find entries that lead nowhere, and patterns that an earlier entry has."""
    found = []
    for entry in entries:
        if entry.upstream not in upstreams:
            mark, _ = locate(source.root, ("passthrough", entry.name, "upstream"))
            hint = did_you_mean(entry.upstream, upstreams) or f"known are {', '.join(sorted(upstreams)) or 'none'}"
            message = "there is no such upstream"
            found.append(source.problem(mark, f"passthrough.{entry.name}.upstream", message, hint))
    for entry, pattern, earlier in twice(entries):
        place = ("passthrough", entry.name, "paths", entry.paths.index(pattern))
        mark, _ = locate(source.root, place)
        message = f"{pattern} is let through by {earlier.name!r} already"
        found.append(source.problem(mark, f"passthrough.{entry.name}.paths", message, "keep one of them"))
    return found


def in_force(entries: tuple[Entry, ...], off: Mapping[str, str]) -> tuple[tuple[Entry, ...], list[str]]:
    """Give the entries whose upstream is on, and a line for each other."""
    notes = [
        f"passthrough {entry.name} is off with its upstream {entry.upstream}"
        for entry in entries
        if entry.upstream in off
    ]
    return tuple(entry for entry in entries if entry.upstream not in off), notes
