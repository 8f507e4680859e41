"""Names of the cache's keys."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st
from redis.crc import key_slot

from proxy.stores.answers.spots import BUCKETS, buckets_of, is_name, place_of, spot_of
from tests.support.cached import a_key

NAMES = st.text("ab|{}%7cd:", max_size=6)


@given(NAMES, NAMES, NAMES, NAMES)
def test_no_two_scopes_have_keys_in_common(org: str, scope: str, other_org: str, other_scope: str) -> None:
    assume((org, scope) != (other_org, other_scope))
    one, other = place_of(org, scope), place_of(other_org, other_scope)
    assert one.generations[1] != other.generations[1]
    assert not one.prefix.startswith(other.prefix)
    assert org == other_org or one.generations[0] != other.generations[0]


@given(NAMES, NAMES, NAMES)
def test_all_keys_of_a_scope_lie_in_one_slot(org: str, scope: str, caller: str) -> None:
    first, second = (spot_of(a_key(text, org=org, scope=scope)) for text in "ab")
    keys = {*first.place.generations, *first.names, first.mark(caller), *second.names}
    assert len(keys) == 9
    assert len({key_slot(key.encode()) for key in keys}) == 1


def test_an_org_has_few_buckets_and_they_are_all_in_use() -> None:
    places = [place_of("acme", f"user:p_{number}") for number in range(500)]
    assert {(place.tag, place.generations[0]) for place in places} == set(buckets_of("acme"))
    assert len({place.tag for place in places}) == BUCKETS


def test_a_name_is_what_a_key_could_have_and_nothing_else() -> None:
    assert is_name(a_key().name)
    for text in ("", "g", a_key().name + "\n", a_key().name.upper(), a_key().name + "0", "*" * 32):
        assert not is_name(text)
