"""A company's own detectors: what is loaded can match, and what cannot is refused in words."""

from __future__ import annotations

import pytest

from proxy.policy.content.own import own_detector
from proxy.policy.content.pack import PACK
from proxy.policy.content.placeholder import placeholder
from proxy.policy.content.scanner import Scanner

TOKEN = r"\bacme_[a-z]{3}_[A-Za-z0-9]{32}\b"


def values(text: str, regex: str, **terms: object) -> list[str]:
    scanner = Scanner([*PACK, own_detector("mine", "secrets", regex, **terms)])  # type: ignore[arg-type]  # terms of each test
    return [text[found.start : found.end] for found in scanner.scan(text) if found.detector.name == "mine"]


def test_the_examples_of_the_language_find_what_their_comments_say() -> None:
    token = "acme_prd_q8Zk2LmX0pVt7RbY4nWc9JdH6sFg1AeU"
    assert values(f"key={token};", TOKEN, hint="acme_", min_entropy=3.5) == [token]
    assert values(f"key=acme_prd_{'a' * 32};", TOKEN, hint="acme_", min_entropy=3.5) == []
    assert values("ask E1234567 or E12345678", r"\bE\d{7}\b", hint="E", check="none") == ["E1234567"]


@pytest.mark.parametrize(
    "regex", [r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", r"\b[0-9]{9}\b", "(?i)k[0-9]{4}", "foo[0-9]|bar[0-9]"]
)
def test_a_hint_may_be_left_out(regex: str) -> None:
    assert values("078-05-1120, 078051120, K1234, bar7", regex) != []


def test_a_whole_match_is_the_finding_also_where_the_regex_has_groups() -> None:
    assert values("see acme-42!", "(acme|beta)-([0-9]+)") == ["acme-42"]


def test_a_hint_is_found_in_any_case_where_the_regex_says_so() -> None:
    assert values("Badge-77 BADGE-78", "(?i)badge-[0-9]+", hint="BADGE") == ["Badge-77", "BADGE-78"]


def test_lines_have_ends() -> None:
    assert values("a\nid 12\nb id 13", "^id [0-9]+$") == ["id 12"]


def test_checks_weed_out() -> None:
    assert values("member 79927398713, 79927398710", r"\b[0-9]{11}\b", check="luhn") == ["79927398713"]
    account = "GB29NWBK60161331926819"
    assert values(f"{account} {account[:-1]}8", r"\bGB[0-9A-Z]{20}\b", check="iban") == [account]


def test_text_within_json_within_json_is_found() -> None:
    assert values(r'{"a": "x\nE1234567"}', r"\bE\d{7}\b", hint="E") == ["E1234567"]


@pytest.mark.parametrize(
    ("regex", "terms", "word"),
    [
        ("(?=x)y", {}, "RE2 does not take the regex"),
        (r"(a)\1", {}, "RE2 does not take the regex"),
        ("(a", {}, "missing"),
        ("a*", {}, "empty string"),
        ("a|", {}, "empty string"),
        (r"\b", {}, "empty string"),
        ("^$", {}, "empty string"),
        (r"\Aid", {}, r"\\A or \\z"),
        ("x" * 2000, {}, "longer than"),
        (r"\pL{1000}", {}, "too large"),
        ("foo[0-9]", {"hint": "bar"}, "'foo' is"),
        ("foo|bar", {"hint": "foo"}, "not in every match"),
        ("[0-9]{9}", {"hint": "9"}, "leave it out"),
        ("foo", {"hint": "FOO"}, "not in the regex"),
        ("foo", {"check": "lhun"}, "luhn, iban, none"),
        ("foo", {"min_entropy": 80.0}, "bits per character"),
        ("foo", {"min_entropy": -1.0}, "bits per character"),
    ],
)
def test_what_could_never_or_always_match_is_refused(regex: str, terms: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        own_detector("mine", "pii", regex, **terms)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize("name", ["", "Mine", "9lives", "a_b", "email", "secrets", "aws-access-key", "x" * 70])
def test_a_bad_or_taken_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        own_detector(name, "pii", "foo")


def test_the_label_is_the_name_in_capitals() -> None:
    assert own_detector("employee-id2", "pii", "foo").label == "EMPLOYEEID"


@pytest.mark.parametrize(
    ("name", "regex"),
    [
        ("employee-id", r"\bEMP-[0-9]{6}\b"),
        ("emp", r"\bEMP-[0-9]{6}\b"),
        ("emp", r"(?i)\bemp(?:-|_)\d{1,6}\b"),
        ("key", r"[A-Z]{2,5}-[0-9]{6}"),
        ("e", "(?:[A-Z]+-)+[0-9]{3,}"),
    ],
)
def test_a_value_that_looks_like_a_placeholder_is_found(name: str, regex: str) -> None:
    scanner = Scanner([*PACK, own_detector(name, "pii", regex)])
    for value in ("EMP-204817", "EMP-000000"):
        assert [value[one.start : one.end] for one in scanner.scan(value)] == [value]


@pytest.mark.parametrize(("name", "regex"), [("emp", r"[A-Z]+-[0-9A-Z]{6}"), ("badge", r"\b[A-Z]{2,20}-\w+\b")])
def test_a_placeholder_of_an_own_detector_is_no_finding_of_its_own(name: str, regex: str) -> None:
    own = own_detector(name, "pii", regex)
    assert Scanner([own]).scan(placeholder(own.label, "value", b"key")) == ()


def test_a_label_stays_where_no_value_can_look_like_it() -> None:
    assert own_detector("emp", "pii", "EMP-[0-9]{5}").label == "EMP"
    assert own_detector("emp", "pii", "EMP-[0-9]{6}").label == "OWNEMP"
    assert own_detector("emp", "pii", "EMP-[0-9]{7}").label == "EMP"


def test_a_password_of_a_placeholders_shape_is_found() -> None:
    text = "postgres://app:HUNTER-204817@db.internal/x"
    assert [text[one.start : one.end] for one in Scanner(PACK).scan(text)] == ["HUNTER-204817"]
