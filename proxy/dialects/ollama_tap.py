"""Usage and text out of Ollama's answers: one JSON object, or one a line, of which the last with ``done`` has the figures.

Source: https://docs.ollama.com/api/usage and ``api/types.go``, where a count of 0 is left out. So an answer without
``prompt_eval_count`` had its whole prompt in the server's cache: how long that was is not told, and is estimated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from proxy.dialects.lines import Lines
from proxy.dialects.reported import count, named, part, parts, worded
from proxy.dialects.stream_tap import StreamTap, objects, parsed
from proxy.domain.usage import Usage, UsageSource

_ENDING = 4  # lines in which a stream says how it ended
_COUNTS = ("prompt_eval_count", "eval_count")
# The last line repeats the whole context as numbers and may be longer than what is kept; its figures stand at its end.
# Inside a string the quotes would be escaped.
_AT_END = re.compile(rb'(?<!\\)"(prompt_eval_count|eval_count)"\s*:\s*(\d{1,12})(?=\s*[,}])')
_END = 1024  # bytes
_IDLE = frozenset(("load", "unload"))  # nothing was asked: the model was only put into memory, or out of it


class OllamaTap(StreamTap):
    """Reads one answer; see ``base.Tap``. ``generates``: the endpoint writes text."""

    def __init__(self, *, generates: bool = True) -> None:
        super().__init__()
        self._generates = generates

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._told: dict[str, Any] = {}
        self._model: str | None = None
        self._done = self._failed = False

    def _read(self, data: bytes) -> Usage:
        """Read a body, or the last lines of a stream."""
        self.start()
        value = parsed(data)
        self.whole = type(value) is dict
        if self.whole:
            self.event(value)
        else:
            self.harvest(data)
        return self.result()

    def harvest(self, data: bytes) -> None:
        """Read lines from the end until one tells how it ended."""
        for line in reversed(data.rstrip(b"\n").rsplit(b"\n", _ENDING)[-_ENDING:]):
            for obj in objects(parsed(line)):
                self.event(obj)
            if self._done or self._failed:
                return
        found = {name.decode(): int(figure) for name, figure in _AT_END.findall(data[-_END:])}
        if found and data.rstrip().endswith(b"}"):
            self._told, self._done = found, True

    def event(self, obj: dict[str, Any]) -> None:
        """Gather from one line, coming from later to earlier ones, or from a whole body."""
        self._model = self._model or named(obj, "model")
        self._failed = self._failed or bool(obj.get("error"))
        if obj.get("done") is True or not self._generates:
            self._told, self._done = obj, True

    def result(self) -> Usage:
        """What the answer reported."""
        given, made = (count(self._told, name) for name in _COUNTS)
        complete = self._done and not self._failed and (self._generates or self.whole)
        if not self._generates:
            made = None if given is None else 0
        elif complete and named(self._told, "done_reason") in _IDLE:
            given, made = given or 0, made or 0
        elif complete and given is not None and made is None and not self._written():
            made = 0
        if given is None and made is None:
            return Usage(model=self._model, complete=complete)
        source = UsageSource.REPORTED if complete and made is not None else UsageSource.PARTIAL
        return Usage(input=given, output=made, model=self._model, complete=complete, usage_source=source)

    def relayed_text(self) -> str:
        """Thoughts, text and tool calls that were relayed; nothing where the answer told how many tokens they were."""
        return "" if self.output_so_far() is not None else self._written()

    def _written(self) -> str:
        lines = Lines()
        told: list[str] = []
        for piece in self._head:
            for line in lines.feed(piece):
                told += self._line_texts(line)
        for line in lines.flush():
            told += self._line_texts(line)
        return "".join(told) or super().relayed_text()  # a body that was cut, or has line breaks inside

    def _line_texts(self, line: bytes) -> Iterator[str]:
        for obj in objects(parsed(line)):
            yield from self.texts(obj)

    def texts(self, obj: dict[str, Any]) -> Iterator[str]:
        """What the model wrote in one line, or in a whole body."""
        for said in (obj, part(obj, "message")):
            for name in ("thinking", "response", "content"):
                if text := worded(said, name):
                    yield text
            for call in parts(said, "tool_calls"):
                yield from _called(part(call, "function"))


def _called(function: dict[str, Any]) -> Iterator[str]:
    yield worded(function, "name") or ""
    if arguments := function.get("arguments"):
        yield arguments if type(arguments) is str else str(msgspec.json.encode(arguments), "utf-8")
