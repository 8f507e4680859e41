"""Where a store is: the URL of the configuration, read once.

``redis://``, ``unix://``, ``redis+cluster://host:port,host:port`` (some of the nodes; the others are found) and, for Sentinel,
``redis+sentinel://host:port,host:port/name/db``. With ``rediss`` instead of ``redis`` every connection is TLS, those to the
Sentinels, too. The query options are those of redis-py: ``db``, ``ssl_ca_certs``, ``ssl_certfile``, ``ssl_keyfile``. Name and
password are for the servers, not for Sentinels; the password is in no repr.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from proxy.domain.upstream import Secret

_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_OPTIONS: Final = frozenset({"db", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
_SCHEMES: Final = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")


class Tls(msgspec.Struct, frozen=True):
    """Files of a TLS connection; None means the system's own authorities and no client certificate."""

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    def context(self) -> ssl.SSLContext:
        """A context that verifies the server. Raises ``OSError`` for a file that cannot be read."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


class Endpoint(msgspec.Struct, frozen=True):
    """A server; or the Sentinels that know it as ``master``; or ``nodes`` of a cluster. Those two are asked at every connect."""

    host: str = ""
    port: int = _PORT
    path: str = ""  # of a Unix socket; wins over host
    username: str | None = None
    password: Secret | None = None
    db: int = 0
    tls: Tls | None = None
    sentinels: tuple[tuple[str, int], ...] = ()
    master: str = ""
    nodes: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        """For people: where, never the password."""
        if self.sentinels:
            return f"master {self.master} of {_joined(self.sentinels)}"
        if self.nodes:
            return f"cluster {_joined(self.nodes)}"
        return self.path or f"{self.host}:{self.port}"

    def login(self) -> list[tuple[str | int, ...]]:
        """The commands that open a session: AUTH and SELECT, where they are needed."""
        commands: list[tuple[str | int, ...]] = []
        if self.password is not None:
            name = (self.username,) if self.username else ()
            commands.append(("AUTH", *name, self.password.value))
        if self.db:
            commands.append(("SELECT", self.db))
        return commands


def parse_endpoint(url: str) -> Endpoint:
    """Read a store's URL. Raises ``ValueError`` that says what is wrong and does not repeat the URL."""
    try:
        parts = urlsplit(url)
    except ValueError:  # whose words may repeat the password
        raise ValueError("a store's URL looks like redis://host:6379") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError(f"a store's URL starts with one of {', '.join(f'{scheme}://' for scheme in _SCHEMES)}")
    options = dict(parse_qsl(parts.query))
    if unknown := options.keys() - _OPTIONS:
        raise ValueError(f"unknown option {min(unknown)!r} in a store's URL; known are {', '.join(sorted(_OPTIONS))}")
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    endpoint = Endpoint(
        username=unquote(username) or None,
        password=Secret(unquote(password)) if password else None,
        tls=_tls(options) if parts.scheme.startswith("rediss") else None,
    )
    if parts.scheme == "unix":
        if not parts.path.strip("/"):
            raise ValueError("a unix:// URL names the path of a socket")
        return msgspec.structs.replace(endpoint, path=unquote(parts.path), db=_db(options, ""))
    if parts.scheme.endswith("sentinel"):
        return _sentinel(endpoint, parts, hosts, options)
    if parts.scheme.endswith("cluster"):
        return _cluster(endpoint, parts, hosts, options)
    ((host, port),) = _addresses(hosts, _PORT, many=False)
    return msgspec.structs.replace(endpoint, host=host, port=port, db=_db(options, parts.path.strip("/")))


def _sentinel(endpoint: Endpoint, parts: SplitResult, hosts: str, options: Mapping[str, str]) -> Endpoint:
    master, _, db = parts.path.strip("/").partition("/")
    if not master:
        raise ValueError("a Sentinel URL ends with the name of the master: redis+sentinel://host:26379/mymaster")
    sentinels = _addresses(hosts, _SENTINEL_PORT, many=True)
    return msgspec.structs.replace(endpoint, sentinels=sentinels, master=master, db=_db(options, db))


def _cluster(endpoint: Endpoint, parts: SplitResult, hosts: str, options: Mapping[str, str]) -> Endpoint:
    if _db(options, parts.path.strip("/")):
        raise ValueError("a cluster has no databases: leave the number out")
    return msgspec.structs.replace(endpoint, nodes=_addresses(hosts, _PORT, many=True))


def _joined(addresses: tuple[tuple[str, int], ...]) -> str:
    return ",".join(f"{host}:{port}" for host, port in addresses)


def _addresses(hosts: str, default_port: int, *, many: bool) -> tuple[tuple[str, int], ...]:
    names = hosts.split(",") if many else [hosts]
    addresses = []
    for name in names:
        one = urlsplit(f"//{name}")
        try:
            port = one.port
        except ValueError:
            raise ValueError("the port in a store's URL is not a number up to 65535") from None
        addresses.append((one.hostname or "localhost", port or default_port))
    return tuple(addresses)


def _db(options: Mapping[str, str], path: str) -> int:
    text = options.get("db") or path or "0"
    if not text.isdecimal():
        raise ValueError("the database of a store is a number")
    return int(text)


def _tls(options: Mapping[str, str]) -> Tls:
    return Tls(options.get("ssl_ca_certs"), options.get("ssl_certfile"), options.get("ssl_keyfile"))
