"""Who is behind a recorded call: rows hold pseudonyms and ids of keys, conditions and tables may name people."""

from __future__ import annotations

from proxy.config.directory import Directory


class People:
    """Those whom the present directory knows."""

    def __init__(self, directory: Directory) -> None:
        """Work their pseudonyms out, once."""
        self._by_key = {key.id: key.user or "" for key in directory.keys}
        services = {key.service for key in directory.keys if key.service}
        self._by_pseudonym = {
            **{directory.pseudonym("service", name): "" for name in services},
            **{directory.pseudonym("user", name): name for name in directory.users},
        }
        self._tokens = directory.jwt.key_id if directory.jwt else None

    def user_of(self, key: str, person: str) -> str | None:
        """The user; empty for a service and for somebody known to the identity provider alone; None: gone.

        A pseudonym that is not ours (an export of another installation) is told by its key.
        """
        user = self._by_pseudonym.get(person)
        if user is None:
            user = self._by_key.get(key)
        if user is None and key == self._tokens:
            return ""
        return user
