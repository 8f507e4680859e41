"""What holds for the canonical form of any text."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.dedup.canonical import LARGEST, Form, canonical, compile_volatile, masked_only, steps
from proxy.dedup.timeliness import is_time_sensitive

WORDS = [
    "the",
    "a",
    "of",
    "is",
    "are",
    "do",
    "how",
    "what",
    "who",
    "I",
    "i",
    "you",
    "can",
    "could",
    "please",
    "write",
    "explain",
    "list",
    "It",
    "it's",
    "what's",
    "don't",
    "I'm",
    "hello",
    "Hello,",
    "Hi",
    "team,",
    "thanks",
    "Thanks!",
    "please,",
    "door",
    "house",
    "fees",
    "5",
    "$40",
    "10%",
    "car,",
    "end.",
    "why?",
    "stop!",
    "Bob",
    "Polish",
    "in",
    "on",
    "for",
    "if",
    "my",
    "and",
    "that",
    "this",
    "not",
    "2",
    "3.5",
    "Mr.",
]
PROSE = st.lists(
    st.sampled_from([*WORDS, "", "\t", "\n", ":", "?", ".", "\u00a0", "\u200b", "e\u0301"]), max_size=24
).map(" ".join)
TEXTS = PROSE | st.text(max_size=80) | st.text("aI .,!?'-:\n\t\r1$[]{}\"\u00a0", max_size=40)


def prompt_of(form: Form) -> str:
    """Give the plainest prompt that a form stands for."""
    if form.tag != "near":
        return form.text
    _, head, tail = form.text.split("\x1f", 2)
    return head + tail


@settings(max_examples=400)
@given(TEXTS)
@example("Hello, could you please explain how a heap works?, please")
@example("Please, hello, what's the time of it? Thanks")
@example("\n\r\n")
def test_the_form_of_what_a_form_stands_for_is_that_form(text: str) -> None:
    form = canonical(text)
    again = canonical(prompt_of(form))
    assert again[:2] == form[:2]


@settings(max_examples=400)
@given(PROSE, st.data())
def test_another_digit_or_sign_or_capital_inside_is_another_form(text: str, data: st.DataObject) -> None:
    places = [at for at, each in enumerate(text) if each in "0123456789$%-+"]
    if places:
        at = data.draw(st.sampled_from(places))
        other = data.draw(st.sampled_from([each for each in "0123456789$%-+" if each != text[at]]))
        assert canonical(text[:at] + other + text[at + 1 :])[:2] != canonical(text)[:2]


@settings(max_examples=300)
@given(
    st.text(max_size=40),
    st.text(max_size=40),
    st.sampled_from(["Explain what this does: ", "What is it in the code?\n"]),
)
def test_every_character_of_a_payload_counts(one: str, other: str, instruction: str) -> None:
    same = canonical(instruction + "x" + one + "x")[:2] == canonical(instruction + "x" + other + "x")[:2]
    assert same == (one == other or _only_line_ends_differ(instruction + one, instruction + other))


def _only_line_ends_differ(one: str, other: str) -> bool:
    r"""Tell whether two texts differ in ``\r\n`` against ``\n`` throughout."""
    return "\r" in one + other and one.replace("\r\n", "\n") == other.replace("\r\n", "\n")


@settings(max_examples=300)
@given(
    st.sampled_from(["What is in ", "Explain the use of ", "How do I read "]),
    st.text("abcXYZ019_.-+=/<>[]{}()`\"';&|$#@!", min_size=1, max_size=12),
    st.text("abcXYZ019_.-+=/<>[]{}()`\"';&|$#@!", min_size=1, max_size=12),
)
def test_every_character_of_code_in_an_instruction_counts(start: str, one: str, other: str) -> None:
    first, second = f"{start}{one} in the code", f"{start}{other} in the code"
    assert (canonical(first)[:2] == canonical(second)[:2]) == (one == other)


@given(TEXTS)
def test_a_form_without_telemetry_masks_nothing_and_steps_end_with_the_form(text: str) -> None:
    form = canonical(text)
    assert form.masked == ()
    *_, last = steps(text)
    assert (last.name, last.text) == form[:2]


def test_a_form_cannot_be_forged_with_its_own_separator() -> None:
    form = canonical("How do I paint the door of a car")
    assert canonical(form.text)[:2] != form[:2]
    assert canonical("How do I paint the\x1fdoor of a car").tag == "verbatim"


def test_a_text_above_the_limit_is_verbatim() -> None:
    text = "How do I paint the door? " * 400
    assert len(text) > LARGEST
    assert canonical(text) == Form("verbatim", text)


def test_what_was_masked_is_told_to_the_guard_against_echoes() -> None:
    text = "[2026-11-08T00:38:12Z] request_id: 9df410f1-f7fa-4ae8-9238-91037db0ce0d\nHow do I paint the door of a car?"
    assert canonical(text).masked == ("2026-11-08T00:38:12Z", "9df410f1-f7fa-4ae8-9238-91037db0ce0d")


def test_a_system_text_loses_its_telemetry_and_nothing_else() -> None:
    one = masked_only("You are a SQL expert.\nBe brief.\nrequest_id: c4dfa120-baa1-3b2f-f33d-3b41b1eae2dc")
    other = masked_only("You are a SQL expert.\nBe brief.\nrequest_id: 3be7b960-ff5d-13c2-71f9-701f1a455708\n")
    assert one[:2] == other[:2]
    assert one.masked == ("c4dfa120-baa1-3b2f-f33d-3b41b1eae2dc",)
    assert masked_only("You are a SQL  expert.") != masked_only("You are a SQL expert.")
    assert masked_only("You are a SQL expert.")[:2] != masked_only("you are a SQL expert.")[:2]


def test_a_system_text_keeps_the_id_that_the_user_asks_for() -> None:
    system = "Be brief.\nrequest_id: c4dfa120-baa1-3b2f-f33d-3b41b1eae2dc"
    assert masked_only(system, beside="What is my request id?").masked == ()


@pytest.mark.parametrize(
    "asked", ["Show me your system prompt", "What happened?", "Why did it fail?", "Tell me the id"]
)
def test_a_system_text_that_is_asked_about_keeps_all(asked: str) -> None:
    system = "Be brief.\nrequest_id: c4dfa120-baa1-3b2f-f33d-3b41b1eae2dc"
    assert masked_only(system, beside=asked).masked == ()


@pytest.mark.parametrize(
    "text",
    [
        "Hi, explain how a heap works. Thanks!",
        "Please explain how a heap works. Thank you.",
        "Hello! Could you please explain how a heap works? Thanks in advance",
    ],
)
def test_courtesy_at_both_edges_goes(text: str) -> None:
    assert canonical(text) == canonical("explain how a heap works")


@pytest.mark.parametrize("label", ["Build", "Build:", " Build = "])
def test_an_operators_label_may_be_written_with_its_mark(label: str) -> None:
    own = compile_volatile([label])
    one, other = (canonical(f"Build: {number}\nExplain how a heap works", own) for number in (7701, 7702))
    assert (one.tag, one.text) == (other.tag, other.text)


def test_an_identity_document_is_not_a_request_id() -> None:
    system = "Be brief.\nrequest_id: c4dfa120-baa1-3b2f-f33d-3b41b1eae2dc"
    assert masked_only(system, beside="Why do you need a copy of my ID card for the account?").masked


def test_the_days_of_clock_times_stay() -> None:
    one = masked_only("Be brief.\nCurrent time: 2026-11-08T11:00:00Z")
    assert one[:2] == masked_only("Be brief.\nCurrent time: 2026-11-08T12:00:00Z")[:2]
    assert one[:2] != masked_only("Be brief.\nCurrent time: 2026-11-09T11:00:00Z")[:2]


def test_an_operators_own_label_is_masked_where_nothing_speaks_of_it() -> None:
    build = compile_volatile(("Build", "a(b"))
    one = canonical("Build: 17 of Monday\nHow do I paint the door of a car?", build)
    assert one[:2] == canonical("build: 18\nHow do I paint the door of a car?", build)[:2]
    assert one.masked == ("17 of Monday",)
    assert canonical("Build: 17\nWhy does the build break on my car?", build).masked == ()
    assert canonical("a(b: 17\nHow do I paint the door of a car?", build).masked == ("17",)


@pytest.mark.parametrize(
    "text",
    [
        "What is the weather in Rome?",
        "Who is the president of France",
        "What did the stock do on Monday",
        "latest version of Go",
        "How old is she",
        "Is it open until nine",
        "What's the price of gold",
    ],
)
def test_a_prompt_about_now_is_time_sensitive(text: str) -> None:
    assert is_time_sensitive(text)


@pytest.mark.parametrize(
    "text", ["Write a function to sort a list", "How do I paint a door?", "Explain how a heap works"]
)
def test_a_timeless_prompt_is_not_time_sensitive(text: str) -> None:
    assert not is_time_sensitive(text)


UNITS = [
    *("-", ".", '"', "`", "<", "[", "'a", "\t", ":", "please ", "thanks ", "a ", "I ", " ", "\n", "? ", "!", "hello, ", "can you "),
    *("1 ", "1\u00a0", "\u200b", "e\u0301", "it's ", "A b. ", "the. ", "[", "{", '{"a":', "<ts>", "\r\n", "\r", "a/b ", "(a) ", "$1 "),
    *("how many ", "select from ", "request_id: a1b2c3d4e5f6g7\n", "2026-01-01T00:00:00Z ", "\ufb01", "who is the a ", "x", "day "),
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("judge", [canonical, masked_only, is_time_sensitive])
@pytest.mark.parametrize("start", ["", "what is the a of it ", "request_id: "])
def test_no_text_takes_more_than_its_share(unit: str, judge: Callable[[str], object], start: str) -> None:
    """Twice the text, at most about twice the work: a quadratic step would take four times as long at every doubling."""
    small, large = ((start + unit * (size // len(unit)))[:size] for size in (1024, LARGEST))
    growth = _work(judge, large) / _work(judge, small)
    assert growth < 4 * LARGEST / 1024


def _work(judge: Callable[[str], object], text: str) -> float:
    """Give the CPU seconds of the quickest of some runs: a ratio of two of them is a fact about growth, not about time."""

    def once() -> float:
        began = time.process_time_ns()
        judge(text)
        return float(time.process_time_ns() - began)

    return max(1_000.0, min(once() for _ in range(5)))
