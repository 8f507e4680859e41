"""Structured logs: one line per attempt, and one function for everything else that operators should know.

What libraries say through ``logging`` joins the same stream. Of their exceptions only the type and the places are
written, because a message may quote what a caller or an upstream sent.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Callable
from typing import TextIO

from proxy.domain.row import Row
from proxy.telemetry import lines
from proxy.telemetry.sink import Sink

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_DEEPEST = 12  # frames of a traceback


class Log:
    """Writes lines to a sink. Nothing here raises or waits."""

    def __init__(self, sink: Sink, level: str, *, text: bool, now: Callable[[], float] = time.time) -> None:
        self.sink = sink
        self._least = LEVELS[level]
        self._now = now
        self._stamp = lines.Stamps().text
        self._call = lines.call_text if text else lines.call_json
        self._event = lines.event_text if text else lines.event_json

    def call(self, row: Row) -> None:
        """Write the line of a finished attempt (level info)."""
        if self._least <= LEVELS["info"]:
            self.sink.write(self._call(row, self._stamp(row.at)))

    def event(self, level: str, name: str, **fields: object) -> None:
        """Write an operational event: a name in snake_case and what one must know to act on it."""
        if LEVELS[level] >= self._least:
            self.sink.write(self._event(level, name, fields, self._stamp(self._now())))


def setup(level: str = "info", format: str = "auto", stream: TextIO | None = None) -> Log:  # noqa: A002 - the configuration's word
    """Make the process's log on ``stream`` (stderr) and send what libraries log there.

    ``format``: json, text, or auto (text on a terminal). Raises ``ValueError`` for another word.
    """
    stream = sys.stderr if stream is None else stream
    if level not in LEVELS or format not in {"json", "text", "auto"}:
        raise ValueError(f"log level is one of {', '.join(LEVELS)}; log format is json, text or auto")
    log = Log(Sink(stream.fileno()), level, text=format == "text" or (format == "auto" and stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [_FromLibraries(log)]
    root.setLevel(max(LEVELS[level], logging.WARNING))
    return log


class _FromLibraries(logging.Handler):
    """Takes what libraries log into our lines."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record; never raises, as logging demands."""
        level = (
            "error" if record.levelno >= logging.ERROR else "warning" if record.levelno >= logging.WARNING else "info"
        )
        try:
            fields: dict[str, object] = {"logger": record.name, "message": record.getMessage()}
            if record.exc_info and record.exc_info[1] is not None:
                fields |= describe(record.exc_info[1])
            self._log.event(level, "library", **fields)
        except Exception:  # noqa: BLE001 - a broken record must not break what logged it
            self._log.event(level, "library", logger=record.name, message="a message that could not be formatted")


def describe(error: BaseException) -> dict[str, object]:
    """Name an exception and where it arose, without its message; the system's own words of an ``OSError`` are kept."""
    frames = traceback.extract_tb(error.__traceback__)[-_DEEPEST:]
    found: dict[str, object] = {"error": type(error).__qualname__}
    if isinstance(error, OSError) and error.strerror:
        found["reason"] = error.strerror
    if frames:
        found["where"] = " < ".join(f"{_module(frame.filename)}:{frame.lineno}" for frame in reversed(frames))
    return found


def _module(filename: str) -> str:
    """Return the last parts of a path: which file, not whose home."""
    return "/".join(filename.rsplit("/", 2)[-2:])
