"""Values come back in streams, wherever the pieces are cut."""

from __future__ import annotations

import json
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.content.restore import Restorer
from proxy.policy.content.vault import Vault

VAULT = Vault(b"key")
MADE = [
    VAULT.put(*each) for each in (("EMAIL", "bob@example.com"), ("CARD", "4111"), ("EMPLOYEEID", 'E1"\n2'), ("CC", "7"))
]
PARTS = [
    *MADE,
    *(made[:-1] for made in MADE),
    *(made[:4] for made in MADE),
    "EMAIL-",
    "EMAIL-CARD-",
    "E",
    "-",
    " ",
    "hello ",
    "é\n",
]


def in_pieces(text: str, sizes: list[int], restorer: Restorer) -> str:
    out, at, turn = [], 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        out.append(restorer.feed(text[at : at + size]))
        at, turn = at + size, turn + 1
    return "".join((*out, restorer.end()))


@given(st.lists(st.sampled_from(PARTS), max_size=9).map("".join), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_pieces_restore_to_what_the_whole_restores_to(text: str, sizes: list[int]) -> None:
    assert in_pieces(text, sizes, Restorer(VAULT)) == VAULT.restore(text)


def test_no_difference_in_30000_random_chunkings() -> None:
    rnd = Random(1)
    for _ in range(30_000):
        text = "".join(rnd.choice(PARTS) for _ in range(rnd.randint(1, 8)))
        sizes = [rnd.randint(1, 7) for _ in range(4)]
        assert in_pieces(text, sizes, Restorer(VAULT)) == VAULT.restore(text)


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x17F), max_size=60), st.integers(1, 5))
def test_ordinary_text_passes_and_little_is_held(text: str, size: int) -> None:
    restorer, passed = Restorer(VAULT), 0
    for at in range(0, len(text), size):
        passed += len(restorer.feed(text[at : at + size]))
        assert at + size - passed <= 26 + size


def test_small_letters_are_never_held() -> None:
    restorer = Restorer(VAULT)
    assert restorer.feed("hello") == "hello"
    assert restorer.feed("a-b, e-mail") == "a-b, e-mail"


def test_blocks_do_not_know_each_other() -> None:
    one, other = Restorer(VAULT), Restorer(VAULT)
    assert one.feed(MADE[0][:5]) == ""
    assert other.feed(MADE[0][5:]) == MADE[0][5:]
    assert one.feed(MADE[0][5:]) == "bob@example.com"


def test_an_answer_that_ends_inside_a_placeholder_keeps_its_text() -> None:
    restorer = Restorer(VAULT)
    assert restorer.feed("x EMAIL-") + restorer.end() == "x EMAIL-"
    assert restorer.end() == ""


def test_within_json_source_values_are_escaped() -> None:
    restorer = Restorer(VAULT, within_json=True)
    source = '{"id": "' + MADE[2] + '"}'
    assert json.loads(restorer.feed(source[:12]) + restorer.feed(source[12:]) + restorer.end()) == {"id": 'E1"\n2'}


def test_an_empty_vault_holds_nothing() -> None:
    restorer = Restorer(Vault(b"key"))
    assert restorer.feed("EMAIL-") == "EMAIL-"
    assert restorer.end() == ""
