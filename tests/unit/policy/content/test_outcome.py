"""What is told of findings names rules and detectors, and never what was found."""

from __future__ import annotations

import msgspec
import pytest

from proxy.domain.decision import Decision, Kind
from proxy.domain.trace import Note, Said
from proxy.policy.content.contents import Contents
from proxy.policy.content.outcome import judged, judged_unread
from proxy.policy.content.pack import PACK
from tests.support.contents import KEY, MAIL, make_wish

CONTENTS = Contents(PACK)
NOTE = Note("org/no-secrets", "inspect", "policies/org.yaml:7", "enforce", Said.INSPECT, "secrets in the prompt: deny")
DECISION = Decision("d_1", "g1", trace=(NOTE,))


def test_a_denial_names_the_rule_what_it_found_how_often_and_whom_to_ask() -> None:
    wish = make_wish(find=("secrets", "pii.email"), message="Rotate it.")
    decision = judged(DECISION, CONTENTS.look([f"{KEY} {KEY} {MAIL}"], [wish]), "prompt")
    (denial,) = decision.denials
    assert denial.kind is Kind.CONTENT
    assert denial.message == (
        "org/no-secrets found pii.email and secrets.aws-access-key (2 times) in the prompt; nothing was forwarded. "
        "Rotate it. Ask sec@acme.example."
    )


def test_the_trace_says_the_same_in_every_mode() -> None:
    traces = set()
    for mode in ("audit", "warn", "enforce"):
        decision = judged(DECISION, CONTENTS.look([KEY], [make_wish(mode=mode)]), "prompt")
        traces.add(decision.trace)
        assert bool(decision.denials) == (mode == "enforce")
        assert bool(decision.warnings) == (mode == "warn")
    ((note,),) = traces
    assert note.detail == "secrets in the prompt: deny; found secrets.aws-access-key in the prompt"


def test_the_order_of_rules_does_not_matter() -> None:
    wishes = [make_wish(rule=name) for name in ("org/b", "org/a")]
    first = judged(DECISION, CONTENTS.look([KEY], wishes), "prompt")
    assert first == judged(DECISION, CONTENTS.look([KEY], wishes[::-1]), "prompt")
    assert [denial.rule for denial in first.denials] == ["org/a", "org/b"]


def test_nothing_found_changes_nothing() -> None:
    assert judged(DECISION, CONTENTS.look(["hi"], [make_wish()]), "prompt") is DECISION


@pytest.mark.parametrize("text", [KEY, MAIL])
def test_what_was_found_is_told_nowhere(text: str) -> None:
    for mode in ("audit", "warn", "enforce"):
        looked = CONTENTS.look([text], [make_wish(find=("secrets", "pii"), mode=mode)])
        told = repr(judged(DECISION, looked, "prompt")) + repr(looked)
        assert text not in told


def test_what_cannot_be_read_is_refused_by_rules_in_force_alone() -> None:
    for mode, denied, warned in (("enforce", 1, 0), ("warn", 0, 1), ("audit", 0, 0)):
        decision = judged_unread(DECISION, [make_wish(mode=mode)], "it is sealed", "prompt")
        assert (len(decision.denials), len(decision.warnings)) == (denied, warned)
        assert decision.trace == (
            msgspec.structs.replace(NOTE, detail=f"{NOTE.detail}; prompt not read: it is sealed"),
        )
