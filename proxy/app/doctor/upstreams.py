"""Every upstream: can it be reached, and does it take our credential. Its list of models is asked for, which costs nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from email.utils import parsedate_to_datetime

from proxy.app.doctor.finding import Finding, fail, off, ok, warn
from proxy.dialects import DIALECTS
from proxy.dialects.model_lists import SHAPES
from proxy.domain.errors import CallError
from proxy.domain.upstream import Upstream
from proxy.ports import Answer, Wire

PATIENCE_S = 10.0
CLOCK_S = 30.0  # tokens of identity and certificates fail at minutes
_REFUSED = frozenset({401, 403})
_OK = 200
_SERVER_ERROR = 500
_CREDENTIALS = {dialect.family: dialect.credential for dialect in reversed(DIALECTS)}


async def upstreams(wire: Wire, asked: Sequence[Upstream]) -> list[Finding]:
    """Ask all at once."""
    return list(await asyncio.gather(*[_ask(wire, upstream) for upstream in asked]))


async def _ask(wire: Wire, upstream: Upstream) -> Finding:
    name, shape = f"upstream {upstream.name}", SHAPES.get(upstream.dialect)
    headers = list(shape.headers) if shape else []
    if (key := _CREDENTIALS[upstream.dialect](upstream)) is not None:
        headers.append(key)
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PATIENCE_S):
            answer = await wire.send(upstream, "GET", shape.target if shape else "/", headers, b"")
    except TimeoutError:
        return fail(name, f"gave no answer within {PATIENCE_S:g} s", f"check upstreams.{upstream.name}.base_url")
    except CallError as error:
        return fail(name, error.message, f"check upstreams.{upstream.name}.base_url and what stands between")
    answer.close()
    return _read(name, upstream, answer, (time.perf_counter() - began) * 1000)


def _read(name: str, upstream: Upstream, answer: Answer, took_ms: float) -> Finding:
    said = f"{upstream.dialect}, answered {answer.status} in {took_ms:.0f} ms"
    apart = _ahead_s(answer)
    if answer.status in _REFUSED:
        if upstream.dialect not in SHAPES:
            return off(name, f"{said}; whether its key is good only a call can tell")
        return fail(name, f"{said}: it does not take the key", f"renew upstreams.{upstream.name}.key")
    if answer.status >= _SERVER_ERROR:
        return warn(name, said, "it is in trouble; calls fail over where another upstream serves the model")
    if apart is not None and abs(apart) > CLOCK_S:
        return warn(name, f"{said}; its clock is {apart:+.0f} s from this machine's", "run NTP on this machine")
    if answer.status != _OK:
        return ok(name, f"{said}: it is there, and has no list of models to try the key on")
    return ok(name, f"{said}, the key is good" if upstream.key else f"{said}, without a key")


def _ahead_s(answer: Answer) -> float | None:
    """The upstream's clock minus ours, by its Date (RFC 9110, 6.6.1), which counts in seconds."""
    for field, value in answer.headers:
        if field == b"date":
            try:
                return parsedate_to_datetime(value.decode("latin-1")).timestamp() - time.time()
            except ValueError:
                return None
    return None
