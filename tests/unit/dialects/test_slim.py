"""JSON that passes in pieces loses its base64 and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.slim import LONGEST, Slimmer, slim
from tests.support.recorded import cuts

PICTURE = "iVBORw0KGgo" * 20_000  # 220 KB, as base64 has it
TEXT = 'a "quoted" \\ text with \u00fc, \U0001f600 and a line\n'


def in_pieces(data: bytes, places: list[int]) -> bytes:
    slimmer = Slimmer()
    stops = [min(place, len(data)) for place in places]
    pieces = [data[start:end] for start, end in zip([0, *stops], [*stops, len(data)], strict=True)]
    return b"".join([slimmer.feed(piece) for piece in pieces]) + slimmer.flush()


@pytest.mark.parametrize("escape", ["", "/", "\\u002b"])
@pytest.mark.parametrize("ascii_only", [True, False])
@given(places=cuts(500_000))
def test_what_is_left_is_the_same_json_with_shorter_pictures(
    escape: str, places: list[int], *, ascii_only: bool
) -> None:
    value: dict[str, Any] = {
        "data": [{"b64_json": PICTURE, "revised_prompt": TEXT}, {"b64_json": PICTURE}],
        "usage": {"input_tokens": 7},
    }
    text = json.dumps(value, ensure_ascii=ascii_only)
    if escape:  # as PHP escapes slashes, and others what may stand in HTML
        text = text.replace("GgoiVBORw", ("Ggo\\/" if escape == "/" else "Ggo" + escape) + "iVBORw")
    left = in_pieces(text.encode(), places)
    read = json.loads(left)
    assert read["usage"] == value["usage"]
    assert read["data"][0]["revised_prompt"] == TEXT
    assert len(read["data"]) == 2
    if escape in ("", "/"):
        assert len(left) < 100_000


@given(st.binary(max_size=LONGEST * 3), cuts(LONGEST * 3))
def test_short_runs_pass_untouched_and_nothing_raises(data: bytes, places: list[int]) -> None:
    left = in_pieces(data, places)
    if all(len(run) <= LONGEST for run in data.split(b'"')):
        assert left == data
    assert slim(data).count(b'"') == data.count(b'"')
