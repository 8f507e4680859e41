"""Reads usage out of Bedrock's answers: frames of a binary event stream, or one JSON body.

Only whole frames are kept: the first ``HEAD`` bytes of them, which also serve to count a stream that was cut, and the
last few. Figures stand in the first or the last frames of every known format, so only those are read.
"""

from __future__ import annotations

import binascii
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import jiter
import msgspec

from proxy.dialects import bedrock_usage
from proxy.dialects.anthropic_usage import AnthropicTap
from proxy.dialects.event_stream import Frame, Frames, read
from proxy.dialects.reported import part
from proxy.dialects.stream_tap import HEAD, parsed
from proxy.domain.usage import Usage, UsageSource

EARLY, LATE = 4, 12  # frames that are read for figures
SMALL = 1 << 16  # bytes; frames with figures are
_ANTHROPIC = ("message", "content_block", "ping", "error")  # how the types of its events begin


class FrameTap:
    """What both forms share; see ``base.Tap``."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._first: list[bytes] = []
        self._last: deque[bytes] = deque(maxlen=LATE)
        self._size = 0  # of the first
        self._head: bedrock_usage.Fields = {}

    def head(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Take Bedrock's own counts, where they come with a body."""
        self._head = bedrock_usage.head(headers)

    def feed(self, data: bytes) -> None:
        """Keep the frames that a piece completes."""
        for frame in self._frames.feed(data):
            if self._size < HEAD:
                self._first.append(frame)
                self._size += len(frame)
            elif len(frame) <= SMALL:
                self._last.append(frame)

    def body(self, data: bytes) -> None:
        """Take a whole answer."""
        self._first, self._size = [data], len(data)
        self._last.clear()

    def finish(self) -> Usage:
        """Return what was reported, in a stream or a body."""
        kept = [*self._first, *self._last]
        return self._read(kept if len(kept) <= EARLY + LATE else [*kept[:EARLY], *kept[-LATE:]])

    def output_so_far(self) -> int | None:
        """Return the output tokens reported until now, if the last frames tell."""
        return self._read([*self._first[-LATE:], *self._last][-LATE:]).output

    def relayed_text(self) -> str:
        """Return text, reasoning and tool arguments; what is no frame counts as the text that it may be."""
        if self._is_body():
            return "".join(self.texts(_so_far(b"".join(self._first))))
        told: list[str] = []
        for data in self._first:
            frame = read(data)
            told += [data.decode(errors="replace")] if frame is None else self.texts(self.opened(frame))
        return "".join(told)

    def _read(self, kept: list[bytes]) -> Usage:
        self.start()
        if self._is_body():
            value = parsed(b"".join(self._first))
            if type(value) is dict:
                self.whole(value)
        else:
            for frame in filter(None, map(read, kept)):
                self.event(frame)
        return self.result()

    def _is_body(self) -> bool:
        return bool(self._first) and self._first[0].startswith(b"{")  # no frame is as long as that would say

    # What a form says.

    def start(self) -> None:
        """Forget what earlier readings gathered."""

    def whole(self, answer: dict[str, Any]) -> None:
        """Gather from a whole body."""

    def event(self, frame: Frame) -> None:
        """Gather from one frame."""

    def opened(self, frame: Frame) -> dict[str, Any]:
        """Return what the frame carries."""
        return frame.object()

    def result(self) -> Usage:
        """Return what was gathered."""
        return Usage()

    def texts(self, answer: dict[str, Any]) -> Iterator[str]:  # noqa: ARG002 - a form without text tells none
        """Tell what the model wrote in one frame, or in a whole body."""
        return iter(())


class ConverseTap(FrameTap):
    """Reads Converse and ConverseStream, whose last event is ``metadata``."""

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._told: dict[str, Any] = {}
        self._stopped = self._ended = False

    def whole(self, answer: dict[str, Any]) -> None:
        """Gather from a whole body."""
        self._told, self._stopped, self._ended = answer, "stopReason" in answer or "output" in answer, True

    def event(self, frame: Frame) -> None:
        """Gather from one frame; an exception ends a stream, whatever came before."""
        if frame.kind == "messageStop":
            self._stopped = True
        elif frame.kind == "metadata":
            self._told, self._ended = frame.object(), True
        elif not frame.kind:
            self._stopped = False

    def result(self) -> Usage:
        """Return what was gathered."""
        fields = bedrock_usage.converse(part(self._told, "usage"))
        fields |= {"model": bedrock_usage.model(self._told), "service_tier": bedrock_usage.tier(self._told)}
        return _usage(fields, complete=self._stopped and self._ended)

    def texts(self, answer: dict[str, Any]) -> Iterator[str]:
        """Tell what the model wrote in one event, or in a whole body."""
        return chain(bedrock_usage.converse_texts(answer), bedrock_usage.delta_texts(answer))


class InvokeTap(FrameTap):
    """Reads answers in a vendor's own words; a stream has them in base64, a chunk a frame."""

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._fields: bedrock_usage.Fields = {}
        self._metrics: bedrock_usage.Fields = {}
        self._claude = AnthropicTap()
        self._claude.whole = False
        self._claude.start()
        self._ended = self._is_broken = False

    def whole(self, answer: dict[str, Any]) -> None:
        """Gather from a whole body."""
        self._claude.whole = self._ended = True
        self._take(answer)
        self._fields |= bedrock_usage.unspoken(answer)

    def event(self, frame: Frame) -> None:
        """Gather from one frame."""
        if frame.kind:
            self._take(self.opened(frame))
        else:
            self._is_broken = True

    def opened(self, frame: Frame) -> dict[str, Any]:
        """Return the vendor's chunk."""
        packed = frame.object().get("bytes")
        try:
            chunk = parsed(binascii.a2b_base64(packed)) if type(packed) is str else None
        except ValueError:
            return {}
        return chunk if type(chunk) is dict else {}

    def result(self) -> Usage:
        """Return what was gathered: the vendor's figures, and Bedrock's own for what it left out."""
        claude = self._claude.result()
        told = {name: value for name, value in msgspec.structs.asdict(claude).items() if value not in (None, ())}
        fields = self._head | self._metrics | self._fields | told
        return _usage(fields, complete=(self._ended or claude.complete) and not self._is_broken)

    def texts(self, answer: dict[str, Any]) -> Iterator[str]:
        """Tell what the model wrote in one chunk, or in a whole body."""
        return self._claude_texts(answer) if _is_anthropic(answer) else bedrock_usage.texts(answer)

    def _take(self, answer: dict[str, Any]) -> None:
        if _is_anthropic(answer):
            self._claude.event(answer)
        else:
            self._fields |= bedrock_usage.vendor(answer)
        if metrics := part(answer, bedrock_usage.METRICS):
            self._metrics |= bedrock_usage.metrics(metrics)
            self._ended = True

    def _claude_texts(self, answer: dict[str, Any]) -> Iterator[str]:
        return AnthropicTap().texts(answer)


def _is_anthropic(answer: dict[str, Any]) -> bool:
    kind = answer.get("type")
    return type(kind) is str and kind.startswith(_ANTHROPIC)


def _usage(fields: bedrock_usage.Fields, *, complete: bool) -> Usage:
    """Return the fields as a usage; ``complete`` decides how far they can be trusted."""
    if fields.get("input") is None and fields.get("output") is None:
        source = UsageSource.NONE
    else:
        source = UsageSource.REPORTED if complete else UsageSource.PARTIAL
    return Usage(**{**fields, "complete": complete, "usage_source": source})


def _so_far(data: bytes) -> dict[str, Any]:
    """Return what a body says that may have been cut."""
    try:
        value = jiter.from_json(data, partial_mode="trailing-strings")
    except ValueError:
        return {}
    return value if type(value) is dict else {}
