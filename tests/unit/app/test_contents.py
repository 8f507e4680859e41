"""A generation looks for what its rules name, and is not compiled again for the same."""

from __future__ import annotations

from proxy.app.contents import contents_of, detectors_of
from proxy.policy.content.own import own_detector
from proxy.policy.content.pack import PACK
from proxy.policy.rule import PolicySet
from proxy.policy.terms import Deny, Inspect
from tests.support.contents import KEY, MAIL, make_wish
from tests.support.rules import make_rule

SECRETS = make_rule(Inspect(("secrets",)))
ANSWERS = make_rule(Inspect(("pii",), places=("prompt", "answer")), "org/answers")
BADGE = own_detector("badge", "pii", r"\bE\d{7}\b")


def test_what_no_rule_names_is_not_looked_for() -> None:
    contents = contents_of(PolicySet("g1", (SECRETS, make_rule(Deny("no"), "org/no"))))
    assert contents.look([KEY], [make_wish()]).found
    assert contents.watch.scanner.detectors == ()
    assert contents_of(PolicySet("g1")).look([KEY, MAIL], []).findings == {}


def test_a_companys_own_detectors_belong_to_their_group() -> None:
    said = PolicySet("g1", (ANSWERS,), (), (BADGE,))
    assert detectors_of(said) == (*PACK, BADGE)
    wish = make_wish(find=("pii",), places=("prompt", "answer"))
    assert contents_of(said).look(["E1234567"], [wish], "answer").found == ((wish, ("pii.badge",)),)
    assert BADGE in contents_of(said).watch.scanner.detectors


def test_a_reload_compiles_only_what_has_changed() -> None:
    before = contents_of(PolicySet("g1", (SECRETS, ANSWERS)))
    assert contents_of(PolicySet("g2", (ANSWERS, make_rule(Inspect(("secrets",)), "org/other"))), before) is before
    assert contents_of(PolicySet("g2", (SECRETS,)), before) is not before
    assert contents_of(PolicySet("g2", (SECRETS, ANSWERS), (), (BADGE,)), before) is not before
