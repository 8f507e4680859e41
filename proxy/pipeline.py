"""The walk of a call, top to bottom.

Accept, identify, understand, attribute; then, for one upstream after the other until one answers, decide, hold, forward,
meter, record, settle. No hooks, only steps. Identity and policy come before everything that costs; money is held before
the first byte goes upstream; leaving the block that holds it, however it is left, records the attempt and then settles it
(``steps.attempt``). Whatever goes wrong is told to the caller in the dialect of the path that was called.
"""

from __future__ import annotations

import asyncio

import msgspec

from proxy.dialects import address, routes
from proxy.dialects.address import Address
from proxy.dialects.base import Match
from proxy.dialects.passthrough_paths import needs_entry
from proxy.domain.ask import Ask
from proxy.domain.call import Attribution, Call
from proxy.domain.errors import (
    BadRequest,
    Forbidden,
    NotFound,
)
from proxy.domain.principal import Principal
from proxy.ports import Reply, Request
from proxy.steps import failover, models, recent, relay, upload_intake
from proxy.steps.attempt import Attempt
from proxy.steps.delivery import is_stream
from proxy.steps.errors import cut_short, tell
from proxy.steps.rows import refusal_row, unattributed
from proxy.steps.screened_answer import screen_of
from proxy.steps.screening import unnamed
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

MAX_MODEL = 256  # characters of a model's name


class Pipeline:
    """One per worker; ``walk`` is called once for every request."""

    def __init__(self, world: World) -> None:
        """``world`` holds the doors; nothing of a call is kept."""
        self._world = world

    async def walk(self, request: Request, reply: Reply) -> None:
        """Answer one request. Raises nothing but cancellation: when the caller leaves, the task is cancelled."""
        world = self._world
        visit = self._accept(request, reply)
        world.gauge.began()
        try:
            where, match = _route(visit)
            principal = visit.principal = await _identify(world, visit, where)
            ask = visit.ask = await _understand(world, visit, match, where)
            visit.call = _attribute(visit, principal, where, match, ask)
            if match.endpoint.local:
                await models.answer(world, visit, match, visit.call)
            else:
                await failover.serve(world, visit, match, visit.call, ask, self._forward)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told and a row remains
            self._row_of_refused(visit, error)
            await tell(visit, error, world)
        except asyncio.CancelledError as cancelled:  # the caller left, or we end: this one is told by the listener
            self._row_of_refused(visit, cut_short(cancelled))
            raise
        finally:
            if visit.upload is not None:
                visit.upload.close()
            world.gauge.ended()

    def _accept(self, request: Request, reply: Reply) -> Visit:
        """A name and a time. The id is ours: what the caller calls the request is only a field of the row."""
        world, now = self._world, self._world.clock.monotonic()
        return Visit(
            request=request,
            reply=reply,
            request_id=world.new_id(),
            at=world.clock.now(),
            began=now,
            read_at=now,
            generation=world.generation,
            dialect=routes.family_of(request.raw_path),
        )

    async def _forward(self, visit: Visit, plan: Plan, attempt: Attempt) -> None:
        """Send the request and pass the answer on, whole or piece by piece."""
        out = plan.outgoing()
        attempt.edits = out.edits
        head = plan.headers(visit.request)
        if (key := plan.dialect.credential(plan.upstream)) is not None:
            head.append(key)
        try:
            body = out.body if visit.upload is None else visit.upload.body(out.cuts)
            answer = await attempt.send(out.target, head, body)
            screen = screen_of(self._world, visit, plan)
            if is_stream(plan, answer):
                strip = plan.dialect.strip(plan.ask) if out.strip_usage else None
                await relay.stream(visit, plan, attempt, answer, strip, screen)
            else:
                await relay.whole(visit, plan, attempt, answer, screen)
        except asyncio.CancelledError as cancelled:
            raise cut_short(cancelled) from None

    def _row_of_refused(self, visit: Visit, error: BaseException) -> None:
        """Attempt 0, for a call that left no other row; the next one, for what was refused after another's attempt."""
        visit.call = unnamed(visit) or unattributed(visit)
        recent.ended(self._world, visit, error)
        if visit.rowed:
            return
        now = self._world.clock.monotonic()
        words = self._world.explaining.words(visit, error, now)
        row = refusal_row(visit, error, round((now - visit.began) * 1000, 3), words)
        if row is not None:
            row = row if not visit.attempts else msgspec.structs.replace(row, attempt=visit.attempts + 1)
            self._world.books.book(row, None)
            self._world.gauge.finished(row)


def _route(visit: Visit) -> tuple[Address, Match]:
    """The address without its attribution, and the endpoint that lives there. Unknown paths are 404 before any key."""
    where = address.parse(visit.request.raw_path)
    method, path = visit.request.method, where.path
    try:
        match = routes.find(method, path, visit.request.headers)
        unserved = None
    except NotFound as known:  # a dialect knows it and does not serve it; the configuration may let it through
        match, unserved = None, known
    if match is None:
        through = visit.generation.let_through(method, path)
        if through is None:
            raise unserved or NotFound(f"There is no such path here. {_advice(path)}")
        match, visit.generation = through
    visit.dialect, visit.endpoint = match.dialect, match.endpoint.path
    return where, match


def _advice(path: str) -> str:
    """What may help somebody whose path is not served."""
    if needs_entry(path):
        return "Paths like it are passed on by an entry under `passthrough:` in tallygate.yaml, which says what a call costs."
    near = routes.nearest(path)
    return f"Did you mean {near}?" if near else "See the README for the list."


async def _identify(world: World, visit: Visit, where: Address) -> Principal:
    """The principal behind the virtual key, or behind the token of the identity provider."""
    credential = address.credential(visit.request.header, where)
    return await world.identity.principal(visit.generation.directory, credential, visit.at)


async def _understand(world: World, visit: Visit, match: Match, where: Address) -> Ask:
    """Read the request strictly, once, beside the bytes that will be forwarded; of an upload only what that takes."""
    if match.endpoint.upload:
        ask = await upload_intake.received(world, visit, match, where.query)
    else:
        body = await visit.request.read()
        visit.read_at = world.clock.monotonic()
        if match.endpoint.method == "POST" and not body:
            raise BadRequest("The request has no body; this path takes a JSON object.", code="invalid_json")
        ask = match.dialect.understand(match, body, where.query, visit.request.headers)
    if len(ask.model) > MAX_MODEL or not ask.model.isprintable():  # it stands in rows, logs and errors
        raise BadRequest(
            f"'model' must be a name of at most {MAX_MODEL} printable characters.", param="model", code="invalid_model"
        )
    return ask


def _attribute(visit: Visit, principal: Principal, where: Address, match: Match, ask: Ask) -> Call:
    """Money and team come from the key alone; path and headers only narrow to a project that the key allows."""
    header = visit.request.header
    project, ref, via = principal.project, where.ref, "key"
    if where.project is not None:
        project, via = where.project, "path"
    elif named := header("x-tally-project"):
        project, via = named, "header"
    if via != "key" and project not in principal.projects:
        known = ", ".join(sorted(principal.projects)) or "none"
        raise Forbidden(f"This key may not book to that project. Its projects: {known}.", code="project_not_allowed")
    if ref is None and (said := header("x-tally-ref")):
        ref, via = address.reference(said), "header" if via == "key" else via
    attribution = Attribution(
        team=principal.team,
        project=project,
        ref=ref,
        session=ask.session,
        tags=address.tags(header("x-tally-tags")),
        via=via,
    )
    return Call(
        request_id=visit.request_id,
        at=visit.at,
        principal=principal,
        attribution=attribution,
        dialect=match.dialect.name,
        endpoint=match.endpoint.path,
        generation=visit.generation.id,
        client_request_id=(header("x-request-id") or header("x-client-request-id") or "")[:128] or None,
    )
