"""What was found out about tokens is remembered while it is true, within bounds, and garbage crowds out only garbage."""

from __future__ import annotations

from proxy.domain.errors import Forbidden
from proxy.domain.principal import Principal
from proxy.steps.verdicts import REFUSED_S, Refusal, Verdicts

ANN = Principal(key_id="jwt:id", org="acme", team="growth", pseudonym="p_1")
NO = Refusal(Forbidden, "no place", "claims_not_mapped")


def digest(number: int) -> bytes:
    return number.to_bytes(32)


def test_a_verdict_ends_at_its_moment() -> None:
    verdicts = Verdicts()
    verdicts.admit(digest(1), ANN, 100.0)
    verdicts.refuse(digest(2), NO, 50.0)
    assert verdicts.get(digest(1), 99.9) == ANN
    assert verdicts.get(digest(1), 100.0) is None
    assert verdicts.get(digest(2), 50.0 + REFUSED_S - 0.1) == NO
    assert verdicts.get(digest(2), 50.0 + REFUSED_S) is None
    assert verdicts.get(digest(3), 0.0) is None


def test_the_least_recently_used_is_forgotten_first() -> None:
    verdicts = Verdicts(most_admitted=2)
    verdicts.admit(digest(1), ANN, 100.0)
    verdicts.admit(digest(2), ANN, 100.0)
    verdicts.get(digest(1), 0.0)
    verdicts.admit(digest(3), ANN, 100.0)
    assert [verdicts.get(digest(number), 0.0) is not None for number in (1, 2, 3)] == [True, False, True]


def test_any_number_of_bad_tokens_takes_no_good_one_s_place() -> None:
    verdicts = Verdicts(most_admitted=3, most_refused=4)
    verdicts.admit(digest(0), ANN, 100.0)
    for number in range(1, 50):
        verdicts.refuse(digest(number), NO, 0.0)
    assert len(verdicts) == 5
    assert verdicts.get(digest(0), 1.0) == ANN


def test_every_answer_is_an_error_of_its_own() -> None:
    first, second = NO.error(), NO.error()
    assert first is not second
    assert (first.message, first.code, first.status) == ("no place", "claims_not_mapped", 403)
