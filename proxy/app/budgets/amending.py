"""Grants and adjustments, written beside running workers: a row first, then the counter, as with every call.

The command has a journal of its own in this machine's file, and a lock on it, so that two commands never give one number.
Whoever is killed between the row and the counter has done enough: a running proxy finds the row within seconds, the next
command or the next start finds it else. Nothing is written that could not be counted at once: a store that is away is told
of before.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from proxy.app.budgets.house import House, Shut, away
from proxy.app.budgets.standing import Budget, reaching
from proxy.domain.amendment import Amendment, AmendmentKind, charge_of
from proxy.domain.errors import StoreAway, Unavailable
from proxy.domain.money import NANO_PER_USD, exact_usd
from proxy.journal.books import JournalBooks
from proxy.journal.log import Log, open_log
from proxy.journal.reader import Reader
from proxy.journal.writer import Writer
from proxy.server.ids import RequestIds
from proxy.server.lock import StateTaken, slot_lock
from proxy.stores.meters import StoreMeters
from proxy.stores.settler import StoreSettler

SLOT: Final = "budget"  # the command's journal; no worker's is called so
SETTLE_S: Final = 5.0
_TURN_S: Final = 10.0  # a command waits so long for another
_MOST: Final = 2**53 - 1  # what stores count exactly
LONGEST_TEXT: Final = 500
_LONGEST_NAME: Final = 128

Told = Callable[[str, str], None]  # an event of the journal, and what happened


def amendment(budget: Budget, kind: AmendmentKind, amount_nusd: int, *, reason: str, by: str) -> Amendment:
    """What is to be written. Raises ``ValueError`` for one that makes no sense on this budget as it stands."""
    _check_amount(budget, kind, amount_nusd)
    return Amendment(
        id=RequestIds()(),
        at=time.time(),
        kind=kind,
        org=budget.whom.ground.org,
        rule=budget.rule.id,
        scope=budget.wish.scope,
        period=budget.period.name,
        amount_nusd=amount_nusd,
        reason=one_line(reason, "a reason", LONGEST_TEXT),
        by=one_line(by or os.environ.get("SUDO_USER", "") or account(), "a name", _LONGEST_NAME),
        account=account(),
        charges=(charge_of(kind, budget.key, amount_nusd, budget.period.end),),
    )


def write(house: House, budget: Budget, written: Amendment, told: Told) -> bool:
    """Commit it and have it counted; False where it is committed and a worker will count it.

    Whether it makes sense on ``budget`` is asked again as it stands by then, while no other command writes.
    Raises ``Shut`` where nothing was written. ``told`` hears of troubles with file and store.
    """
    try:
        with slot_lock(house.settings.state, SLOT, _TURN_S):
            return asyncio.run(_write(house, budget, written, told))
    except StateTaken as error:
        raise Shut(
            f"another budget command (process {error.pid}) has been writing for {_TURN_S:.0f} s; run this again when it is done"
        ) from None
    except StoreAway as error:
        raise away(house, error) from None
    except Unavailable:
        raise Shut(
            f"{house.journal} cannot be written; look at its disk, and at `tallygate budget log` before you repeat this"
        ) from None
    except OSError as error:
        raise Shut(f"{house.settings.state} cannot be used: {error.strerror}") from None


def account() -> str:
    """The operating system's name for whoever runs this; its number where there is no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def one_line(text: str, what: str, longest: int) -> str:
    """People's words as they are kept. Raises ``ValueError`` for none, too many, or what no screen shows."""
    line = text.strip()
    if not line:
        raise ValueError(f"{what} is missing: who reads the log wants to know")
    if len(line) > longest or not line.isprintable():
        raise ValueError(f"{what} is one line of at most {longest} characters")
    return line


async def _write(house: House, budget: Budget, written: Amendment, told: Told) -> bool:
    async with reaching(house) as store:
        reader = Reader(house.journal)
        writer = Writer(lambda: open_log(house.journal, SLOT, durable=True), told)
        books = JournalBooks(writer, reader, StoreSettler(store), told, workers=house.settings.workers)
        store.on_return(books.store_returned)
        try:
            await books.start()
            if not await _settled(books):  # what was left, and whether the store answers at all
                raise StoreAway("it does not take what was written before")
            if 0 < written.charges[0].period_end * 1_000_000 <= store.of(house.org).clock.time_us():
                raise Shut(f"the period {written.period} has ended meanwhile; run this again for the new one")
            _check_again(msgspec.structs.replace(budget, stands=await StoreMeters(store).spent(budget.key)), written)
            entry = await writer.run(partial(Log.amend, amendment=written))
            books.committed([entry])
            return await _settled(books)
        finally:
            await books.close(0.1)
            reader.close()


async def _settled(books: JournalBooks) -> bool:
    try:
        async with asyncio.timeout(SETTLE_S):
            await books.settled()
    except TimeoutError:
        return False
    return True


def _check_again(budget: Budget, written: Amendment) -> None:
    try:
        _check_amount(budget, written.kind, written.amount_nusd)
    except ValueError as error:
        raise Shut(f"nothing was written, for the budget has changed meanwhile: {error}") from None


def _check_amount(budget: Budget, kind: AmendmentKind, amount: int) -> None:
    if amount == 0:
        raise ValueError("$0 changes nothing")
    before = budget.stands.granted if kind is AmendmentKind.GRANT else budget.stands.spent
    if before + amount < 0:
        done = "granted by command" if kind is AmendmentKind.GRANT else "spent"
        raise ValueError(f"only ${exact_usd(before)} is {done} there, so no more than that can be taken back")
    if max(before + amount, budget.ceiling + amount) > _MOST:
        raise ValueError(f"that is more than ${_MOST // NANO_PER_USD:,} in all, which no store counts exactly")
