"""Spans of time as people say them."""

from __future__ import annotations

import pytest

from proxy.journal.span import instant

NOW = 1_795_424_400.0  # 2026-11-23T09:00:00Z
DAY = 86_400


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("24h", NOW - DAY),
        ("30d", NOW - 30 * DAY),
        ("2w", NOW - 14 * DAY),
        (" Today ", NOW - 9 * 3600),
        ("yesterday", NOW - 9 * 3600 - DAY),
        ("2026-11-01", NOW - 9 * 3600 - 22 * DAY),
        ("2026-11-23T10:00:00+01:00", NOW),
        ("2026-11-23T09:00:00Z", NOW),
    ],
)
def test_a_time_is_read_as_it_is_meant(said: str, at: float) -> None:
    assert instant(said, NOW) == at


@pytest.mark.parametrize("said", ["", "soon", "30", "d", "3y", "-1d", "2026-13-01", "9" * 30 + "d"])
def test_what_is_no_time_is_refused_with_examples(said: str) -> None:
    with pytest.raises(ValueError, match="24h, 30d"):
        instant(said, NOW)
