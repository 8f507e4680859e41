"""A private PostgreSQL for tests: Debian's, on a Unix socket in a short folder, never a standing one.

It refuses to run as root, so under root it runs as the user that its package made.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from proxy.config.ledger_url import LedgerPlace, parse_ledger
from tests.support.engines import short_folder

_USER = "postgres"
_SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "max_connections": "40", "listen_addresses": "''"}


def _programs() -> Path:
    """The folder of initdb and pg_ctl. Skips the test by name where there is none, fails it in CI."""
    on_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: float(one.parts[-3]))
    if found or on_path:
        return found[-1].parent if found else Path(on_path or "").parent
    if os.environ.get("CI") == "true":
        pytest.fail("PostgreSQL is missing; CI installs postgresql")
    pytest.skip("needs postgresql")


class Postgres:
    """A cluster in ``folder``. Databases are made by name; stopping and starting keeps them."""

    def __init__(self, folder: Path, *, encoding: str = "UTF8") -> None:
        self.folder = folder
        self._programs = _programs()
        self._cluster = folder / "cluster"
        self._names = count(1)
        self._user = _USER if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        options = ("--no-sync", "--no-locale", "-A", "trust", "-U", _USER, "-E", encoding)
        self._run("initdb", "-D", str(self._cluster), *options)
        with (self._cluster / "postgresql.conf").open("a") as settings:
            settings.writelines(f"{name} = {value}\n" for name, value in _SETTINGS.items())
            settings.write(f"unix_socket_directories = '{folder}'\n")

    def start(self) -> None:
        """Start, and return when it takes connections."""
        self._run("pg_ctl", "-D", str(self._cluster), "-w", "-t", "60", "-l", str(self.folder / "log"), "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop: ``immediate`` is like pulling the plug, ``fast`` cuts connections."""
        self._run("pg_ctl", "-D", str(self._cluster), "-w", "-m", mode, "stop")

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"ledger_{next(self._names)}"
        with psycopg.connect(host=str(self.folder), user=_USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def url(self, name: str, user: str = _USER) -> str:
        """How a configuration names a database here."""
        return f"postgresql+psycopg://{user}@/{name}?host={self.folder}"

    def place(self) -> LedgerPlace:
        """A new, empty database, as the journal takes it."""
        return parse_ledger(self.database())

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._programs / program), *arguments],
            user=self._user,
            group=pwd.getpwnam(self._user).pw_gid if self._user else None,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,  # the server would keep a pipe open
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stdout or (self.folder / 'log').read_text()}"


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A started PostgreSQL; ended and removed afterwards."""
    with short_folder() as folder:
        server = Postgres(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def ask(place: LedgerPlace, query: str, *values: object) -> list[tuple[object, ...]]:
    """What a query finds; nothing, where it only does something."""
    with psycopg.connect(**place.parameters()) as connection:  # type: ignore[arg-type]  # libpq's names are open
        cursor = connection.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []
