"""The curated pack finds what its services give out, and leaves placeholders alone."""

from __future__ import annotations

from random import Random

import pytest
import re2

from proxy.policy.content import regex_tree
from proxy.policy.content.detector import Detector
from proxy.policy.content.pack import PACK
from proxy.policy.content.placeholder import placeholder
from proxy.policy.content.scanner import Scanner
from tests.unit.policy.content.matching import sample
from tests.unit.policy.content.samples import PERSONAL, SECRETS, Maker

AROUND = [
    ("", ""),
    ("use ", " please"),
    ('("', '")'),
    ("key:\\n", "\\n"),
    ("密钥是", "。"),
    ("> ", ".\n"),
    ("<b>", "</b>"),
]
MAKERS = [
    pytest.param(name, maker, id=f"{name}-{number}")
    for name, makers in [*SECRETS.items(), *((name, (maker,)) for name, maker in PERSONAL.items())]
    for number, maker in enumerate(makers)
]


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner(PACK)


@pytest.mark.parametrize(("name", "maker"), MAKERS)
def test_every_generated_value_is_found_whatever_stands_around_it(scanner: Scanner, name: str, maker: Maker) -> None:
    rnd = Random(11)
    for _ in range(60):
        value = maker(rnd)
        for before, after in AROUND:
            names = {hit.detector.name for hit in scanner.hits(before + value + after)}
            assert name in names


def test_the_pack_speaks_of_every_service_that_was_asked_for() -> None:
    assert set(SECRETS) | set(PERSONAL) <= {detector.name for detector in PACK}


@pytest.mark.parametrize(
    "text",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "AKIAXXXXXXXXXXXXXXXX",
        "ghp_" + "x" * 36,
        "github_pat_" + "x" * 22 + "_" + "x" * 59,
        "sk-ant-api03-your-key-goes-here-please",
        "sk-ant-api03-...",
        "sk-proj-xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        ".sk-fading-circle .sk-circle-before",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "xoxb-your-bot-token-here",
        "hf_" + "x" * 34,
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
        "a file that begins with -----BEGIN RSA PRIVATE KEY----- is a key",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "postgres://user:password@localhost/db",
        "postgres://user:****@db/app",
        "postgres://user:<password>@db/app",
        "postgres://user:${DB_PASSWORD}@db/app",
        "postgres://user:{password}@db/app",
        "postgresql://$USER:$PASSWORD@db/app",
        "mysql://root:%s@%s:3306/",
        "mongodb+srv://<user>:<db_password>@cluster0.mongodb.net",
        "redis://:changeme@localhost:6379",
        "amqp://guest:guest@localhost:5672//",
        "https://user:pass@example.com:8080/path",
        "https://registry.npmjs.org/@types/node",
        "http://localhost:8080/a?b=c@d",
        'password = "correct horse battery staple"',
        'token = "get_the_next_token_from_the_stream"',
        "Authorization: Bearer <token>",
        "Authorization: Bearer YOUR_ACCESS_TOKEN_HERE",
        "call 555-555-5555",
        "2024-11-23 10:00:00, 192.168.100.200, 1.2.3.4",
        "+0100 and +12345678 and x+1234567890",
        "4503599627370496",
        "0.4111111111111111",
        "4111111111111112",
        "1234567890123456",
        "5105 1051 0510 5100 5105 1051",
        "DE89370400440532013001",
        "git@github.com:acme/site.git",
        "logo@2x.png",
        "@pytest.mark.parametrize",
        "golang.org/x/tool@v0.1.2-beta.linux",
        "b7e23ec29af22b0b4e41da31e868d57226121c84",
        "123e4567-e89b-12d3-a456-426614174000",
    ],
)
def test_placeholders_examples_and_ordinary_numbers_are_left_alone(scanner: Scanner, text: str) -> None:
    assert [found.detector.full_name for found in scanner.scan(text)] == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("use AKIA\u0041BCDEFGHIJKLMNOP please", "AKIAABCDEFGHIJKLMNOP"),
        ("postgres://app:s3cr3t-Pw@db.internal/x", "s3cr3t-Pw"),
        ("postgres://app:p@ssw0rd!9@db.internal/x", "p@ssw0rd!9"),
        (r'{"dsn": "postgres:\/\/app:s3cr3t-Pw@db.internal\/x"}', "s3cr3t-Pw"),
        ("write to ann.lee+x@acme.example, please", "ann.lee+x@acme.example"),
        ("card 4111 1111 1111 1111, exp 12/27", "4111 1111 1111 1111"),
        ("key_AKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOP"),
        ("my__AKIAABCDEFGHIJKLMNOP,", "AKIAABCDEFGHIJKLMNOP"),
        ("token_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", "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"),
        ("4111-1111-1111-1111", "4111-1111-1111-1111"),
        ("IBAN ES91 2100 0418 4502 0005 1332 FROM Madrid", "ES91 2100 0418 4502 0005 1332"),
        ("call +1 (415) 555-2671 now", "+1 (415) 555-2671"),
        ("Tel. 030/12345678", "030/12345678"),
        ("gho_16C7e42F292c6912E7710c838347Ae178B4a", "gho_16C7e42F292c6912E7710c838347Ae178B4a"),
        ("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", "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"),
    ],
)
def test_the_finding_is_the_value_and_nothing_else(scanner: Scanner, text: str, value: str) -> None:
    assert [text[found.start : found.end] for found in scanner.scan(text)] == [value]


def test_a_private_key_is_one_finding_from_its_first_line_to_its_last(scanner: Scanner) -> None:
    key = SECRETS["private-key"][0](Random(4))
    text = f"here:\n{key}\nand done"
    assert [text[found.start : found.end] for found in scanner.scan(text)] == [key]


def test_a_private_key_that_is_cut_off_ends_with_its_base64(scanner: Scanner) -> None:
    lines = SECRETS["private-key"][0](Random(4)).splitlines()[:3]
    text = "\n".join([*lines, "", "and then the file ended, she said"])
    assert [text[found.start : found.end] for found in scanner.scan(text)] == ["\n".join(lines)]


@pytest.mark.parametrize("detector", PACK, ids=lambda each: each.full_name)
def test_a_hint_never_hides_a_match(detector: Detector) -> None:
    tree, rnd, hint = regex_tree.parse(detector.regex), Random(3), re2.compile(detector.hint)
    for _ in range(200):
        assert hint.search(sample(tree, rnd)) is not None


@pytest.mark.parametrize("label", sorted({detector.label for detector in PACK}))
def test_a_placeholder_is_never_a_finding(scanner: Scanner, label: str) -> None:
    for number in range(200):
        made = placeholder(label, str(number), b"key")
        for text in (made, f"postgres://app:{made}@db/x", f'api_key = "{made}"'):
            assert scanner.scan(text) == ()


def test_labels_are_capital_letters_only() -> None:
    assert all(detector.label.isascii() and detector.label.isalpha() and detector.label.isupper() for detector in PACK)
