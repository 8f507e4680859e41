"""What probes are told."""

from __future__ import annotations

from proxy.server.health import Readiness, livez, readyz


def test_a_process_that_answers_lives() -> None:
    assert livez()[0] == 200


def test_degraded_is_ready_and_says_what_is_missing() -> None:
    status, _, body = readyz(Readiness(ready=True, degraded=("store away", "1 of 2 workers serve")))
    assert (status, body) == (200, b"degraded: store away; 1 of 2 workers serve\n")
    assert readyz(Readiness(ready=True))[2] == b"ok\n"


def test_not_ready_says_why() -> None:
    assert readyz(Readiness(ready=False, reason="draining"))[::2] == (503, b"not ready: draining\n")
