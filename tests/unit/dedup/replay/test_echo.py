"""An answer that repeats what was masked in its prompt is never kept, however it writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dedup.replay import unstorable
from tests.support.retelling import SAMPLES, chat, stored


@pytest.mark.parametrize(
    ("masked", "said"),
    [
        ("req_7Kq2", "Your request req_7Kq2 failed."),
        ("req_7Kq2", "Request **REQ_7KQ2** failed."),
        ("4bf92f35-77b3-4da6", "trace 4bf92f3577b34da6"),
        ("4bf92f3577b34da6", "trace 4bf9-2f35-77b3-4da6"),
        ("2026-11-23T15:07:41Z", "It is 15:07 now."),
        ("2026-11-23T15:07:41Z", "It is 3:07 pm."),
        ("2026-11-23 03:07", "It is 15.07."),
        ("15:07:41", "At 15 07 the train leaves."),
        ("42", 'He said: "42"'),
    ],
)
def test_other_case_separators_and_clocks_are_repeats_too(masked: str, said: str) -> None:
    assert unstorable("openai.chat", stored(chat(said)), ["another-value", masked]) == "echo"


def test_an_answer_that_repeats_nothing_is_kept() -> None:
    kept = stored(chat("The 23rd of the month, at 4:07 pm; route 415, 5:071 ratio."))
    assert unstorable("openai.chat", kept, ["req_7Kq2", "2026-11-23T15:07:41Z"]) == ""


@given(st.sampled_from(sorted(SAMPLES)), st.text(min_size=1, max_size=12).filter(str.strip), st.text(max_size=20))
def test_a_value_is_found_wherever_it_stands_in_any_form(name: str, value: str, around: str) -> None:
    api, make = SAMPLES[name]
    assert unstorable(api, stored(make(f"{around}{value}{around}.")), [value]) == "echo"


def test_a_signature_is_no_echo() -> None:
    api, make = SAMPLES["message"]
    assert unstorable(api, stored(make("Hello")), ["EqQBCg"]) == ""
