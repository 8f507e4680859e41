"""Findings that overlap give way to each other, however many there are, and places in bytes become places in characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.content.findings import Finding, in_characters, resolve
from proxy.policy.content.pack import PACK

DETECTORS = [
    next(one for one in PACK if one.group == "secrets"),
    next(one for one in PACK if one.group != "secrets"),
]
FINDINGS = st.lists(
    st.builds(
        lambda start, length, detector: Finding(start, start + length, detector),
        st.integers(0, 30),
        st.integers(1, 9),
        st.sampled_from(DETECTORS),
    )
)


@given(FINDINGS)
def test_each_stands_that_overlaps_none_of_those_before_it(found: list[Finding]) -> None:
    standing: list[Finding] = []
    for one in sorted(found, key=lambda one: (one.detector.group != "secrets", one.start - one.end)):
        if all(one.end <= other.start or other.end <= one.start for other in standing):
            standing.append(one)
    assert resolve(found) == tuple(sorted(standing, key=lambda one: one.start))


def test_a_prompt_of_nothing_but_findings_is_no_stop() -> None:
    """By pairs these would be compared twenty thousand million times."""
    found = [Finding(4 * at, 4 * at + 3, DETECTORS[1]) for at in range(200_000)]
    assert resolve(found) == tuple(found)
    text = "é" * 200_000
    places = [Finding(2 * at, 2 * at + 2, DETECTORS[1]) for at in range(200_000)]
    assert in_characters(places, text.encode())[-1] == Finding(199_999, 200_000, DETECTORS[1])


@given(st.text("aé€😀", max_size=30), st.data())
def test_places_in_bytes_become_places_in_characters(text: str, data: st.DataObject) -> None:
    starts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    meant = [Finding(start, data.draw(st.integers(start, len(text))), DETECTORS[0]) for start in starts]
    as_bytes = [Finding(len(text[: one.start].encode()), len(text[: one.end].encode()), one.detector) for one in meant]
    assert in_characters(as_bytes, text.encode()) == meant
