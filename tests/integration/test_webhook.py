"""The webhook: signed, in order, tried again where that may help, and never in anybody's way."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from proxy.config.settings import Notify
from proxy.domain.upstream import Secret
from proxy.upstream.webhook import MOST, Webhook
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import Script, failing, reset, stale, whole
from tests.support.waiting import until
from tests.support.wires import open_wire

PATH = "/hook/path-secret"
OK = whole(b"", 204)


@pytest.fixture
def receiver() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


class Told:
    """A log and a count."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.details: list[str] = []
        self.counted: list[tuple[str, str]] = []

    def tell(self, level: str, event: str, detail: str) -> None:
        self.events.append(f"{level} {event}")
        self.details.append(detail)

    def count(self, type_: str, outcome: str) -> None:
        self.counted.append((type_, outcome))


@asynccontextmanager
async def posting(url: str, told: Told, secret: str | None = "s3cret") -> AsyncIterator[Webhook]:  # noqa: S107 - of a test
    """A webhook whose pauses are none."""
    async with open_wire() as wire:
        to = Notify(url + PATH + "?x=1", Secret(secret) if secret else None)
        hook = Webhook(wire, to, told.tell, told.count, pauses_s=(0.0, 0.0))
        running = asyncio.create_task(hook.run())
        yield hook
        running.cancel()
        await asyncio.wait({running})


async def counted(told: Told, number: int) -> None:
    async def enough() -> bool:
        return len(told.counted) >= number

    await until(enough)


async def test_a_notice_is_posted_once_signed_as_github_signs(receiver: ScriptedUpstream) -> None:
    receiver.replies(OK, always=True)
    told = Told()
    async with posting(receiver.base_url, told) as hook:
        hook.post("budget.crossed", "0196", b'{"type":"budget.crossed"}')
        await counted(told, 1)
    (seen,) = receiver.seen
    assert (seen.method, seen.target, seen.body) == ("POST", PATH + "?x=1", b'{"type":"budget.crossed"}')
    digest = hmac.new(b"s3cret", seen.body, hashlib.sha256).hexdigest()
    wanted = {
        "x-tally-signature": f"sha256={digest}",
        "x-tally-event": "budget.crossed",
        "x-tally-delivery": "0196",
        "content-type": "application/json",
    }
    assert {name: seen.header(name) for name in wanted} == wanted
    assert told.counted == [("budget.crossed", "sent")]


async def test_without_a_secret_nothing_is_signed(receiver: ScriptedUpstream) -> None:
    receiver.replies(OK)
    told = Told()
    async with posting(receiver.base_url, told, secret=None) as hook:
        hook.post("t", "1", b"{}")
        await counted(told, 1)
    assert receiver.seen[0].header("x-tally-signature") is None


@pytest.mark.parametrize(
    "first", [failing(500), failing(429), stale(), [reset()]], ids=["500", "429", "stale", "reset"]
)
async def test_what_may_pass_is_tried_again_with_the_same_name(receiver: ScriptedUpstream, first: Script) -> None:
    receiver.replies(first, OK)
    told = Told()
    async with posting(receiver.base_url, told) as hook:
        hook.post("t", "1", b"{}")
        await counted(told, 1)
    assert [seen.header("x-tally-delivery") for seen in receiver.seen] == ["1", "1"]
    assert told.counted == [("t", "sent")]
    assert told.events == []


@pytest.mark.parametrize("status", [301, 400, 404, 410])
async def test_what_will_not_pass_is_dropped_at_once(receiver: ScriptedUpstream, status: int) -> None:
    receiver.replies(failing(status), OK)
    told = Told()
    async with posting(receiver.base_url, told) as hook:
        hook.post("t", "1", b"{}")
        hook.post("t", "2", b"{}")
        await counted(told, 2)
    assert told.counted == [("t", "dropped"), ("t", "sent")]
    assert len(receiver.seen) == 2


async def test_an_outage_is_told_to_the_log_once_and_its_end_and_never_the_path(receiver: ScriptedUpstream) -> None:
    receiver.replies(*[failing(503)] * 6, OK, OK)
    told = Told()
    async with posting(receiver.base_url, told) as hook:
        for number in range(4):
            hook.post("t", str(number), b"{}")
        await counted(told, 4)
    assert [outcome for _, outcome in told.counted] == ["dropped", "dropped", "sent", "sent"]
    assert told.events == ["warning webhook_failed", "info webhook_back"]
    assert not any("path-secret" in detail for detail in told.details)


async def test_a_notice_that_cannot_even_be_signed_is_dropped_and_those_behind_it_have_their_turn(
    receiver: ScriptedUpstream,
) -> None:
    told = Told()
    async with posting(receiver.base_url, told, secret="s3cret-\ud800") as hook:
        hook.post("t", "1", b"{}")
        hook.post("t", "2", b"{}")
        await counted(told, 2)
    assert told.counted == [("t", "dropped")] * 2
    assert told.events == ["warning webhook_failed"]
    assert "UnicodeEncodeError" in told.details[0]
    assert "s3cret" not in told.details[0]


async def test_where_nobody_listens_what_waits_is_bounded_and_the_rest_is_counted() -> None:
    told = Told()
    async with open_wire() as wire:
        hook = Webhook(wire, Notify("http://127.0.0.1:9/x"), told.tell, told.count)
        for number in range(MOST + 5):
            hook.post("t", str(number), b"{}")
    assert told.counted == [("t", "dropped")] * 5
    assert not hook.is_idle
