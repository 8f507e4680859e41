"""A replay from its beginning to its report: calls are put aside, two processes take them, their answers are compared."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from proxy.app.replay.framing import receive, send
from proxy.app.replay.gathering import WORDS, Left
from proxy.app.replay.outcome import Outcome
from proxy.app.replay.recorded import Recorded, line_of, read_own
from proxy.app.replay.revisions import Side
from proxy.app.replay.tallying import Tally
from proxy.app.replay.working import COMMAND, Begun, KnownRule, Work, begun, encode, outcomes

Moved = Callable[[int], None]  # calls compared so far
_ENDS_S: Final = 5.0


class Unusable(Exception):
    """One of the two generations cannot be replayed, and why."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What would change. ``left`` are calls that were not replayed, by reason; ``since`` and ``until`` are unix seconds."""

    names: tuple[str, str]
    since: float
    until: float
    tally: Tally
    left: Mapping[Left, int]
    rules: Mapping[str, KnownRule]  # of both, the new one before the old one
    is_timed: bool  # some of them hold for a while only
    is_running: bool  # the old one is in force, so that it can be compared with what happened

    def unmoved(self) -> str:
        """What to say where no outcome differs: rules that a replay cannot follow may still be other ones."""
        blind = sorted({rule.verb for rule in self.rules.values()} & {"cache", "inspect"})
        if not blind:
            return "Nothing would change for these calls."
        return f"Nothing would change for these calls, as far as can be told without {' and '.join(blind)} rules."

    def limits(self) -> Iterator[str]:
        """What a replay cannot know, of these rules and these calls."""
        for reason, count in self.left.items():
            yield f"{count:,} calls {WORDS[reason]}"
        verbs = {rule.verb for rule in self.rules.values()}
        if "inspect" in verbs:
            found = sorted(rule.id for rule in self.rules.values() if rule.verb == "inspect")
            yield f"content rules look at prompts, which are not kept: {', '.join(found)}"
        if "cache" in verbs:
            yield "what a cache rule would have answered"
        if verbs & {"budget", "rate", "parallel", "waste"}:
            yield "meters begin at zero at the beginning of the window, without grants given by hand"
        if "waste" in verbs:
            yield "usage facts, and since when a ladder's condition holds, are as recorded"
        if self.is_timed:
            yield "rules and exemptions hold, by their `from` and `until`, at the times at which the calls were made"
        yield "failover: each call is decided once, at the upstream that was asked first"


def replayed(
    config: Path,
    sides: tuple[Side, Side],
    calls: Iterable[Recorded],
    aside: Path,
    moved: Moved,
) -> tuple[Tally, Begun]:
    """Replay calls through both; what came of it, and the rules of both. ``aside`` is an empty folder with a short name, of ours alone.

    Raises ``Unusable``, and what reading ``calls`` raises.
    """
    path = aside / "calls.jsonl"
    with ExitStack() as stack:
        both: list[_Worker] = []
        for side in sides:
            home = aside / str(len(both))
            both.append(_Worker(stack.enter_context(_process()), side.name))
            both[-1].tell(encode(Work(str(config), str(side.folder), str(path), str(home), side.name)))
        newest = _put_aside(path, calls)
        known = [worker.begun() for worker in both]
        for worker in both:
            worker.tell(b"begin")
        tally = Tally(newest)
        _compare(path, [worker.batches() for worker in both], tally, moved)
    rules = tuple([rule for one in known for rule in one.rules])
    return tally, Begun(rules, any(one.is_timed for one in known))


def _put_aside(path: Path, calls: Iterable[Recorded]) -> str:
    newest = ""
    with path.open("wb") as file:
        for call in calls:
            file.write(line_of(call))
            newest = call.generation
    return newest


def _compare(path: Path, both: Sequence[Iterator[list[Outcome]]], tally: Tally, moved: Moved) -> None:
    rest = read_own(path)
    for old, new in zip(*both, strict=True):
        for call, one, other in zip(islice(rest, len(old)), old, new, strict=True):
            tally.add(call, one, other)
        moved(tally.calls)


@contextmanager
def _process() -> Iterator[subprocess.Popen[bytes]]:
    """A process at work, in a session of its own so that a Ctrl-C is for us alone; it ends when the block is left."""
    process = subprocess.Popen(  # noqa: S603  # our interpreter, our module
        COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not yet written is for nobody
                    pipe.close()
        try:
            process.wait(_ENDS_S)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()


class _Worker:
    """What is told to a process, and what it tells. Raises ``Unusable``."""

    def __init__(self, process: subprocess.Popen[bytes], name: str) -> None:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process without pipes")
        self._told, self._tells = process.stdin, process.stdout
        self._name = name

    def tell(self, message: bytes) -> None:
        with suppress(OSError):  # it is gone, and why is told by what it said last
            send(self._told, message)

    def begun(self) -> Begun:
        found = begun(self._heard())
        if found.fault:
            raise Unusable(f"{self._name} cannot be replayed:\n{found.fault}")
        return found

    def batches(self) -> Iterator[list[Outcome]]:
        while True:
            said = self._heard()
            try:
                batch = outcomes(said)
            except msgspec.ValidationError:
                raise Unusable(f"{self._name} cannot be replayed:\n{begun(said).fault}") from None
            if not batch:
                return
            yield batch

    def _heard(self) -> bytes:
        try:
            return receive(self._tells)
        except (EOFError, OSError):
            raise Unusable(f"the replay of {self._name} ended before it was done") from None
