"""Secrets and personal data made up as their issuers make them: from their public formats, not from our regexes."""

from __future__ import annotations

import base64
import binascii
import json
import string
from collections.abc import Callable
from random import Random
from typing import Final

ALNUM: Final = string.ascii_letters + string.digits
URLSAFE: Final = ALNUM + "-_"
BASE64: Final = ALNUM + "+/"
HEX: Final = "0123456789abcdef"
UPPER: Final = string.ascii_uppercase + string.digits
BASE32: Final = string.ascii_uppercase + "234567"
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase

Maker = Callable[[Random], str]


def drawn(rnd: Random, alphabet: str, size: int) -> str:
    return "".join(rnd.choice(alphabet) for _ in range(size))


def of(*parts: str | tuple[str, int]) -> Maker:
    """A token of fixed words and random stretches."""
    return lambda rnd: "".join(part if isinstance(part, str) else drawn(rnd, *part) for part in parts)


def with_checksum(prefix: str) -> Maker:
    """A token of GitHub's or npm's: thirty characters and their CRC-32 in base 62."""

    def made(rnd: Random) -> str:
        body = drawn(rnd, ALNUM, 30)
        number, digits = binascii.crc32(body.encode()), ""
        while number:
            number, digit = divmod(number, 62)
            digits = _BASE62[digit] + digits
        return prefix + body + digits.rjust(6, "0")

    return made


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def jwt(rnd: Random) -> str:
    claims = {"sub": drawn(rnd, HEX, 12), "exp": rnd.randrange(10**9)}
    return f"{_part({'alg': rnd.choice(['HS256', 'RS256', 'ES256']), 'typ': 'JWT'})}.{_part(claims)}.{drawn(rnd, URLSAFE, 43)}"


def pem(rnd: Random) -> str:
    kind = rnd.choice(["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
    lines = [drawn(rnd, BASE64, 64) for _ in range(rnd.randint(2, 26))]
    return "\n".join(
        (
            f"-----BEGIN {kind}PRIVATE KEY-----",
            *lines,
            drawn(rnd, BASE64, 22) + "==",
            f"-----END {kind}PRIVATE KEY-----",
        )
    )


def pgp(rnd: Random) -> str:
    lines = [drawn(rnd, BASE64, 64) for _ in range(9)]
    return "\n".join(
        (
            "-----BEGIN PGP PRIVATE KEY BLOCK-----",
            "Version: GnuPG v2",
            "",
            *lines,
            "=a1Bc",
            "-----END PGP PRIVATE KEY BLOCK-----",
        )
    )


def password(rnd: Random) -> str:
    return (
        drawn(rnd, string.ascii_letters, 4)
        + drawn(rnd, string.digits, 2)
        + drawn(rnd, ALNUM + "!$*-_.~", rnd.randint(2, 18))
    )


def url(scheme: str, tail: str) -> Maker:
    return lambda rnd: f"{scheme}://{rnd.choice(['app', 'svc_user', 'root', ''])}:{password(rnd)}@{tail}"


def card(rnd: Random) -> str:
    prefix, size = rnd.choice(
        [("4", 16), ("53", 16), ("2404", 16), ("34", 15), ("37", 15), ("6011", 16), ("36", 14), ("3530", 16)]
    )
    body = prefix + drawn(rnd, string.digits, size - len(prefix) - 1)
    total = sum(sum(divmod(int(char) * (2 - index % 2), 10)) for index, char in enumerate(reversed(body)))
    digits = body + str(-total % 10)
    groups = [4, 4, 4, 4] if size == 16 else [4, 6, 5] if size == 15 else [4, 6, 4]
    sep, at, parts = rnd.choice(["", " ", "-"]), 0, []
    for group in groups:
        parts.append(digits[at : at + group])
        at += group
    return sep.join(parts)


def iban(rnd: Random) -> str:
    country, letters, size = rnd.choice(
        [("DE", 0, 18), ("GB", 4, 14), ("FR", 0, 23), ("NL", 4, 10), ("ES", 0, 20), ("NO", 0, 11), ("MT", 4, 23)]
    )
    body = drawn(rnd, string.ascii_uppercase, letters) + drawn(rnd, string.digits, size)
    check = 98 - int("".join(str(int(char, 36)) for char in f"{body}{country}00")) % 97
    whole = f"{country}{check:02}{body}"
    return whole if rnd.random() < 0.5 else " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))


def email(rnd: Random) -> str:
    local = (
        drawn(rnd, string.ascii_lowercase, rnd.randint(1, 9)) + rnd.choice(["", ".", "+", "_"]) + drawn(rnd, ALNUM, 4)
    )
    return f"{local}@{drawn(rnd, string.ascii_lowercase, 6)}.{rnd.choice(['com', 'de', 'co.uk', 'example', 'museum'])}"


def phone(rnd: Random) -> str:
    def d(size: int) -> str:
        return (
            drawn(rnd, "23456789", 1) + "0" + drawn(rnd, "13579", 1) + drawn(rnd, string.digits, size - 3)
            if size > 2
            else drawn(rnd, "2468", size)
        )

    return rnd.choice(
        [
            f"+1 ({d(3)}) {d(3)}-{d(4)}",
            f"+1-{d(3)}-{d(3)}-{d(4)}",
            f"+1{d(3)}{d(3)}{d(4)}",
            f"+49 30 {d(8)}",
            f"+49 (0)171 {d(7)}",
            f"+44 20 {d(4)} {d(4)}",
            f"+33 6 1{d(1)} {d(2)} 5{d(1)} {d(2)}",
            f"+91 98{d(3)} {d(5)}",
            f"0049 171 {d(7)}",
            f"({d(3)}) {d(3)}-{d(4)}",
            f"{d(3)}-{d(3)}-{d(4)}",
            f"06 1{d(1)} {d(2)} 5{d(1)} {d(2)}",
            f"0171 {d(7)}",
            f"020 7{d(3)} {d(4)}",
        ]
    )


SECRETS: Final[dict[str, tuple[Maker, ...]]] = {
    "aws-access-key": (of("AKIA", (BASE32, 16)), of("ASIA", (BASE32, 16))),
    "aws-secret-key": (
        of("aws_secret_access_key = ", (BASE64, 40)),
        of('"SecretAccessKey": "', (BASE64, 40), '"'),
        of("AWS_SECRET_ACCESS_KEY=", (BASE64, 40)),
        of("AKIA", (BASE32, 16), ",", (BASE64, 40)),
    ),
    "gcp-api-key": (of("AIza", (URLSAFE, 35)),),
    "gcp-oauth-secret": (of("GOCSPX-", (URLSAFE, 28)),),
    "gcp-service-account": (of('"private_key_id": "', (HEX, 40), '"'),),
    "azure-storage-key": (of("AccountName=acme;AccountKey=", (BASE64, 86), "==;EndpointSuffix=core.windows.net"),),
    "azure-client-secret": (of((ALNUM, 3), "8Q~", (ALNUM + "-_.~", 33), (ALNUM, 1)),),
    "azure-sas": (of("?sv=2024-11-04&ss=b&sp=rl&sig=", (ALNUM, 20), "%2B", (ALNUM, 22), "%3D&se=2027"),),
    "github-token": (
        *(with_checksum(f"gh{kind}_") for kind in "pousr"),
        of("ghp_", (ALNUM, 36)),
        lambda rnd: "ghs_123456_" + jwt(rnd),
    ),
    "github-fine-grained-token": (of("github_pat_", (ALNUM, 22), "_", (ALNUM, 59)),),
    "gitlab-token": (
        of("glpat-", (URLSAFE, 20)),
        of("glrt-", (URLSAFE, 20)),
        of("glpat-", (URLSAFE, 27), ".01.", (HEX, 9)),
    ),
    "slack-token": (
        of("xoxb-", (string.digits, 12), "-", (string.digits, 13), "-", (ALNUM, 24)),
        of("xoxp-", (string.digits, 12), "-", (HEX, 32)),
    ),
    "slack-app-token": (of("xapp-1-A", (UPPER, 10), "-", (string.digits, 13), "-", (HEX, 64)),),
    "slack-webhook": (of("https://hooks.slack.com/services/T", (UPPER, 8), "/B", (UPPER, 10), "/", (ALNUM, 24)),),
    "stripe-key": (of("sk_live_", (ALNUM, 24)), of("rk_live_", (ALNUM, 99))),
    "stripe-webhook-secret": (of("whsec_", (ALNUM, 32)), of("whsec_", (BASE64, 43), "=")),
    "openai-key": (
        of("sk-", (ALNUM, 20), "T3BlbkFJ", (ALNUM, 20)),
        of("sk-", (ALNUM, 48)),
        of("sk-proj-", (URLSAFE, 74), "T3BlbkFJ", (URLSAFE, 74)),
        of("sk-proj-", (ALNUM, 48)),
        of("sk-svcacct-", (URLSAFE, 100)),
        of("sk-", (HEX, 32)),
    ),
    "anthropic-key": (of("sk-ant-api03-", (URLSAFE, 93), "AA"), of("sk-ant-oat01-", (URLSAFE, 93), "AA")),
    "hugging-face-token": (of("hf_", (string.ascii_letters, 34)), of("hf_", (ALNUM, 34))),
    "npm-token": (with_checksum("npm_"),),
    "pypi-token": (of("pypi-AgEIcHlwaS5vcmc", (URLSAFE, 150)),),
    "sendgrid-key": (of("SG.", (URLSAFE, 22), ".", (URLSAFE, 43)),),
    "twilio-key": (of("SK", (HEX, 32)),),
    "twilio-auth-token": (of("TWILIO_AUTH_TOKEN=", (HEX, 32)),),
    "digitalocean-token": (of("dop_v1_", (HEX, 64)),),
    "databricks-token": (of("dapi", (HEX, 32)),),
    "docker-token": (of("dckr_pat_", (URLSAFE, 27)),),
    "groq-key": (of("gsk_", (ALNUM, 52)),),
    "shopify-token": (of("shpat_", (HEX, 32)),),
    "telegram-token": (of((string.digits[1:], 10), ":AA", (URLSAFE, 33)),),
    "vault-token": (of("hvs.", (URLSAFE, 90)),),
    "private-key": (pem, pgp, lambda rnd: pem(rnd).replace("\n", "\\n")),
    "jwt": (jwt,),
    "connection-string": (
        url("postgres", "db.internal:5432/app"),
        url("postgresql+psycopg", "10.0.0.7/app?sslmode=require"),
        url("mysql", "localhost/shop"),
        url("mongodb+srv", "cluster0.ab1cd.mongodb.net/?retryWrites=true"),
        url("redis", "cache:6379/0"),
        url("amqp", "mq.internal:5672/%2f"),
        url("https", "artifacts.acme.example/simple"),
    ),
    "authorization": (of("Authorization: Bearer ", (URLSAFE, 40)), of('"authorization": "Basic ', (BASE64, 32), '="')),
    "assignment": (of('API_KEY = "', (ALNUM, 40), 'aA1"'),),
}
PERSONAL: Final[dict[str, Maker]] = {"email": email, "phone": phone, "iban": iban, "card": card}
