"""A prompt that is looked through in slices is found to hold what it holds when it is looked through at once."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.policy.content import long_texts
from proxy.policy.content.contents import Contents
from proxy.policy.content.findings import Finding
from proxy.policy.content.pack import PACK
from proxy.policy.content.scanner import Scanner
from proxy.policy.content.slices import Slices, at_once
from proxy.policy.content.vault import Vault
from tests.support.contents import KEY, MAIL, make_wish

SCANNER, CONTENTS = Scanner(PACK), Contents(PACK)
PHONE, CARD = "+49 30 901820", "4111 1111 1111 1111"
PIECES = st.sampled_from([
    *(MAIL, KEY, PHONE, CARD, "a.b%d@mail.example.com", "+49 171 5550%d", "Jörg 😀 ", "\\n", "\\u0040", "\\u002", "\ud800"),
    *(MAIL.replace("@", "\\u0040"), f"https://ann:{'s3cr3tPass9'}@db.example/", ", ", " ", "\n", "-", "\\", '"', "x"),
])  # fmt: skip
RUNS = st.builds(lambda pieces, times: "".join(pieces) * times, st.lists(PIECES, max_size=8), st.integers(1, 80))
TEXTS = st.lists(st.one_of(st.none(), st.just(""), RUNS, RUNS.map(lambda text: json.dumps({"a": text}))), max_size=6)
RULES = (make_wish(), make_wish(rule="org/mask", find=("pii", "secrets"), then="redact", restore=True))


@settings(max_examples=150)
@given(TEXTS)
def test_the_findings_are_the_same_in_the_same_order(texts: list[str | None]) -> None:
    assert list(at_once(long_texts.hits_all(SCANNER, texts)).items()) == list(SCANNER.hits_all(texts).items())


@settings(max_examples=100)
@given(TEXTS)
def test_what_rules_make_of_them_is_the_same(texts: list[str | None]) -> None:
    looked, sliced = CONTENTS.look(texts, RULES), at_once(CONTENTS.looking(texts, RULES))
    assert (sliced.found, sliced.counts, sliced.findings) == (looked.found, looked.counts, looked.findings)
    assert sliced.ruling.is_denied == looked.ruling.is_denied
    for number, hits in looked.findings.items():
        found = looked.ruling.to_replace(hits)
        assert tuple(at_once(sliced.ruling.replacing(hits))) == found
        text, at, aside = texts[number] or "", Vault(b"key"), Vault(b"key")
        assert at_once(aside.redacting(text, found)) == at.redact(text, found)
        assert aside.restore(aside.redact(text, found)) == at.restore(at.redact(text, found))


def test_a_text_larger_than_re2_may_hold_others_up_for_is_found_the_same() -> None:
    text = f"{MAIL} " + "word " * 120_000 + f"{PHONE} {KEY} " * 40
    calls = 0

    def counted() -> Slices[dict[int, tuple[Finding, ...]]]:
        nonlocal calls
        work, sent = long_texts.hits_all(SCANNER, [text]), None
        while True:
            try:
                call = work.send(sent)
            except StopIteration as done:
                found: dict[int, tuple[Finding, ...]] = done.value
                return found
            calls += call is not None
            sent = yield call

    assert at_once(counted()) == SCANNER.hits_all([text])
    assert calls > 1


def test_a_slice_has_few_findings_whatever_the_text_holds() -> None:
    """By work, not by time: what a slice may find is bounded, so that others wait a millisecond or so."""
    text = f"{MAIL}, {PHONE}; " * 10_000
    slices = 0
    work = CONTENTS.looking([text], RULES)
    while next(work, work) is None:
        slices += 1
    assert slices > 2 * 20_000 / 32
