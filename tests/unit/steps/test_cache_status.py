"""How callers are told of the cache: RFC 9211's field, and ours."""

from __future__ import annotations

import pytest

from proxy.steps.cache_status import OFF, CacheStatus, bypass, pairs

NAME = "0123456789abcdef" * 2
TOLD = {
    "a hit": (
        CacheStatus("hit", "", NAME, ttl_s=376.9, age_s=12.7),
        f'tallygate; hit; ttl=376; key="{NAME}"',
        {"x-tally-cache": "hit", "age": "12"},
    ),
    "a near one": (
        CacheStatus("near", "", NAME, is_near=True, ttl_s=1.0),
        f'tallygate; hit; ttl=1; key="{NAME}"; detail=near',
        {"x-tally-cache": "near", "age": "0"},
    ),
    "one that was on its way": (
        CacheStatus("coalesced", "", NAME, ttl_s=60.0),
        f'tallygate; fwd=miss; collapsed; key="{NAME}"',
        {"x-tally-cache": "coalesced", "age": "0"},
    ),
    "a miss": (CacheStatus("miss", "", NAME), f'tallygate; fwd=miss; key="{NAME}"', {"x-tally-cache": "miss"}),
    "no cache there": (
        CacheStatus("miss", "away", NAME),
        f'tallygate; fwd=miss; key="{NAME}"; detail=away',
        {"x-tally-cache": "miss", "x-tally-cache-reason": "away"},
    ),
    "a fresh one wanted": (
        CacheStatus("refresh", "no-cache", NAME),
        f'tallygate; fwd=request; key="{NAME}"; detail=no-cache',
        {"x-tally-cache": "miss", "x-tally-cache-reason": "no-cache"},
    ),
    "passed by": (
        bypass("temperature"),
        "tallygate; fwd=bypass; detail=temperature",
        {"x-tally-cache": "bypass", "x-tally-cache-reason": "temperature"},
    ),
    "counted": (
        CacheStatus("shadow-hit", "shadow", NAME, is_near=True),
        f'tallygate; fwd=bypass; key="{NAME}"; detail=shadow',
        {"x-tally-cache": "shadow-hit", "x-tally-cache-reason": "shadow"},
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_every_outcome_is_told_as_the_rfc_writes_it(name: str) -> None:
    status, member, others = TOLD[name]
    told = {key.decode(): value.decode() for key, value in pairs(status)}
    assert told == {"cache-status": member, **others}


def test_an_answer_that_is_kept_is_told_so() -> None:
    told = dict(pairs(CacheStatus("miss", "", NAME), is_stored=True))
    assert told[b"cache-status"] == f'tallygate; fwd=miss; stored; key="{NAME}"'.encode()


def test_where_nothing_is_reused_there_is_no_cache_to_speak_of() -> None:
    assert pairs(OFF) == [(b"x-tally-cache", b"off")]
