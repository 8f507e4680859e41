"""What a caller may cost us before and while it is served: sizes, times and numbers, in one frozen value."""

from __future__ import annotations

import msgspec

from proxy.config import settings


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one listener, that is of one worker. Sizes in bytes, times in seconds."""

    line_bytes: int = 8190  # request line; also one header field, name and value
    headers: int = 128
    head_bytes: int = 65_536  # of a head that comes in more than one read
    body_bytes: int = 16 << 20
    upload_bytes: int = 0  # of a body that is passed on while it comes; 0: as of any other
    ahead_bytes: int = 65_536  # pipelined behind a request in service, before we stop reading
    discard_bytes: int = 65_536  # rest of a refused body that we take to keep the connection

    head_s: float = 10.0  # from connecting, or from the first byte of a later request, to the end of the head
    body_s: float = 30.0  # to the end of the body, and one second more for every `body_pace` bytes that came
    body_pace: int = 65_536
    body_grace_s: float = 5.0  # then at least `body_floor` bytes per second on average
    body_floor: int = 1024
    write_s: float = 60.0  # how long a caller may stop reading
    keepalive_s: float = 75.0
    linger_s: float = 2.0  # how long we listen on after a last answer, so that no reset destroys it

    connections: int = 10_000
    in_flight: int = 1_024
    queue: int = 256  # may wait for room …
    queue_s: float = 1.0  # … this long
    always: frozenset[str] = frozenset({"/livez", "/readyz"})  # probes: an overloaded process is not a dead one

    @property
    def of_upload_bytes(self) -> int:
        """Of a body that is passed on while it comes."""
        return self.upload_bytes or self.body_bytes

    @property
    def most_bytes(self) -> int:
        """Of any body, while nobody knows what is done with it."""
        return max(self.body_bytes, self.upload_bytes)

    def __post_init__(self) -> None:
        """Refuse limits under which nothing could be served."""
        if min(self.head_s, self.body_s, self.write_s, self.keepalive_s, self.body_pace) <= 0:
            raise ValueError("deadlines of a listener must be greater than zero")
        if min(self.in_flight, self.connections, self.body_bytes) < 1:
            raise ValueError("a listener must be allowed at least one connection, one call and one byte")


def from_settings(configured: settings.Limits) -> Limits:
    """The limits of a listener as the configuration sets them; what it does not name stays at its default."""
    return Limits(
        body_bytes=configured.body_bytes,
        upload_bytes=configured.upload_bytes,
        head_s=configured.header_timeout_s,
        body_s=configured.body_timeout_s,
        body_floor=configured.body_rate_bytes,
        write_s=configured.write_timeout_s,
        keepalive_s=configured.keepalive_s,
        in_flight=configured.in_flight,
        queue=configured.queue,
    )
