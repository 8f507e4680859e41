"""The public paths that are answered here: probes, and what a caller may know of their own calls. Nobody else's, ever."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from proxy import ports
from proxy.dialects import address
from proxy.domain.decision_id import sought
from proxy.domain.errors import BadRequest, CallError, NotFound, StoreAway, Unavailable
from proxy.domain.money import format_usd
from proxy.domain.principal import Principal
from proxy.ports import Reply, Request
from proxy.server import health
from proxy.server.health import Readiness
from proxy.server.plain_errors import Answer
from proxy.steps.account import account
from proxy.steps.errors import answer_to
from proxy.steps.limits import own_limits
from proxy.steps.reusing import scope_of
from proxy.steps.world import World

Page = Callable[[Request, Principal], Awaitable[Answer]]
CALLS, DECISIONS, CACHE = "/v1/calls/", "/v1/policy/decisions/", "/v1/cache/"
_JSON = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


class OwnPages:
    """Answers for one worker."""

    def __init__(self, world: World, lookups: ports.Lookups, readiness: Callable[[], Readiness]) -> None:
        """``lookups`` reads the journal."""
        self._world = world
        self._lookups = lookups
        self._readiness = readiness

    async def livez(self, _: Request, reply: Reply) -> None:
        """Tell that the process answers."""
        await reply.whole(*health.livez())

    async def readyz(self, _: Request, reply: Reply) -> None:
        """Tell whether calls can be served."""
        await reply.whole(*health.readyz(self._readiness()))

    async def me(self, request: Request, reply: Reply) -> None:
        """``/v1/me``: the key's team and projects, its own usage, and the limits it runs into."""
        await self._answer(request, reply, self._me)

    async def call(self, request: Request, reply: Reply) -> None:
        """``/v1/calls/{request_id}``: one call of the key's own principal, with its attempts."""
        await self._answer(request, reply, self._call)

    async def decision(self, request: Request, reply: Reply) -> None:
        """``/v1/policy/decisions/{id}``: what was decided about one call of the key's own principal, and why."""
        await self._answer(request, reply, self._decision)

    async def cached(self, request: Request, reply: Reply) -> None:
        """``/v1/cache/{id}``: DELETE takes an answer away from everybody who shares it with the key's principal."""
        await self._answer(request, reply, self._forget, method="DELETE")

    async def _me(self, _: Request, who: Principal) -> Answer:
        world = self._world
        limits = await own_limits(world, who)
        timezone = limits[0].timezone if limits else "UTC"
        sums = await self._lookups.mine(who.pseudonym, world.clock.now(), timezone)
        told = {
            "key": who.key_id,
            "team": who.team,
            "service": who.service,
            "project": who.project,
            "projects": sorted(who.projects),
            "groups": sorted(who.groups),
            "expires_at": who.expires_at,
            "usage": sums,
            "limits": [
                {
                    "rule": limit.rule,
                    "mode": limit.mode,
                    "scope": limit.scope,
                    "limit_usd": format_usd(limit.limit_nusd),
                    "remaining_usd": None if limit.remaining_nusd is None else format_usd(limit.remaining_nusd),
                    "resets_at": limit.resets_at,
                }
                for limit in limits
            ],
            "warnings": [limit.warning for limit in limits if limit.warning],
        }
        return 200, _JSON, msgspec.json.encode(told)

    async def _decision(self, request: Request, who: Principal) -> Answer:
        named = sought(_last(request, DECISIONS))
        row = await self._lookups.decided(named, who.pseudonym) if named else None
        if row is None:
            raise NotFound(
                "There is no such decision about a call of yours; its id is the x-tally-decision of the answer, and the "
                "x-request-id does as well."
            )
        return 200, _JSON, msgspec.json.encode(account(row, self._world.generation, who.user or ""))

    async def _call(self, request: Request, who: Principal) -> Answer:
        request_id = _last(request, CALLS)
        found = await self._lookups.find(request_id, who.pseudonym)
        if found is None:
            raise NotFound("There is no such call of yours; its id is the x-request-id of the answer.")
        return 200, _JSON, msgspec.json.encode(found)

    async def _forget(self, request: Request, who: Principal) -> Answer:
        scopes, name = [scope_of(share, who) for share in ("user", "team", "org")], _last(request, CACHE)
        try:
            is_gone = await self._world.answers.forget(who.org, scopes, name)
        except StoreAway:
            raise Unavailable("The cache is away; what is in it cannot be deleted now.", retry_after_s=1.0) from None
        if not is_gone:
            raise NotFound("There is no such answer for you; its id is the key in the Cache-Status of an answer.")
        self._world.gauge.forgotten(who, name)
        return 204, [], b""

    async def _answer(self, request: Request, reply: Reply, page: Page, *, method: str = "GET") -> None:
        try:
            if method == "DELETE" and request.method != method:
                await reply.whole(*_only(method, request))
                return
            if request.method != method:
                raise NotFound("This path is only read: use GET.")
            await reply.whole(*await page(request, await self._principal(request)))
        except CallError as error:
            await reply.whole(*answer_to(request, error))

    async def _principal(self, request: Request) -> Principal:
        world = self._world
        credential = address.credential(request.header, address.parse(request.raw_path))
        return await world.identity.principal(world.generation.directory, credential, world.clock.now())


def _only(method: str, request: Request) -> Answer:
    """The answer to another method (RFC 9110, 15.5.6)."""
    _, head, body = answer_to(request, BadRequest(f"This path takes {method} alone.", code="method_not_allowed"))
    return 405, [*head, (b"allow", method.encode())], body


def _last(request: Request, behind: str) -> str:
    """What the path names behind a prefix, with or without an attribution in front of it."""
    return request.raw_path.partition("?")[0].rpartition(behind)[2]
