"""What rules find does not depend on their modes, on each other, or on what else is compiled."""

from __future__ import annotations

from random import Random

import pytest

from proxy.policy.content.contents import Contents
from proxy.policy.content.own import own_detector
from proxy.policy.content.pack import PACK
from proxy.policy.content.vault import Vault
from tests.support.contents import KEY, MAIL, make_wish
from tests.unit.policy.content.samples import PERSONAL, SECRETS

CONTENTS = Contents(PACK)
DENY = make_wish()
MASK = make_wish(rule="org/mask", find=("pii",), then="redact", restore=True)


def test_each_rule_is_told_what_its_own_detectors_found() -> None:
    looked = CONTENTS.look([f"{KEY} of {MAIL}", None, "", MAIL], [MASK, DENY])
    assert looked.found == ((MASK, ("pii.email",)), (DENY, ("secrets.aws-access-key",)))
    assert looked.counts == ((2,), (1,))
    assert sorted(looked.findings) == [0, 3]


@pytest.mark.parametrize("mode", ["audit", "warn", "enforce"])
def test_a_rule_finds_the_same_in_every_mode(mode: str) -> None:
    rnd = Random(5)
    texts = [maker(rnd) for makers in SECRETS.values() for maker in makers] + [make(rnd) for make in PERSONAL.values()]
    wishes = [make_wish(rule=wish.rule, find=wish.find, then=wish.then, mode=mode) for wish in (DENY, MASK)]
    seen = CONTENTS.look(texts, wishes)
    in_force = CONTENTS.look(texts, [make_wish(rule=one.rule, find=one.find, then=one.then) for one in wishes])
    assert [names for _, names in seen.found] == [names for _, names in in_force.found]
    assert (seen.counts, seen.findings) == (in_force.counts, in_force.findings)
    assert seen.ruling.is_denied == (mode == "enforce")
    assert bool(seen.ruling.sides.replaced) == (mode == "enforce")


def test_a_rule_about_one_place_says_nothing_of_another() -> None:
    assert CONTENTS.look([KEY], [DENY], "answer").found == ()
    both = make_wish(places=("prompt", "answer"))
    assert CONTENTS.look([KEY], [both], "answer").found == ((both, ("secrets.aws-access-key",)),)


def test_nothing_wanted_is_nothing_looked_at() -> None:
    assert CONTENTS.look([KEY], []).findings == {}
    assert Contents(()).look([KEY], []).found == ()


def test_a_denied_detector_speaks_although_another_one_stands_in_its_place() -> None:
    contents = Contents([*PACK, own_detector("badge", "pii", r"AKIA\w{4}")])
    (found,) = contents.look([KEY], [make_wish(find=("badge",)), make_wish(rule="org/mask", then="redact")]).found[:1]
    assert found[1] == ("pii.badge",)


def test_of_one_span_that_is_to_be_replaced_and_denied_the_denial_stands() -> None:
    looked = CONTENTS.look([KEY], [DENY, make_wish(rule="team/mask", then="redact")])
    assert looked.ruling.is_denied
    assert [wish.rule for wish, _ in looked.found] == ["org/no-secrets", "team/mask"]


def test_a_value_that_one_rule_keeps_out_for_good_does_not_come_back_for_another() -> None:
    for_good = make_wish(rule="org/for-good", find=("pii.email",), then="redact")
    for wishes in ([MASK, for_good], [for_good, MASK]):
        looked = CONTENTS.look([MAIL], wishes)
        vault = Vault(b"key")
        text = vault.redact(MAIL, looked.ruling.to_replace(looked.findings[0]), lasting=looked.ruling.sides.lasting)
        assert vault.restore(text) == text != MAIL
        assert (len(vault), vault.labels) == (0, frozenset())


def test_a_rule_in_audit_replaces_nothing_and_keeps_nothing_out() -> None:
    watching = make_wish(rule="org/watching", find=("pii",), then="redact", mode="audit")
    ruling = CONTENTS.look([MAIL], [MASK, watching]).ruling
    assert ruling.sides.lasting == frozenset()
    assert CONTENTS.look([MAIL], [watching]).ruling.sides.replaced == frozenset()


def test_a_name_that_nothing_has_is_an_error_and_not_silence() -> None:
    with pytest.raises(ValueError, match="no detector is named"):
        CONTENTS.look([KEY], [make_wish(find=("secret",))])
