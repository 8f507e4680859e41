"""The key set of an identity provider that rotates, is slow, dies and talks nonsense: fetched in time, kept in need."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.config.directory import Jwt
from proxy.config.jwk_set import MAX_BYTES
from proxy.upstream.key_sets import AGAIN_S, HURRY_S, PublishedKeys
from tests.support.certificates import self_signed
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import (
    Script,
    cut_after,
    endless_sse,
    failing,
    garbage,
    huge_header,
    joined,
    pause,
    reset,
    silence,
    stale,
    whole,
)
from tests.support.tokens import jwk, key_set, private
from tests.support.wires import open_wire

FIRST, SECOND = key_set(jwk(private())), key_set(jwk(private("ES256"), "k2"))
REFRESH_S = 600.0


class Told:
    """A log and a clock."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.events: list[str] = []
        self.details: list[str] = []

    def now(self) -> float:
        return self.now_s

    def tell(self, level: str, event: str, detail: str) -> None:
        self.events.append(f"{level} {event}")
        self.details.append(detail)


@pytest.fixture
def provider() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def told() -> Told:
    return Told()


def at(provider: ScriptedUpstream, path: str = "/keys?p=1", refresh_s: float = REFRESH_S) -> Jwt:
    return Jwt("https://id.acme.example", ("tallygate",), provider.base_url + path, refresh_s=refresh_s)


@asynccontextmanager
async def following(jwt: Jwt | None, told: Told) -> AsyncIterator[PublishedKeys]:
    """A worker's key sets, without the chore that fetches ahead."""
    async with open_wire() as wire:
        keys = PublishedKeys(wire, told.now, told.tell)
        keys.follow(jwt)
        yield keys
        keys.close()
        await asyncio.sleep(0)


async def fetched(keys: PublishedKeys, jwt: Jwt, told: Told) -> bytes | None:
    """What is in force after another fetch."""
    told.now_s += HURRY_S
    await keys.newer(jwt.jwks)
    return keys.document(jwt.jwks)


async def until(what: object, keys: PublishedKeys, jwt: Jwt) -> None:
    """Wait for what the chore fetches."""
    async with asyncio.timeout(10):
        while keys.document(jwt.jwks) != what:  # noqa: ASYNC110 - the chore has no bell
            await asyncio.sleep(0.005)


async def test_it_is_fetched_from_its_place_and_nothing_is_said_of_us(provider: ScriptedUpstream, told: Told) -> None:
    provider.replies(whole(FIRST))
    jwt = at(provider)
    async with following(jwt, told) as keys:
        assert keys.document(jwt.jwks) is None
        assert await keys.newer(jwt.jwks)
        assert keys.document(jwt.jwks) == FIRST
    seen = provider.seen[0]
    assert (seen.method, seen.target) == ("GET", "/keys?p=1")
    assert sorted(name for name, _ in seen.headers) == ["accept", "accept-encoding", "connection", "host"]


async def test_it_is_fetched_before_anybody_asks_and_again_when_it_is_old(
    provider: ScriptedUpstream, told: Told
) -> None:
    provider.replies(whole(FIRST), whole(SECOND), always=True)
    jwt = at(provider, refresh_s=0.05)
    async with following(jwt, told) as keys:
        told.now = asyncio.get_running_loop().time  # type: ignore[method-assign]  # the real clock, for once
        keys._now = told.now
        chore = asyncio.create_task(keys.run())
        await until(FIRST, keys, jwt)
        await until(SECOND, keys, jwt)
        chore.cancel()


async def test_callers_hurry_it_once_in_a_while_however_many_they_are(provider: ScriptedUpstream, told: Told) -> None:
    provider.replies(whole(FIRST), always=True)
    jwt = at(provider)
    async with following(jwt, told) as keys:
        assert all(await asyncio.gather(*(keys.newer(jwt.jwks) for _ in range(100))))
        for _ in range(100):
            assert await keys.newer(jwt.jwks)
        told.now_s += HURRY_S - 1
        assert await keys.newer(jwt.jwks)
        assert len(provider.seen) == 1
        told.now_s += 1
        await keys.newer(jwt.jwks)
        assert len(provider.seen) == 2


async def test_an_equal_document_stays_the_same_object(provider: ScriptedUpstream, told: Told) -> None:
    provider.replies(whole(FIRST), always=True)
    jwt = at(provider)
    async with following(jwt, told) as keys:
        first = await fetched(keys, jwt, told)
        assert await fetched(keys, jwt, told) is first


BAD: dict[str, Script] = {
    "status 500": failing(500),
    "status 404": failing(404),
    "a redirect": whole(SECOND, 302, [("location", "/other")]),
    "no content": whole(b"", 204),
    "a page": whole(b"<html>sign in</html>"),
    "an empty set": whole(b'{"keys": []}'),
    "a private key": whole(key_set(jwk(private()) | {"d": "AA"})),
    "too much": whole(b" " * (MAX_BYTES + 1) + SECOND),
    "without end": endless_sse(b"{" * 5000),
    "compressed": whole(gzip.compress(SECOND), headers=[("content-encoding", "gzip")]),
    "cut": cut_after(SECOND, 30),
    "no HTTP": garbage(),
    "a huge header": huge_header(90000),
    "a reset": reset(),
    "nothing": stale(),
}


@pytest.mark.parametrize("bad", BAD)
async def test_whatever_is_no_key_set_leaves_the_last_good_one_and_is_told_once(
    bad: str, provider: ScriptedUpstream, told: Told
) -> None:
    provider.replies(whole(FIRST), path="/keys")
    jwt = at(provider)
    async with following(jwt, told) as keys:
        await keys.newer(jwt.jwks)
        assert keys.fault is None
        provider.replies(BAD[bad], always=True, path="/keys")
        for _ in range(3):
            assert await fetched(keys, jwt, told) == FIRST
            assert keys.fault
        assert not await keys.newer(jwt.jwks)
        assert told.events == ["warning key_set_unavailable"]
        assert told.details[0].startswith(jwt.jwks)
        assert "the last good keys stay in force" in told.details[0]
        provider.forget()
        provider.replies(whole(SECOND))
        assert await fetched(keys, jwt, told) == SECOND
        assert keys.fault is None
        assert told.events[1:] == ["info key_set_back"]
    assert all(seen.path == "/keys" for seen in provider.seen)  # redirects lead nowhere


async def test_a_dead_provider_leaves_the_last_good_set(told: Told) -> None:
    provider = ScriptedUpstream().start()
    provider.replies(whole(FIRST))
    jwt = at(provider)
    async with following(jwt, told) as keys:
        await keys.newer(jwt.jwks)
        provider.stop()
        assert await fetched(keys, jwt, told) == FIRST
        assert "refused" in (keys.fault or "")


async def test_nobody_waits_long_for_a_slow_provider(provider: ScriptedUpstream, told: Told) -> None:
    provider.replies(silence(), always=True)
    jwt = at(provider)
    async with following(jwt, told) as keys:
        waiting = [asyncio.create_task(keys.newer(jwt.jwks)) for _ in range(20)]
        gone = asyncio.create_task(keys.newer(jwt.jwks))
        await provider.wait_seen()
        gone.cancel()  # a caller who leaves does not end what others wait for
        assert not any(await asyncio.gather(*waiting))
        assert not await keys.newer(jwt.jwks)
        assert len(provider.seen) == 1
        async with asyncio.timeout(10):
            while keys.fault is None:  # noqa: ASYNC110 - the fetch ends by itself
                await asyncio.sleep(0.05)
        assert "within 5 s" in keys.fault


async def test_a_slow_answer_serves_all_who_waited(provider: ScriptedUpstream, told: Told) -> None:
    provider.replies(joined([pause(0.2)], whole(FIRST)))
    jwt = at(provider)
    async with following(jwt, told) as keys:
        assert all(await asyncio.gather(*(keys.newer(jwt.jwks) for _ in range(20))))
        assert len(provider.seen) == 1


async def test_a_failure_is_tried_again_by_itself_before_the_hour_is_over(
    provider: ScriptedUpstream, told: Told
) -> None:
    provider.replies(failing(503), whole(FIRST))
    jwt = at(provider, refresh_s=3600)
    async with following(jwt, told) as keys:
        assert await fetched(keys, jwt, told) is None
        assert "no token can be checked" in told.details[0]
        told.now_s += AGAIN_S
        chore = asyncio.create_task(keys.run())
        await until(FIRST, keys, jwt)
        chore.cancel()


async def test_a_reload_keeps_the_document_of_the_same_url_only(provider: ScriptedUpstream, told: Told) -> None:
    provider.replies(whole(FIRST), path="/keys")
    provider.replies(whole(SECOND), always=True, path="/else")
    jwt, other = at(provider), at(provider, "/else")
    async with following(jwt, told) as keys:
        await keys.newer(jwt.jwks)
        keys.follow(at(provider))
        assert keys.document(jwt.jwks) == FIRST
        keys.follow(at(provider, refresh_s=7))
        assert keys.document(jwt.jwks) == FIRST
        keys.follow(other)
        assert keys.document(jwt.jwks) is None
        assert keys.document(other.jwks) is None
        assert not await keys.newer(jwt.jwks)
        assert await keys.newer(other.jwks)
        keys.follow(None)
        assert keys.document(other.jwks) is None
        assert not await keys.newer(other.jwks)
        assert keys.fault is None


async def test_a_reload_in_the_middle_of_a_fetch_leaves_nobody_waiting(provider: ScriptedUpstream, told: Told) -> None:
    provider.replies(silence(), path="/keys")
    provider.replies(whole(SECOND), path="/else")
    jwt, other = at(provider), at(provider, "/else")
    async with following(jwt, told) as keys:
        chore = asyncio.create_task(keys.run())
        waiting = [asyncio.create_task(keys.newer(jwt.jwks)) for _ in range(5)]
        await provider.wait_seen()
        keys.follow(other)
        assert not any(await asyncio.gather(*waiting))
        await until(SECOND, keys, other)
        assert told.events == []
        chore.cancel()


async def test_authorities_that_cannot_be_read_are_a_failure_like_any_other(
    provider: ScriptedUpstream, tmp_path: Path, told: Told
) -> None:
    jwt = at(provider)
    url = jwt.jwks.replace("http://", "https://")
    for text in (None, b"no certificate"):
        authorities = tmp_path / "authorities.pem"
        if text is not None:
            authorities.write_bytes(text)
        async with following(Jwt(jwt.issuer, jwt.audience, url, ca_file=authorities), told) as keys:
            assert not await keys.newer(url)
            assert keys.fault


async def test_a_chore_follows_what_a_reload_brings(provider: ScriptedUpstream, told: Told) -> None:
    provider.replies(whole(FIRST), always=True)
    jwt = at(provider)
    async with following(None, told) as keys:
        chore = asyncio.create_task(keys.run())
        await asyncio.sleep(0)
        keys.follow(jwt)
        await until(FIRST, keys, jwt)
        chore.cancel()


async def test_a_private_authority_is_named_and_a_foreign_one_is_not_trusted(tmp_path: Path, told: Told) -> None:
    certificate, key = self_signed(tmp_path, "127.0.0.1")
    with ScriptedUpstream(tls=(certificate, key)) as provider:
        provider.replies(whole(FIRST), always=True)
        jwt = at(provider)
        async with following(jwt, told) as keys:
            assert not await keys.newer(jwt.jwks)
            assert "not trusted" in (keys.fault or "")
            keys.follow(Jwt(jwt.issuer, jwt.audience, jwt.jwks, ca_file=certificate))
            assert await fetched(keys, jwt, told) == FIRST
