"""A text that stays verbatim, or a step that did not happen: the reason names the words that it was seen by."""

from __future__ import annotations

import pytest

from proxy.dedup.canonical import compile_volatile, parts_of, steps

ID = "request_id: 95ee679a-3f62-4c1b-871f-70e48d612559"


def told(text: str, beside: str = "") -> list[str]:
    return [f"{step.name}: {step.why}" for step in steps(text, compile_volatile(["Build"]), beside=beside)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("How do I check the spelling of my name?", 'the text speaks of form or wording ("spelling")'),
        ("Write it in lower case, letter by letter", 'the text speaks of form or wording ("letter")'),
        ("Write the name of the town in upper case", 'the text speaks of form or wording ("case", "upper")'),
        ("Give me the answer as is and no more", 'the text speaks of form or wording ("as is")'),
        ("What did I just type when you were away?", 'the text speaks of form or wording ("did i just type")'),
        ("What is this text about and who wrote it", 'the text speaks of form or wording ("this text")'),
        ("I am late for the train in Dutch", '("in dutch")'),
        ("Is the house in the list below the old one", 'nothing shows where it begins ("below")'),
        ("What does os.path.join do in the code of a man", '("os.path.join")'),
        ("What does the girl like in the house of myClass", '("myClass")'),
        ("What is the area of a room with 3 m²", 'a character that prose does not need ("²")'),
        ("docker is what the man of the house wants", 'a command, or a verb that takes a text ("docker")'),
        ("le chat est in the house and on the roof", 'perhaps not English ("est")'),
        ('{"task": "tell me what to do with the first of them"}', 'JSON whose form may matter ("first")'),
    ],
)
def test_a_verbatim_text_is_told_with_the_words_that_made_it_so(text: str, reason: str) -> None:
    *_, why, last = told(text)
    assert why.startswith("verbatim: ")
    assert why.endswith(reason)
    assert last == "verbatim: every character counts"


@pytest.mark.parametrize(
    ("beside", "reason"),
    [
        ("Classify what the user says.", 'makes it payload ("classify")'),
        ("Mind the whitespace.", 'speaks of blanks or characters ("whitespace")'),
        ("Answer in lower case.", 'makes it payload ("case", "lower")'),
    ],
)
def test_an_instruction_beside_the_text_is_told_with_its_words(beside: str, reason: str) -> None:
    assert told("How do I paint a door?", beside)[-2].endswith(reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Hello, what is the best song of the band?", 'courtesy: it stays, for the text may speak of it ("band", "song")'),
        (f"{ID}\nWhat do the logs of the server say?", 'telemetry: it stays, for the text may speak of it ("logs", "server")'),
        ("Build: 77\nWhat is new in the build of the house?", 'telemetry: it stays, for the text may speak of it ("build")'),
        ("What does the man say to me!", 'ending: it stays, for it may be that of an utterance ("say")'),
        ("Who is in the cast of the movie?", 'for a title may open the sentence ("cast", "movie")'),
    ],
)  # fmt: skip
def test_a_step_that_a_word_forbade_names_the_word(text: str, reason: str) -> None:
    assert any(one.endswith(reason) for one in told(text)), told(text)


def test_a_form_is_read_as_its_days_its_instruction_and_its_payload() -> None:
    *_, form = steps("[2026-11-08T00:38:12Z] Explain how the door of a car is made: a\x1fb")
    assert parts_of(form.name, form.text) == ("2026-11-08Z", "explain how the door of a car is made", ": a\x1fb")
    assert parts_of("verbatim", "a\x1fb") == ("a\x1fb",)
