"""A body that is still coming is sent piece by piece, framed as its length demands, and whoever fails ends it for both."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from proxy.domain.errors import CallError, ClientGone, TooLarge
from proxy.upstream.pump import pump


class Coming:
    """A body of these pieces; ``then`` is raised in place of its end."""

    def __init__(self, pieces: Sequence[bytes], length: int | None, then: Exception | None = None) -> None:
        self.length = length
        self._pieces, self._then = list(pieces), then

    async def piece(self) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        if self._then is not None:
            raise self._then
        return b""


class Noted:
    """A connection and an answer at once."""

    def __init__(self) -> None:
        self.written = b""
        self.clock: list[str] = []
        self.is_sent = False
        self.error: CallError | None = None

    async def write(self, data: bytes) -> None:
        self.written += data

    def all_sent(self) -> None:
        self.is_sent = True

    def body_awaited(self) -> None:
        self.clock.append("awaited")

    def body_came(self) -> None:
        self.clock.append("came")

    def fail(self, error: CallError) -> None:
        self.error = error


async def pumped(body: Coming) -> tuple[Noted, list[bool]]:
    noted = Noted()
    told: list[bool] = []
    await pump(noted, body, noted, told.append)
    return noted, told


async def test_a_body_of_known_length_is_written_as_it_is() -> None:
    noted, told = await pumped(Coming([b"ab", b"c"], 3))
    assert (noted.written, noted.is_sent, told, noted.error) == (b"abc", True, [True], None)
    assert noted.clock == ["awaited", "came"] * 3


async def test_a_body_of_unknown_length_is_written_in_chunks() -> None:
    noted, told = await pumped(Coming([b"a" * 17, b"c"], None))
    assert (noted.written, told) == (b"11\r\n" + b"a" * 17 + b"\r\n1\r\nc\r\n0\r\n\r\n", [True])


@pytest.mark.parametrize("error", [TooLarge("too large"), ClientGone()])
@pytest.mark.parametrize("length", [3, None])
async def test_a_caller_who_fails_ends_the_exchange_without_an_end_of_the_body(
    error: Exception, length: int | None
) -> None:
    noted, told = await pumped(Coming([b"ab"], length, error))
    assert noted.error is not None
    assert (noted.is_sent, told) == (False, [])
    assert not noted.written.endswith(b"0\r\n\r\n")
    if isinstance(error, TooLarge):
        assert noted.error is error


@pytest.mark.parametrize("length", [2, 4])
async def test_a_body_of_another_length_than_was_announced_is_given_up(length: int) -> None:
    noted, told = await pumped(Coming([b"abc"], length))
    assert noted.error is not None
    assert (noted.is_sent, told) == (False, [])


async def test_a_bug_in_reading_a_body_ends_the_exchange_and_is_not_hidden() -> None:
    noted = Noted()
    with pytest.raises(ZeroDivisionError):
        await pump(noted, Coming([b"ab"], 3, ZeroDivisionError()), noted, None)
    assert noted.error is not None
    assert not noted.is_sent
