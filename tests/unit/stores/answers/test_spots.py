"""Names of the cache's keys."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st
from redis.crc import key_slot

from proxy.stores.answers.spots import is_name, spot_of, tag_of
from tests.support.cached import a_key

NAMES = st.text("ab|{}%7cd:", max_size=6)


@given(NAMES, NAMES, NAMES, NAMES)
def test_no_two_scopes_have_one_tag(org: str, scope: str, other_org: str, other_scope: str) -> None:
    assume((org, scope) != (other_org, other_scope))
    assert tag_of(org, scope) != tag_of(other_org, other_scope)


@given(NAMES, NAMES, NAMES)
def test_all_keys_of_a_scope_lie_in_one_slot(org: str, scope: str, caller: str) -> None:
    first, second = (spot_of(a_key(text, org=org, scope=scope)) for text in "ab")
    keys = [first.generation, first.entry, first.lease, first.mark(caller), second.entry]
    assert len({key_slot(key.encode()) for key in keys}) == 1


def test_a_name_is_what_a_key_could_have_and_nothing_else() -> None:
    assert is_name(a_key().name)
    for text in ("", "g", a_key().name + "\n", a_key().name.upper(), a_key().name + "0", "*" * 32):
        assert not is_name(text)
