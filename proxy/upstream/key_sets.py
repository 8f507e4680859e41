"""The key set that an identity provider publishes: fetched ahead of need, kept while the provider is away.

Satisfies ``ports.KeySets``. Callers can hurry it, together once in ``HURRY_S``, and wait ``PATIENCE_S`` for it at most.
Failure: whatever is not a key set, comes late or does not come leaves the last good one in force; the first failure of a
row is told to the log, ``fault`` says it as long as it lasts. Redirects are answers like any other, hence failures.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from urllib.parse import urlsplit

from proxy.config import jwk_set
from proxy.config.directory import Jwt
from proxy.domain.errors import CallError
from proxy.domain.upstream import Timeouts, Upstream
from proxy.ports import Wire

HURRY_S = 30.0  # between two fetches that tokens with unknown keys may cause
AGAIN_S = 30.0  # after a failure
PATIENCE_S = 2.0
WHOLE_S = 5.0  # for a fetch from its beginning to its last byte
_OK = 200
_HEADERS = [(b"accept", b"application/json, application/jwk-set+json")]

Tell = Callable[[str, str, str], None]  # (level, event, detail) to the log


class _Followed:
    """A provider, and where its key set stands."""

    def __init__(self, jwt: Jwt) -> None:
        parts = urlsplit(jwt.jwks)
        self.url, self.refresh_s = jwt.jwks, jwt.refresh_s
        self.upstream = Upstream(
            name=f"jwt: {parts.netloc}",  # no upstream of the configuration can be called so
            dialect="",
            base_url=f"{parts.scheme}://{parts.netloc}",
            timeouts=Timeouts(connect_s=WHOLE_S, first_byte_s=WHOLE_S, idle_s=WHOLE_S),
            max_connections=2,
            ca_file=str(jwt.ca_file) if jwt.ca_file else None,
        )
        self.target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self.document: bytes | None = None
        self.fault: str | None = None
        self.due = 0.0  # monotonic
        self.hurried_at: float | None = None
        self.asking: asyncio.Task[None] | None = None


class PublishedKeys:
    """The key set of the directory's provider, for one worker."""

    def __init__(self, wire: Wire, now: Callable[[], float], tell: Tell) -> None:
        """``now`` is monotonic seconds."""
        self._wire = wire
        self._now = now
        self._tell = tell
        self._followed: _Followed | None = None
        self._changed = asyncio.Event()

    @property
    def fault(self) -> str | None:
        """Why the keys of now are not known, in a short phrase; None while all is well."""
        followed = self._followed
        return followed.fault if followed else None

    def follow(self, jwt: Jwt | None) -> None:
        """Follow this provider from now on. A document of the same URL is kept."""
        old, new = self._followed, _Followed(jwt) if jwt is not None and jwt.document is None else None
        if old is not None and new is not None and old.url == new.url:
            if (old.upstream, old.refresh_s) == (new.upstream, new.refresh_s):
                return
            new.document, new.fault, new.hurried_at = old.document, old.fault, old.hurried_at
        self.close()
        self._followed = new
        self._changed.set()

    def close(self) -> None:
        """End a fetch that is under way."""
        if self._followed is not None and self._followed.asking is not None:
            self._followed.asking.cancel()

    def document(self, url: str) -> bytes | None:
        """Give the newest good document, the same object until another one comes; None while there is none."""
        followed = self._followed
        return followed.document if followed is not None and followed.url == url else None

    async def newer(self, url: str) -> bool:
        """Ask again, unless callers made us ask a moment ago. False: nobody can say whether the document is of now."""
        followed = self._followed
        if followed is None or followed.url != url:
            return False
        now = self._now()
        if followed.asking is None and (followed.hurried_at is None or now - followed.hurried_at >= HURRY_S):
            followed.hurried_at = now
            self._ask(followed)
        if followed.asking is not None:  # others wait for it, too: whoever leaves must not end it
            await asyncio.wait({followed.asking}, timeout=PATIENCE_S)
        is_known = followed.asking is None and followed.fault is None and followed.document is not None
        return is_known and followed is self._followed

    async def run(self) -> None:
        """Fetch when it is due, for ever."""
        while True:
            self._changed.clear()
            followed = self._followed
            if followed is not None and self._now() >= followed.due:
                asking = followed.asking or self._ask(followed)
                await asyncio.wait({asking})
                if not asking.cancelled():  # else a reload did it
                    asking.result()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, followed.due - self._now()) if followed else None):
                    await self._changed.wait()

    def _ask(self, followed: _Followed) -> asyncio.Task[None]:
        followed.asking = asyncio.ensure_future(self._renew(followed))
        return followed.asking

    async def _renew(self, followed: _Followed) -> None:
        fault = None
        try:
            async with asyncio.timeout(WHOLE_S):
                document = await self._fetch(followed)
            jwk_set.parse(document)
            if document != followed.document:
                followed.document = document
        except TimeoutError:
            fault = f"did not give its whole answer within {WHOLE_S:g} s"
        except CallError as error:
            fault = error.message.rstrip(".")
        except ValueError as error:
            fault = f"what it gave {error}"
        finally:
            followed.asking = None
            followed.due = self._now() + (min(AGAIN_S, followed.refresh_s) if fault else followed.refresh_s)
        self._note(followed, fault)

    def _note(self, followed: _Followed, fault: str | None) -> None:
        """Tell the log what changed, not what goes on."""
        before, followed.fault = followed.fault, fault
        if fault is not None and before is None:
            kept = "the last good keys stay in force" if followed.document else "no token can be checked"
            self._tell("warning", "key_set_unavailable", f"{followed.url}: {fault}; {kept}")
        elif fault is None and before is not None:
            self._tell("info", "key_set_back", followed.url)

    async def _fetch(self, followed: _Followed) -> bytes:
        """Raises ``CallError``, and ``ValueError`` for an answer that is none."""
        answer = await self._wire.send(followed.upstream, "GET", followed.target, list(_HEADERS), b"")
        try:
            if answer.status != _OK:
                raise ValueError(f"is status {answer.status}")
            if answer.coding:
                raise ValueError("is compressed although that was not asked for")
            pieces, size = [], 0
            while piece := await answer.piece():
                pieces.append(piece)
                size += len(piece)
                if size > jwk_set.MAX_BYTES:
                    break
            return b"".join(pieces)
        finally:
            answer.close()
