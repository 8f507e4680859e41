"""Usage out of answers that are pictures: figures where the model counts tokens, else the number of pictures.

A picture that was paid for and did not arrive is booked as the request would have it (``openai_pictures``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proxy.dialects.reported import count, named, part, parts
from proxy.dialects.slim import Slimmer, slim
from proxy.dialects.stream_tap import StreamTap
from proxy.domain.ask import Ask
from proxy.domain.usage import ModelUsage, Usage, UsageSource

_COMPLETED = ".completed"  # image_generation.completed, image_edit.completed
_FIELDS = ("input", "output", "image_input", "image_output", "cached_read", "reasoning", "total_reported")


class ImagesTap(StreamTap):
    """Reads one answer, whole or streamed, without its pictures; see ``base.Tap``."""

    markers = (b'.completed"', b'"error"')

    def __init__(self, ask: Ask) -> None:
        super().__init__()
        self._ask = ask
        self._slimmer = Slimmer()

    def feed(self, data: bytes) -> None:
        """Keep one piece of a stream, but for its pictures."""
        if left := self._slimmer.feed(data):
            super().feed(left)

    def body(self, data: bytes) -> None:
        """Take a whole answer, but for its pictures."""
        super().body(slim(data))

    def finish(self) -> Usage:
        """What was reported."""
        if left := self._slimmer.flush():
            super().feed(left)
        return super().finish()

    def output_so_far(self) -> int:
        """Output tokens of the pictures that were asked for: they are billed from the beginning on."""
        return (self._ask.likely_output or 0) * self._ask.choices

    def start(self) -> None:
        """Forget what earlier readings gathered."""
        self._pictures = 0
        self._told: list[dict[str, Any]] = []
        self._drawn: dict[str, Any] = {}
        self._failed = False

    def event(self, obj: dict[str, Any]) -> None:
        """Gather from an event that completes a picture, or from a whole body."""
        kind = obj.get("type")
        if type(kind) is str and kind.endswith(_COMPLETED):
            self._pictures += 1
        self._pictures += len(parts(obj, "data"))
        self._failed = self._failed or bool(obj.get("error")) or kind == "error"
        if count(part(obj, "usage"), "input_tokens") is not None:
            self._told.append(_figures(part(obj, "usage")))
        self._drawn = self._drawn or part(obj, "svg_usage")

    def result(self) -> Usage:
        """What the answer reported; several pictures of a stream are figures to be added."""
        complete = not self._failed and (self.whole or self._pictures >= self._ask.choices)
        missing = 0 if complete or self._failed else max(0, self._ask.choices - self._pictures)
        if not self._told:
            return self._uncounted(self._pictures + missing, complete=complete)
        sums: dict[str, Any] = {name: _sum([told[name] for told in self._told]) for name in _FIELDS}
        if missing:
            sums["output"] = (sums["output"] or 0) + missing * (self._ask.likely_output or 0)
        source = UsageSource.PARTIAL if missing or self._failed else UsageSource.REPORTED
        usage = Usage(**sums, images=self._pictures, complete=complete, usage_source=source)
        return _with_drawing(usage, self._drawn, self._ask.model) if self._drawn else usage

    def _uncounted(self, pictures: int, *, complete: bool) -> Usage:
        """Pictures by number: of a model sold by piece, or one whose figures did not come."""
        likely = self._ask.likely_output
        output = likely * pictures if likely is not None and pictures else None
        return Usage(
            output=output,
            images=pictures,
            service_tier=self._ask.service_tier,
            complete=complete,
            usage_source=UsageSource.NONE if output is None else UsageSource.PARTIAL,
        )

    def texts(self, obj: dict[str, Any]) -> Iterator[str]:  # noqa: ARG002 - a revised prompt is not billed
        """Nothing: pictures are no text."""
        return iter(())


def _figures(usage: dict[str, Any]) -> dict[str, Any]:
    """Fields of ``Usage``. All output is pictures unless the answer says how much of it is text."""
    given, made = part(usage, "input_tokens_details"), part(usage, "output_tokens_details")
    output = count(usage, "output_tokens")
    drawn = count(made, "image_tokens")
    return {
        "input": count(usage, "input_tokens"),
        "output": output,
        "image_input": count(given, "image_tokens"),
        "image_output": output if drawn is None else drawn,
        "cached_read": count(given, "cached_tokens"),
        "reasoning": count(made, "reasoning_tokens"),
        "total_reported": count(usage, "total_tokens"),
    }


def _with_drawing(usage: Usage, drawing: dict[str, Any], model: str) -> Usage:
    """Add what another model used to write the picture as SVG, at its own price."""
    given, made = count(drawing, "input_tokens") or 0, count(drawing, "output_tokens") or 0
    shares = (
        ModelUsage(
            model,
            usage.input or 0,
            usage.output or 0,
            cached_read=usage.cached_read or 0,
            image_input=usage.image_input,
            image_output=usage.image_output,
        ),
        ModelUsage(named(drawing, "model") or model, given, made),
    )
    fields = {name: getattr(usage, name) for name in usage.__struct_fields__}
    return Usage(**fields | {"input": shares[0].input + given, "output": shares[0].output + made, "by_model": shares})


def _sum(figures: list[int | None]) -> int | None:
    told = [figure for figure in figures if figure is not None]
    return sum(told) if told else None
