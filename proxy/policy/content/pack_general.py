"""The curated detectors, part two: secrets that carry no service's mark, and personal data.

Passwords are found where only passwords stand: in the user part of a URL, after ``Authorization:``, in quotes after a
name that says so. Telephone numbers without a country code are found only in forms that nothing else is written in.
"""

from __future__ import annotations

from typing import Final

from proxy.policy.content import checks_personal, checks_secret, iban
from proxy.policy.content.detector import Detector

_SCHEMES: Final = (
    "https?|wss?|ftps?|sftp|ssh|smtps?|imaps?|ldaps?|amqps?|mqtts?|nats|kafka|rediss?|valkeys?|memcached?|mongodb(?:\\+srv)?"
    "|postgres(?:ql)?|mysql|mariadb|mssql|sqlserver|oracle|cockroachdb|clickhouse|redshift|snowflake|couchdb|neo4j|bolt|jdbc"
)
_PEM_HEAD: Final = r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_PEM_TAIL: Final = r"-----END [A-Z0-9 ]{2,40}-----"
_APART: Final = r"(?:^|[^A-Za-z0-9_.+/= -]|(?:^|[^0-9]) )"  # no part of a longer number, nor of a row of numbers
_ENDED: Final = r"(?:[^A-Za-z0-9_]|$)"
_ALONE: Final = r"(?:[^A-Za-z0-9_ ]| (?:[^0-9]|$)|$)"  # what a number in pairs or fours ends with: no further group
_NATIONAL: Final = (
    r"\([2-9][0-9]{2}\) ?[0-9]{3}[ .-][0-9]{4}",  # North America: area codes begin with 2 to 9
    r"[2-9][0-9]{2}-[0-9]{3}-[0-9]{4}",
    r"0[1-9](?: [0-9]{2}){4}",  # France
    r"0[1-9](?:\.[0-9]{2}){4}",
    r"\(0[1-9][0-9]{1,4}\) ?[0-9]{3,9}",  # Germany, Austria, Switzerland
    r"0[1-9][0-9]{1,3} ?/ ?[0-9]{4,9}",
    r"01[5-7][0-9]{1,2}[ -][0-9]{6,8}",
    r"020 [0-9]{4} [0-9]{4}",  # United Kingdom
    r"0[127][0-9]{2,3} [0-9]{3} ?[0-9]{3,4}",
)
_CARD: Final = (
    r"[2-6][0-9]{13,15}",
    r"62[0-9]{17}",
    r"[2-6][0-9]{3}(?: [0-9]{4}){3}",
    r"[2-6][0-9]{3}(?:-[0-9]{4}){3}",
    r"3[0-9]{3} [0-9]{6} [0-9]{4,5}",
    r"3[0-9]{3}-[0-9]{6}-[0-9]{4,5}",
    r"62[0-9]{2}(?: [0-9]{4}){3} [0-9]{3}",
)

CREDENTIALS: Final = (
    Detector(
        "private-key",  # PEM, OpenSSH and PGP; one that is cut off ends with its last line of base64
        "secrets",
        "PRIVATEKEY",
        rf"{_PEM_HEAD}(?:(?:-?[^-])*{_PEM_TAIL}|(?:[\s\\\"'+,rn]{{0,12}}[A-Za-z0-9+/=]{{24,}})+)",
        "PRIVATE KEY",
        check=checks_secret.key_block,
    ),
    Detector(
        "jwt",
        "secrets",
        "TOKEN",
        r"\b(ey[JA][A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]{8,}){1,3})",
        r"ey[JA][A-Za-z0-9_-]{8}",
        check=checks_secret.jwt,
    ),
    Detector(
        "connection-string",  # the password alone: host and database are what a model needs to help
        "secrets",
        "PASSWORD",
        rf"\b(?i:{_SCHEMES})(?:\+[a-z0-9]{{2,16}})?:\\?/\\?/[^\s/:@\"'<>]{{0,64}}:([^\s/\"'<>`]{{1,256}})@[A-Za-z0-9.\[$_{{-]",
        r":\\?/\\?/[^\s/:@\"'<>]*:[^\s/\"'<>`]+@",
        check=checks_secret.password,
    ),
    Detector(
        "authorization",
        "secrets",
        "TOKEN",
        r"(?i:authorization)[\"'\\]{0,3}\s{0,3}[:=,]\s{0,3}[\"'\\]{0,3}(?i:bearer|basic|token)\s{1,3}([A-Za-z0-9._~+/=-]{16,})",
        r"(?i)authorization[\"'\\]{0,3}\s{0,3}[:=,]",
        3.3,
        checks_secret.mixed,
    ),
    Detector(
        "assignment",
        "secrets",
        "KEY",
        r"(?i:api_?-?key|secret|token|passw(?:or)?d|pwd|credential)s?[\"'\\]{0,2}\s{0,4}(?:=>|:=|=|:)\s{0,4}\\?[\"'`]([A-Za-z0-9+/_~.-]{24,200}={0,2})\\?[\"'`]",
        r"(?i)(?:key|secret|token|passw(?:or)?d|pwd|credential)s?[\"'\\]{0,2}\s{0,4}(?:=>|:=|=|:)\s{0,4}\\?[\"'`][A-Za-z0-9+/_~.-]{24}",
        4.2,
        checks_secret.random,
    ),
)

PERSONAL: Final = (
    Detector(
        "email",
        "pii",
        "EMAIL",
        # what stands before the host of a URL is a login, and is passed over
        r"://[^\s/@]{0,256}[A-Za-z0-9._%+'-]@[A-Za-z0-9]"
        r"|\b([A-Za-z0-9_][A-Za-z0-9._%+'-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24})\b",
        "[A-Za-z0-9._%+'-]@[A-Za-z0-9]",
        check=checks_personal.email,
    ),
    Detector(
        "phone",
        "pii",
        "PHONE",
        rf"{_APART}(\+[1-9][0-9]{{0,2}}(?:[ ./-]?\([0-9]{{1,4}}\))?(?:[ /-]?[0-9]|\.[0-9]{{2}}){{6,12}}"
        rf"|00(?:[17][ /-]|[2-689][0-9]{{1,2}}[ /-]?)[1-9](?:[ /-]?[0-9]){{6,11}}){_ENDED}",
        r"(?:\+|\b00)[1-9](?:[ ./()-]{0,2}[0-9]){6}",
        check=checks_personal.international_phone,
    ),
    Detector(
        "phone",
        "pii",
        "PHONE",
        rf"{_APART}({'|'.join(_NATIONAL)}){_ALONE}",
        r"[0-9]\) ?[0-9]{3}|[0-9]-[0-9]{3}-[0-9]|0[1-9] [0-9]{2} [0-9]|0[1-9]\.[0-9]{2}\.[0-9]|0[1-9][0-9]{1,3}(?: ?/ ?|[ -])[0-9]{3}",
        check=checks_personal.varied,
    ),
    Detector(
        "iban", "pii", "IBAN", rf"\b({iban.regex()})\b", "[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{3}", check=iban.iban
    ),
    Detector(
        "card",
        "pii",
        "CARD",
        rf"{_APART}({'|'.join(_CARD)}){_ALONE}",
        "[0-9]{4}(?:[0-9]{10}|[ -][0-9]{4}[ -][0-9]{4}|[ -][0-9]{6}[ -])",
        check=checks_personal.card,
    ),
)
