"""Where the ledger is: the PostgreSQL URL of the configuration, read once.

``postgresql://user@host:5432/db``, also with SQLAlchemy's ``+psycopg``. Query options are libpq's own, as far as they make
sense here; several hosts may be named (``host1,host2``) for a pair that fails over. What the URL leaves out libpq takes
from where it always does (``PGPASSWORD``, ``~/.pgpass``). The password is in no repr and no error.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from proxy.config.problems import did_you_mean
from proxy.domain.upstream import Secret

_SCHEMES: Final = ("postgresql", "postgresql+psycopg", "postgres")
_OPTIONS: Final = frozenset(
    {
        "host", "port", "application_name", "channel_binding", "connect_timeout", "gssencmode", "options", "passfile",
        "require_auth", "sslcert", "sslcrl", "sslkey", "sslmode", "sslnegotiation", "sslrootcert", "target_session_attrs",
    }
)  # fmt: skip
_HIDDEN: Final = "***"


class LedgerPlace(msgspec.Struct, frozen=True):
    """A PostgreSQL database. ``options`` are further connection parameters, by libpq's names."""

    host: str = ""  # names or addresses with commas between them, or the folder of a Unix socket
    port: str = ""
    database: str = ""
    user: str = ""
    password: Secret | None = None
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """For people: where, never who or with which password."""
        where = f"{self.host}:{self.port}" if self.port and not self.host.startswith("/") else self.host
        return f"{where or 'this machine'}/{self.database}"

    def parameters(self) -> dict[str, str]:
        """What a driver is given, by libpq's names; holds the password."""
        named = {"host": self.host, "port": self.port, "dbname": self.database, "user": self.user}
        if self.password is not None:
            named["password"] = self.password.value
        return {name: value for name, value in named.items() if value} | dict(self.options)

    def without_credentials(self, text: str) -> str:
        """``text`` with the user and the password of this place replaced by asterisks."""
        for hidden in (self.password.value if self.password else "", self.user):
            text = re.sub(rf"(?<!\w){re.escape(hidden)}(?!\w)", _HIDDEN, text) if hidden else text
        return text


def parse_ledger(url: str) -> LedgerPlace:
    """Read a ledger's URL. Raises ``ValueError`` that says what is wrong and does not repeat the URL."""
    try:
        parts = urlsplit(url)
    except ValueError:  # whose words may repeat the password
        raise ValueError("a ledger's URL looks like postgresql://user@host:5432/database") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError(_wrong_scheme(parts.scheme))
    if parts.fragment or not url.partition(":")[2].startswith("//"):
        raise ValueError(
            "a ledger's URL looks like postgresql://user@host:5432/database; write # ? / @ in a password as %23 %3F %2F %40"
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(options.keys() - _OPTIONS):
        raise ValueError("; ".join(filter(None, (_unknown(unknown[0]), did_you_mean(unknown[0], _OPTIONS)))))
    database = unquote(parts.path.lstrip("/"))
    if not database or "/" in database:
        raise ValueError("a ledger's URL ends with the name of one database: postgresql://user@host:5432/database")
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    host, port = _addresses(hosts, options.pop("host", ""), options.pop("port", ""))
    place = LedgerPlace(
        host=host,
        port=port,
        database=database,
        user=unquote(user),
        password=Secret(unquote(password)) if password else None,
        options=tuple(options.items()),
    )
    if any("\0" in text for text in place.parameters().values()):
        raise ValueError("a ledger's URL holds no NUL")
    return place


def _wrong_scheme(scheme: str) -> str:
    if scheme.startswith(("postgres", "psql", "pgsql")):
        return "a ledger's URL starts with postgresql:// or postgresql+psycopg://; no other driver is used here"
    return "a ledger's URL starts with postgresql://; no other database is a ledger here"


def _unknown(name: str) -> str:
    shown = name if re.fullmatch(r"[a-z_]{1,40}", name) else "with odd characters"
    return f"unknown option {shown!r} in a ledger's URL"


def _addresses(hosts: str, host_option: str, port_option: str) -> tuple[str, str]:
    """Hosts and ports as libpq lists them; an option wins over what stands before the path, as in libpq."""
    names, ports = [], []
    for one in hosts.split(",") if hosts else ():
        bracketed = re.fullmatch(r"\[([0-9A-Fa-f:.%]+)\](?::(\d*))?", one)
        name, port = bracketed.groups() if bracketed else one.partition(":")[::2]
        names.append(unquote(name))
        ports.append(port or "")
    host = host_option or ",".join(names)
    port = port_option or (",".join(ports) if any(ports) else "")
    for one in port.split(",") if port else ():
        if one and not (one.isascii() and one.isdigit() and 0 < int(one) <= 65535):  # noqa: PLR2004 - the last port
            raise ValueError("the port in a ledger's URL is not a number up to 65535")
    return host, port
