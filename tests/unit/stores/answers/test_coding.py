"""Entries as bytes: every entry survives, and no bytes are an error."""

from __future__ import annotations

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.domain.reuse import MOST_BYTES
from proxy.stores.answers.coding import pack, unpack
from tests.support.cached import a_key, an_entry

KEY = a_key()
GENERATION = b"1795435200000000"


@given(st.binary(max_size=200), st.integers(0, 400))
@settings(max_examples=300)
def test_no_bytes_are_an_error(noise: bytes, at: int) -> None:
    parcel = pack(an_entry(KEY))
    assert parcel is not None
    value = parcel.head + GENERATION + parcel.rest
    assert unpack(value) == an_entry(KEY)
    for poisoned in (noise, value[:at] + noise + value[at + len(noise) :], value[:at]):
        found = unpack(poisoned)
        assert found is None or found.body == an_entry(KEY).body  # zlib's checksum is over all that matters


@given(st.binary(max_size=3000), st.text(max_size=50), st.floats(0.001, 1e9), st.booleans())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_every_entry_survives_its_packing(body: bytes, model: str, ttl_s: float, is_shadow: bool) -> None:  # noqa: FBT001 - drawn
    entry = an_entry(KEY, body=body, model=model, ttl_s=ttl_s, is_shadow=is_shadow)
    parcel = pack(entry)
    assert parcel is not None
    found = unpack(parcel.head + GENERATION + parcel.rest)
    assert found is not None
    assert msgspec.structs.replace(found, ttl_s=ttl_s) == entry
    assert abs(found.ttl_s - min(ttl_s, 2**32 / 1000)) < 0.002


def test_an_entry_may_be_as_large_as_is_said_and_no_larger() -> None:
    over = len(msgspec.msgpack.encode([*["x"] * 3, b"x" * 32, 0.0, {}])) + 3000
    assert pack(an_entry(KEY, body=b"x" * (MOST_BYTES - over))) is not None
    assert pack(an_entry(KEY, body=b"x" * MOST_BYTES)) is None
    assert pack(an_entry(KEY, ttl_s=0)) is None
    assert pack(an_entry(KEY, digest=b"short")) is None
