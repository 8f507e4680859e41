"""Understanding a call whose body is not kept: as much of it is read as that takes, and no more."""

from __future__ import annotations

from proxy.dialects.base import Match
from proxy.dialects.intake import Receiving
from proxy.domain.ask import Ask
from proxy.steps.upload import Upload
from proxy.steps.visit import Visit
from proxy.steps.world import World


async def received(world: World, visit: Visit, match: Match, query: str) -> Ask:
    """The ask; ``visit.upload`` has the body. Raises ``BadRequest`` and all that reading from a caller raises."""
    dialect, request = match.dialect, visit.request
    if not isinstance(dialect, Receiving):
        raise TypeError(f"{dialect.name} has an endpoint for uploads and cannot read them")
    headers = request.headers
    intake = dialect.intake(match, headers, request.length)
    visit.upload = Upload(request, intake)
    await visit.upload.begin(world.shelf)
    visit.read_at = world.clock.monotonic()
    return dialect.received(match, intake, query, headers)
