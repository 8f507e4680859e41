"""``find:`` names groups, detectors and a company's own."""

from __future__ import annotations

import pytest

from proxy.policy.content.choice import choose
from proxy.policy.content.own import own_detector
from proxy.policy.content.pack import PACK

ALL = (*PACK, own_detector("employee-id", "pii", r"\bE\d{7}\b"))


def test_a_group_is_all_of_it_own_detectors_included() -> None:
    assert choose(ALL, ["pii"]) == tuple(each for each in ALL if each.group == "pii")
    assert "employee-id" in {each.name for each in choose(ALL, ["pii"])}


@pytest.mark.parametrize(
    "asked", ["secrets.aws-access-key", "aws-access-key", "pii.email", "employee-id", "pii.employee-id"]
)
def test_a_detector_is_asked_for_by_its_name_or_full_name(asked: str) -> None:
    assert {each.name for each in choose(ALL, [asked])} == {asked.rpartition(".")[2]}


def test_all_forms_of_one_thing_share_its_name() -> None:
    assert len(choose(ALL, ["pii.phone"])) == 2


def test_the_order_and_repetition_of_what_is_asked_never_matter() -> None:
    assert choose(ALL, ["pii.email", "secrets", "pii.email"]) == choose(ALL, ["secrets", "email"])


@pytest.mark.parametrize(("asked", "word"), [("pii.emial", "pii.email"), ("secret", "secrets"), ("zzz", "a group")])
def test_an_unknown_name_is_an_error_with_a_useful_word(asked: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        choose(ALL, [asked])


def test_a_group_does_not_lend_its_names_to_another() -> None:
    with pytest.raises(ValueError, match=r"secrets\.email"):
        choose(ALL, ["secrets.email"])
