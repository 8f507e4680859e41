"""The proxy itself, if one runs with this configuration: what its admin listener says."""

from __future__ import annotations

import http.client
import re

from proxy.app.doctor.finding import Finding, fail, off, ok, warn
from proxy.config.settings import Address, Settings

PATIENCE_S = 5.0
_OK = 200
_INFLIGHT = re.compile(rb"^tallygate_inflight_requests(?:\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)
_NEAR = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where to call what listens everywhere


def running(settings: Settings) -> tuple[Finding, int | None]:
    """Whether it serves, and how many calls are on their walk; None when it does not run."""
    try:
        status, told = _ask(settings.admin, "/readyz")
    except (OSError, http.client.HTTPException):
        return off("proxy", f"nothing answers on {settings.admin}", "`tallygate serve` starts it"), None
    said = told.decode("utf-8", "replace").strip()
    calls = _inflight(settings.admin)
    if status != _OK:
        return fail("proxy", said), calls
    if said != "ok":
        return warn("proxy", said), calls
    return ok("proxy", f"serves on {settings.listen}, {calls or 0} calls on their walk"), calls


def holds(open_holds: int, calls: int | None, *, whole: bool) -> Finding:
    """Open holds against open calls. ``whole``: no other machine shares the store."""
    name = "holds"
    if calls is None:
        if open_holds and whole:
            return warn(
                name, f"{open_holds} are open and no proxy runs", "it sweeps them when it starts, within a lease"
            )
        return ok(name, f"{open_holds} are open")
    said = f"{open_holds} are open for {calls} calls on their walk"
    if whole and open_holds > calls:
        return warn(name, said, "those of a worker that died are swept within a lease; look again then")
    return ok(name, said)


def _inflight(admin: Address) -> int | None:
    try:
        _, text = _ask(admin, "/metrics")
    except (OSError, http.client.HTTPException):
        return None
    return round(sum(float(found) for found in _INFLIGHT.findall(text)))


def _ask(admin: Address, path: str) -> tuple[int, bytes]:
    line = http.client.HTTPConnection(_NEAR.get(admin.host, admin.host), admin.port, timeout=PATIENCE_S)
    try:
        line.request("GET", path)
        answer = line.getresponse()
        return answer.status, answer.read()
    finally:
        line.close()
