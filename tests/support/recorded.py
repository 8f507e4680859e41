"""Recorded exchanges with the usage they must yield, and what may happen to their bytes on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from hypothesis import strategies as st

from proxy.dialects.base import Tap
from proxy.domain.usage import Usage
from tests.support.scripts import fixture_body
from tests.support.shared import shared_dir

_MODEL_FIELDS = ("model", "input", "output", "cached_read", "cache_write")


def recorded(api: str) -> Iterator[dict[str, Any]]:
    """The shared recordings of one API; none where the folder is missing."""
    folder = shared_dir()
    for file in sorted((folder / "usage-fixtures").glob("*.json")) if folder else ():
        exchange: dict[str, Any] = json.loads(file.read_bytes())
        if exchange["api"] == api:
            yield exchange


def differences(exchange: dict[str, Any], usage: Usage) -> dict[str, Any]:
    """What a reading has otherwise than expected: field to (read, expected)."""
    read, expected = msgspec.structs.asdict(usage), exchange["expected"]
    read["by_model"] = [{name: getattr(share, name) for name in _MODEL_FIELDS} for share in usage.by_model]
    wanted = {name: value for name, value in expected.items() if name in read} | {
        "by_model": expected.get("by_model", [])
    }
    return {name: (read[name], value) for name, value in wanted.items() if read[name] != value}


def cuts(size: int) -> st.SearchStrategy[list[int]]:
    """Places where a stream may be split."""
    return st.lists(st.integers(0, size), max_size=12).map(sorted)


def fed(tap: Tap, data: bytes, places: list[int]) -> Tap:
    """The tap after the pieces of a stream."""
    for start, end in zip([0, *places], [*places, len(data)], strict=True):
        tap.feed(data[start:end])
    return tap


def read_both(exchange: dict[str, Any], make: Callable[[], Tap], places: list[int], *, crlf: bool) -> Iterator[Tap]:
    """The taps of a stream split at ``places``, or of a body given as one and in pieces."""
    data = fixture_body(exchange, crlf=crlf)
    yield fed(make(), data, [place for place in places if place <= len(data)])
    if not exchange["stream"]:
        tap = make()
        tap.body(data)
        yield tap
