"""An answer that is scanned piece by piece is the answer that is scanned whole."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.content.answers import MOST_HELD, Inspection, Watch
from proxy.policy.content.escapes import Read
from proxy.policy.content.own import own_detector
from proxy.policy.content.pack import PACK
from proxy.policy.content.ruling import Ruling
from proxy.policy.content.vault import Vault
from tests.support.contents import ruling_of
from tests.unit.policy.content.samples import PERSONAL, SECRETS

DETECTORS = (
    *PACK,
    own_detector("order", "pii", r"^order [0-9 ]{4,12}$"),
    own_detector("badge", "pii", r"\bE\d{7}\b"),
)
WATCH = Watch(DETECTORS)
VALUES = [
    *(maker(Random(seed)) for seed, makers in enumerate(SECRETS.values()) for maker in makers),
    *(maker(Random(seed)) for maker in PERSONAL.values() for seed in range(4)),
    "E1234567",
    "order 1234 5",
]
NOISE = [
    "Hello, ",
    "a ",
    " ",
    "\n",
    "\\",
    "n",
    "\\n",
    '"',
    "5",
    "12 ",
    "AKIA",
    "sk-",
    "x@",
    "://",
    "-----BEGIN ",
    "E12345678",
    "é密",
    ".",
]


def redacting() -> Inspection:
    return Inspection(WATCH, ruling_of(DETECTORS, then="redact"), Vault(b"key"))


def denying(ruling: Ruling | None = None) -> Inspection:
    return Inspection(WATCH, ruling or ruling_of(DETECTORS), Vault(b"key"))


def scanned(text: str) -> str:
    return Vault(b"key").redact(text, WATCH.scanner.scan(text))


def in_pieces(text: str, rnd: Random, inspection: Inspection) -> str:
    out, at = [], 0
    while at < len(text):
        size = rnd.randint(1, 9)
        out.append(inspection.feed(text[at : at + size]))
        at += size
    return "".join((*out, inspection.end()))


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*VALUES, *NOISE, *NOISE]), max_size=8).map("".join), st.integers(0, 2**32))
def test_pieces_are_redacted_as_the_whole_is(text: str, seed: int) -> None:
    assert in_pieces(text, Random(seed), redacting()) == scanned(text)


def test_no_difference_in_3000_random_chunkings() -> None:
    rnd = Random(7)
    for _ in range(3_000):
        text = "".join(rnd.choice([rnd.choice(VALUES), rnd.choice(NOISE), rnd.choice(NOISE)]) for _ in range(6))
        assert in_pieces(text, rnd, redacting()) == scanned(text)


@pytest.mark.parametrize("value", VALUES)
def test_nothing_of_a_finding_passes_where_answers_are_cut(value: str) -> None:
    text = f"Of course:\n{value}\nis it."
    ruling = ruling_of(DETECTORS)
    inspection = denying(ruling)
    passed = in_pieces(text, Random(3), inspection)
    hits = WATCH.scanner.hits(text)
    assert passed == text[: min(hit.start for hit in hits)]
    ((_, names),) = ruling.looked().found
    assert set(names) <= {hit.detector.full_name for hit in hits}
    assert inspection.feed("more") == inspection.end() == ""


def test_prose_waits_for_a_word_at_most() -> None:
    inspection, passed, come = denying(), 0, 0
    for word in ["The ", "quick ", "brown ", "fox ", "jumps, ", "and ", "2 ", "dogs ", "sleep.", " Well", " done"]:
        come += len(word)
        passed += len(inspection.feed(word))
        assert come - passed <= 7


def test_a_private_key_is_held_from_its_first_line_on() -> None:
    ruling = ruling_of(DETECTORS)
    inspection = denying(ruling)
    key = SECRETS["private-key"][0](Random(1))
    passed = inspection.feed("Here: ") + "".join(inspection.feed(key[at : at + 5]) for at in range(0, len(key) - 5, 5))
    assert "BEGIN" not in passed
    assert inspection.feed(key[-5:] + " x") + inspection.end() == ""
    ((_, names),) = ruling.looked().found
    assert names == ("secrets.private-key",)


@pytest.mark.parametrize("char", ["A", "é", "a@"])
def test_what_is_held_is_bounded(char: str) -> None:
    inspection = redacting()
    text = "-----BEGIN PRIVATE KEY-----" + char * (2 * MOST_HELD)
    passed = 0
    for at in range(0, len(text), 512):
        passed += len(inspection.feed(text[at : at + 512]))
    assert len(inspection._held) <= MOST_HELD + 512
    assert passed


def test_an_answer_without_detectors_passes_untouched() -> None:
    inspection = Inspection(Watch([]), ruling_of([]), Vault(b"key"))
    assert inspection.feed("bob@example.com AKIA") == "bob@example.com AKIA"
    assert inspection.end() == ""


def escaped(text: str, rnd: Random, depth: int = 1) -> str:
    """The text with some of its characters as JSON may have them, quoted so often."""
    return "".join(
        "\\" * depth + f"u{ord(char):04{rnd.choice('xX')}}" if char.isascii() and not rnd.randrange(4) else char
        for char in text
    )


ESCAPES = [
    "\\u0040",
    "\\\\u002e",
    "\\u00",
    "\\u",
    "\\u00e9",
    "\\\\",
    "\\u0020",
    "\\u0022",
    "\\u000a",
    "\\u005c",
    "u0040",
]


@settings(max_examples=150)
@given(st.lists(st.sampled_from([*VALUES, *NOISE, *ESCAPES, *ESCAPES]), max_size=8).map("".join), st.integers(0, 2**32))
def test_pieces_with_escapes_are_redacted_as_the_whole_is(text: str, seed: int) -> None:
    rnd = Random(seed)
    text = escaped(text, rnd, rnd.choice((1, 1, 2, 4)))
    assert in_pieces(text, rnd, redacting()) == scanned(text)


def test_no_difference_in_400_random_chunkings_with_escapes() -> None:
    rnd = Random(11)
    for _ in range(400):
        parts = [
            rnd.choice([escaped(rnd.choice(VALUES), rnd), rnd.choice(NOISE), rnd.choice(ESCAPES)]) for _ in "123456"
        ]
        text = "".join(parts)
        assert in_pieces(text, rnd, redacting()) == scanned(text), text


@pytest.mark.parametrize("value", VALUES)
def test_nothing_of_a_value_written_with_escapes_passes_where_answers_are_cut(value: str) -> None:
    text = f'{{"to": "{"".join(f"{chr(92)}u{ord(char):04x}" if char.isascii() else char for char in value)}"}}'
    hits = WATCH.scanner.hits(text)
    if hits:  # what a detector knows by its line alone, nobody finds inside quotes
        assert in_pieces(text, Random(3), denying()) == text[: min(hit.start for hit in hits)]


def test_a_value_in_arguments_is_the_value_that_stands_in_prose() -> None:
    vaults = Vault(b"key"), Vault(b"key")
    prose = Inspection(WATCH, ruling_of(DETECTORS, then="redact"), vaults[0])
    source = Inspection(WATCH, ruling_of(DETECTORS, then="redact"), vaults[1], within_json=True)
    plain = in_pieces("to ann.b@mail.example.com now", Random(1), prose)
    assert in_pieces(r'{"to": "ann\u002eb\u0040mail.example.com"}', Random(1), source)[8:-2] == plain.split()[1]


@pytest.mark.parametrize("char", ["\\", "\\u00", "\\u0041", "\\\\\\\\u002d"])
def test_what_is_held_of_escapes_is_bounded(char: str) -> None:
    inspection = redacting()
    text = "-----BEGIN PRIVATE KEY-----" + char * (3 * MOST_HELD // len(char))
    for at in range(0, len(text), 512):
        inspection.feed(text[at : at + 512])
        assert len(inspection._held) <= MOST_HELD + 1024


def test_a_run_of_backslashes_is_read_once() -> None:
    assert Read("\\" * 300_000 + " \\u0040").text.endswith("@")
