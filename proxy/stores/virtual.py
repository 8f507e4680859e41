"""A private engine with a clock that the caller gives: what would have been admitted, by the production scripts unchanged.

For tests of policies and for replays. ``scripts/virtual.lua`` puts many moves into one call, so a million holds with their
settlements take the engine about a minute, while the caller decides the next ones. Synchronous: for commands and threads.

Nothing expires here and nothing is swept; an org of its own (any name) is a clean set of meters at no cost.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import hiredis
import msgspec

from proxy.domain.meter import Charge, Held, Hold
from proxy.stores import keys
from proxy.stores.engine import SOCKET_PATH_LIMIT, Engine
from proxy.stores.errors import EngineFailed, Refused, Unanswered
from proxy.stores.meters import contents, held_of
from proxy.stores.rows import pack_charges
from proxy.stores.scripts import load_scripts

MOVES: Final = 500  # in one call of the engine, some 20 ms
_JOURNAL: Final = "virtual"
_FLAGS: Final = ("--appendonly", "no", "--save", "", "--maxmemory-policy", "noeviction")
_PIECE: Final = 1 << 18
_PATIENCE_S: Final = 60.0
_LEASE_S: Final = 30.0

_decode: Final = msgspec.msgpack.Decoder().decode


class Taking(msgspec.Struct, frozen=True):
    """A hold at a time. ``lease_s``: how long it counts as a live call; nobody refreshes it, so say how long it runs."""

    hold: Hold
    at_us: int
    lease_s: float = _LEASE_S


class Settling(msgspec.Struct, frozen=True):
    """What a call came to, at the time when it ended. Counted only if its hold stands; "" as the id counts anyway."""

    org: str
    hold_id: str
    charges: tuple[Charge, ...]
    at_us: int


Move = Taking | Settling


class VirtualMeters:
    """Holds and settlements, in the order given, each at its own time; times may go back, for meters are told them anew.

    One thread at a time. A refused or failed script raises ``Refused``; a lost engine ``Unanswered``.
    """

    def __init__(self, path: Path) -> None:
        """Connect to the engine at a Unix socket. Raises ``OSError``."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_PATIENCE_S)
        self._socket.connect(str(path))
        self._reader = hiredis.Reader(replyError=Refused)
        self._sent: deque[tuple[Move, ...]] = deque()
        text = script_text()
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        self._tell("SCRIPT", "LOAD", text)
        self._reply()

    def hold_many(self, holds: Sequence[Taking]) -> list[Held]:
        """Ask for holds one after the other; answers in the same order, as ``ports.Meters.hold`` gives them."""
        return [held for held in self.play(holds) if held is not None]

    def settle_many(self, settlements: Sequence[Settling]) -> None:
        """Count settlements one after the other."""
        self.play(settlements)

    def play(self, moves: Sequence[Move]) -> list[Held | None]:
        """Make moves of both kinds in their order; ``None`` for each settlement. Nothing may be under way from ``begin``."""
        rest, told = iter(moves), []
        while batch := tuple(islice(rest, MOVES)):
            self.begin(batch)
            if len(self._sent) > 1:
                told += self.end()
        while self._sent:
            told += self.end()
        return told

    def begin(self, moves: Sequence[Move]) -> None:
        """Send up to about ``MOVES`` and go on: the engine works meanwhile. Each ``begin`` wants one ``end``, in order."""
        words: list[Any] = ["EVALSHA", self._sha, 0]
        for move in moves:
            words += _words(move)
        self._tell(*words)
        self._sent.append(tuple(moves))

    def end(self) -> list[Held | None]:
        """The answers to the oldest ``begin`` that has none yet."""
        moves = self._sent.popleft()
        replies = _decode(self._reply())
        return [
            held_of(reply) if isinstance(move, Taking) else None for move, reply in zip(moves, replies, strict=True)
        ]

    def evaluated(self, words: Sequence[str | bytes | int]) -> bytes:
        """What the script says to the words of moves; see ``virtual_batch``."""
        self._tell("EVALSHA", self._sha, 0, *words)
        return bytes(self._reply())

    def forget(self) -> None:
        """Empty every meter of every org."""
        self._tell("FLUSHALL")
        self._reply()

    def close(self) -> None:
        """Let go of the connection."""
        self._socket.close()

    def _tell(self, *words: str | bytes | int) -> None:
        try:
            self._socket.sendall(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub invents an invariant tuple
        except OSError as error:
            raise Unanswered(f"the private engine is lost: {error}") from error

    def _reply(self) -> Any:
        while (reply := self._reader.gets()) is False:
            try:
                piece = self._socket.recv(_PIECE)
            except OSError as error:
                raise Unanswered(f"the private engine is lost: {error}") from error
            if not piece:
                raise Unanswered("the private engine ended")
            self._reader.feed(piece)
        if isinstance(reply, Refused):
            raise reply
        return reply


@contextmanager
def virtual_meters() -> Iterator[VirtualMeters]:
    """An engine of one's own in a folder of its own, ended and removed afterwards: some 40 ms to start, and to end.

    It ends with the thread that started it. Raises ``EngineFailed``.
    """
    folder = Path(tempfile.mkdtemp(prefix="tg-"))
    engine = Engine("trial", folder, _FLAGS)
    try:
        if len(os.fsencode(engine.socket)) > SOCKET_PATH_LIMIT:
            raise EngineFailed(f"{folder.parent} is too long a path for its socket; set TMPDIR to a shorter one")
        engine.start()
        try:
            meters = VirtualMeters(engine.socket)
        except OSError as error:
            raise EngineFailed(f"the private engine cannot be reached: {error}") from error
        try:
            yield meters
        finally:
            meters.close()
    finally:
        engine.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _words(move: Move) -> list[Any]:
    if isinstance(move, Taking):
        hold = move.hold
        names = (keys.open_holds(hold.org), keys.hold(hold.org, hold.id), keys.void(hold.org, hold.id))
        arguments: tuple[Any, ...] = (hold.id, round(move.lease_s * 1000), *contents(hold))
        return ["h", move.at_us, len(names), len(arguments), *names, *arguments]
    names = (keys.open_holds(move.org), keys.applied(move.org), keys.never(move.org))
    arguments = (_JOURNAL, 0, move.hold_id, 0, pack_charges(move.charges))
    return ["s", move.at_us, len(names), len(arguments), *names, *arguments]


def script_text() -> str:
    """The batch script with the bodies of the two that it runs; they keep their text, but for their first line."""
    scripts = load_scripts()
    text = (Path(__file__).parent / "scripts" / "virtual.lua").read_text("utf-8")
    for name in ("hold", "settle"):
        text = text.replace(f"--<{name}>\n", scripts[name].text.partition("\n")[2])
    return text
