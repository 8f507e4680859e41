"""What a log line looks like: JSON for machines, one readable line for people.

A line is a line whatever a caller puts into a name: control characters, escapes of terminals and the odd line
separators of Unicode appear escaped. The line of a call has fields of its row, and no person, key or prompt among them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from proxy.domain.money import format_usd
from proxy.domain.row import Row

_LONGEST = 200  # characters of a string that somebody else wrote
_HIDDEN = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_encode = msgspec.json.Encoder().encode


class CallLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The JSON line of an attempt; absent members are empty or zero, and without ``cache`` no rule let it look."""

    at: str
    level: str
    event: str
    request_id: str
    attempt: int
    outcome: str
    status: int
    dialect: str
    endpoint: str
    team: str
    project: str | None
    upstream: str | None
    model_requested: str
    model: str | None
    duration_ms: float
    overhead_us: int
    usage_source: str
    cost_nusd: int
    stream: bool = False
    ref: str | None = None
    input: int | None = None
    output: int | None = None
    cached_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    ttft_ms: float | None = None
    cache: str = "off"
    cache_reason: str = ""  # as ``x-tally-cache-reason``
    error: str | None = None
    upstream_status: int | None = None
    upstream_request_id: str | None = None
    client_request_id: str | None = None
    decision: str = ""
    edits: tuple[str, ...] = ()
    waste_reason: str | None = None
    rank: str = "final"
    local: bool = False


class Stamps:
    """RFC 3339 times of unix seconds, to the millisecond, in UTC; formatting a second once."""

    def __init__(self) -> None:
        self._second = -1
        self._text = ""

    def text(self, at: float) -> str:
        """``2026-11-23T10:00:00.123Z``."""
        millis = int(at * 1000)
        second = millis // 1000
        if second != self._second:
            self._second, self._text = second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        return f"{self._text}{millis - second * 1000:03d}Z"


def short(text: str | None) -> str | None:
    """At most 200 characters of a name that a caller or an upstream chose."""
    return text if text is None or len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def safe(line: bytes) -> bytes:
    """JSON without what a terminal or a line reader would act on: escaped, so that the JSON stays the same value."""
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", line.decode()).encode()


def plain(text: str) -> str:
    """Text for a terminal, on one line."""
    return _UNPRINTABLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def call_json(row: Row, stamp: str) -> bytes:
    """Write the JSON line of an attempt."""
    usage = row.usage
    return _json(
        CallLine(
            stamp,
            "info",
            "call",
            row.request_id,
            row.attempt,
            row.outcome,
            row.status,
            row.dialect,
            row.endpoint,
            row.team,
            row.project,
            row.upstream,
            short(row.model_requested) or "",
            short(row.model),
            row.duration_ms,
            row.overhead_us,
            usage.usage_source,
            row.cost_nusd,
            row.stream,
            short(row.ref),
            usage.input,
            usage.output,
            usage.cached_read,
            usage.cache_write,
            usage.reasoning,
            row.ttft_ms,
            row.cache,
            row.cache_reason,
            row.error,
            row.upstream_status,
            short(row.upstream_request_id),
            short(row.client_request_id),
            row.decision,
            row.edits,
            row.waste_reason,
            row.rank,
            row.local,
        )
    )


def call_text(row: Row, stamp: str) -> bytes:
    """Write the line of an attempt for people."""
    usage = row.usage
    tokens = f"in={usage.input} out={usage.output} " if usage.input is not None or usage.output is not None else ""
    model = short(row.model or row.model_requested) or "-"
    error = f" {row.error}" if row.error else ""
    reason = f"({row.cache_reason})" if row.cache_reason else ""
    cache = "" if row.cache == "off" else f" cache={row.cache}{reason}"
    return (
        plain(
            f"{stamp[11:23]} {row.outcome:<14} {row.status or '-'} {row.endpoint} {model} via {row.upstream or '-'} "
            f"{row.duration_ms:.0f} ms {tokens}${format_usd(row.cost_nusd)} team={row.team} "
            f"project={row.project or '-'}{cache}{error} {row.request_id}"
        ).encode(errors="replace")
        + b"\n"
    )


def event_json(level: str, name: str, fields: dict[str, object], stamp: str) -> bytes:
    """Write the JSON line of an operational event."""
    return _json({"at": stamp, "level": level, "event": name} | _flat(fields))


def event_text(level: str, name: str, fields: dict[str, object], stamp: str) -> bytes:
    """Write the line of an operational event for people."""
    rest = " ".join(f"{key}={value}" for key, value in _flat(fields).items())
    return plain(f"{stamp[11:23]} {level:<7} {name} {rest}".rstrip()).encode(errors="replace") + b"\n"


def _json(line: CallLine | dict[str, object]) -> bytes:
    try:
        text = _encode(line)
        return (text if text.isascii() and b"\x7f" not in text else safe(text)) + b"\n"
    except UnicodeEncodeError:  # a lone surrogate, as headers may bring
        members = line if isinstance(line, dict) else msgspec.to_builtins(line)
        return safe(_encode({name: _whole(value) for name, value in members.items()})) + b"\n"


def _whole(value: object) -> object:
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _flat(fields: dict[str, object]) -> dict[str, object]:
    """Values that JSON knows; of anything else its own text, which is how a secret hides itself."""
    return {
        key: short(value) if isinstance(value, str) else value if isinstance(value, int | float | None) else str(value)
        for key, value in fields.items()
    }
