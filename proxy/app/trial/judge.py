"""Judges the tests of policies: many at once, on one engine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from itertools import islice
from typing import Final

import msgspec

from proxy.app.trial.asked import Unasked
from proxy.app.trial.expecting import disagreements
from proxy.app.trial.ground import Ground
from proxy.app.trial.outcome import Outcome
from proxy.app.trial.play import Round, play
from proxy.app.trial.standing import Standing
from proxy.domain.meter import Held
from proxy.policy.case import Case
from proxy.stores.virtual import VirtualMeters

AT_ONCE: Final = 200  # cases that share an engine's answer


class Verdict(msgspec.Struct, frozen=True):
    """A test and what came of it; ``outcome`` is None where the case asks for what cannot be asked."""

    case: Case
    faults: tuple[str, ...]  # what came out otherwise than expected
    outcome: Outcome | None = None

    @property
    def passed(self) -> bool:
        """Whether everything came out as expected."""
        return not self.faults

    @property
    def good(self) -> bool:
        """Whether nobody must do anything: it passed, or is known to fail."""
        return self.passed or self.case.todo


def judge(
    cases: Sequence[Case],
    ground: Ground,
    meters: VirtualMeters,
    *,
    done: Callable[[int], None] = lambda _: None,
) -> tuple[Verdict, ...]:
    """Judge cases, in their order; some half a millisecond each. ``done`` is told how many more are judged.

    ``meters``: a private engine, see ``stores.virtual``; equal cases come out equal whatever it was used for before, but no
    other thread may use it meanwhile. Raises ``StoreAway`` where the engine is lost.
    """
    verdicts: list[Verdict] = []
    rest = iter(cases)
    while batch := list(islice(rest, AT_ONCE)):
        meters.forget()
        verdicts += _together(batch, ground, meters)
        done(len(batch))
    return tuple(verdicts)


def outcome_of(case: Case, ground: Ground, meters: VirtualMeters, standing: Standing | None = None) -> Outcome:
    """What comes of one case, as things stand by ``standing``, else as the case says.

    Raises ``Unasked`` where it asks for what cannot be asked.
    """
    meters.forget()
    (ended,) = _run([play(ground, case, case.asker.org, standing)], meters)
    if isinstance(ended, Unasked):
        raise ended
    return ended


def _together(cases: Sequence[Case], ground: Ground, meters: VirtualMeters) -> list[Verdict]:
    plays = [play(ground, case, f"t{number}") for number, case in enumerate(cases)]
    return [_verdict(case, ended) for case, ended in zip(cases, _run(plays, meters), strict=True)]


def _verdict(case: Case, ended: Outcome | Unasked) -> Verdict:
    if isinstance(ended, Unasked):
        return Verdict(case, (str(ended),))
    return Verdict(case, tuple(disagreements(case, ended)), ended)


def _run(plays: Sequence[Generator[Round, Held, Outcome]], meters: VirtualMeters) -> list[Outcome | Unasked]:
    """Let all go on together, round by round, until each has come to its end."""
    ended: dict[int, Outcome | Unasked] = {}
    waiting: dict[int, Round] = {}

    def go_on(number: int, held: Held | None) -> None:
        try:
            one = plays[number]
            waiting[number] = next(one) if held is None else one.send(held)
        except StopIteration as stop:
            ended[number] = stop.value
        except Unasked as error:
            ended[number] = error

    for number in range(len(plays)):
        go_on(number, None)
    while waiting:
        rounds = list(waiting.items())
        waiting.clear()
        answers = iter(_answers([asked for _, asked in rounds], meters))
        for number, _ in rounds:
            go_on(number, next(answers))
    return [ended[number] for number in range(len(plays))]


def _answers(rounds: Sequence[Round], meters: VirtualMeters) -> list[Held]:
    moves = [move for one in rounds for move in (*one.before, one.taking)]
    own = [flag for one in rounds for flag in (*(False for _ in one.before), True)]
    told = zip(own, meters.play(moves), strict=True)
    return [held for is_own, held in told if is_own and held is not None]
