"""The deadlines of a connection, as a table: in which phase it may stay for how long.

Nothing here knows a clock or a socket. The listener asks once per sweep for every connection, instead of setting a timer
for every request; a deadline is therefore late by one sweep at most (``sweep_every``).
"""

from __future__ import annotations

from enum import Enum, auto

from proxy.server.limits import Limits


class Phase(Enum):
    """What a connection waits for."""

    FRESH = auto()  # the first byte of its life
    IDLE = auto()  # the first byte of a further request
    HEAD = auto()  # the rest of a head
    BODY = auto()  # the rest of a body that the walk asked for
    WORK = auto()  # us: the walk has deadlines of its own
    WRITE = auto()  # a caller that does not read
    LEAVING = auto()  # the caller's end of a connection that we are done with


def overdue(phase: Phase, waited_s: float, received: int, limits: Limits) -> bool:
    """Whether a connection has been too long in a phase; ``received`` counts the bytes of the body so far.

    RFC 9110 15.5.9 leaves to the server what it is "prepared to wait". The rule for bodies is mod_reqtimeout's: an
    allowance that grows with what arrives, so that a large image over a thin line is fine and a trickle is not.
    """
    match phase:
        case Phase.FRESH | Phase.HEAD:
            return waited_s > limits.head_s
        case Phase.IDLE:
            return waited_s > limits.keepalive_s
        case Phase.BODY:
            if waited_s > limits.body_s + received / limits.body_pace:
                return True
            return waited_s > limits.body_grace_s and received < limits.body_floor * waited_s
        case Phase.WRITE:
            return waited_s > limits.write_s
        case Phase.LEAVING:
            return waited_s > limits.linger_s
        case Phase.WORK:
            return False


def sweep_every(limits: Limits) -> float:
    """Seconds between two sweeps: a quarter of the shortest deadline, at most one second."""
    shortest = min(limits.head_s, limits.body_s, limits.body_grace_s, limits.write_s, limits.keepalive_s)
    return min(1.0, max(0.01, shortest / 4))
