"""Texts of the Responses API, and of transcriptions, whose events are made alike: ``….delta``, then ``….done`` with it all.

A made event has the ``sequence_number`` of the last delta: those of the upstream serve to resume a stream and stay.
"""

from __future__ import annotations

from typing import Final

from proxy.dialects.reported import part, parts
from proxy.dialects.rewriting.channels import Channel, Channels, Event, Kind

_DELTA, _DONE, _ADDED = ".delta", ".done", ".added"
_OVER: Final = frozenset(("response.completed", "response.incomplete", "response.failed", "error"))
_INDEXES: Final = ("content_index", "summary_index", "command_index")
_WHOLES: Final[tuple[tuple[str, Kind], ...]] = (
    ("text", "text"),
    ("refusal", "refusal"),
    ("transcript", "text"),
    ("arguments", "arguments"),
    ("input", "input"),
    ("code", "input"),
    ("command", "input"),
    ("diff", "input"),
)
_ACTIONS: Final = ("action", "operation")  # of calls whose values are an object: shells, patches, searches


class Responses:
    """See ``rewriter.Format``."""

    def read(self, event: Event, channels: Channels) -> None:
        """Read an event, or a whole answer."""
        kind = event.get("type")
        if type(kind) is not str:
            _response(event, channels)
        elif kind.endswith(_DELTA):
            _delta(event, kind.removesuffix(_DELTA), channels)
        elif kind.endswith(_DONE):
            _done(event, kind.removesuffix(_DONE), channels)
        elif kind in _OVER:
            channels.end_all()
            _response(part(event, "response"), channels)
        elif kind.endswith(_ADDED):
            _wholes(event, kind, channels)
        elif "response" in event:
            _response(part(event, "response"), channels)

    def alone(self, event: Event, channel: Channel, text: str) -> Event:  # noqa: ARG002 - the event says whose it is
        """Return the last delta with another text."""
        made = event | {"delta": text}
        return made | {"logprobs": []} if "logprobs" in made else made


def _delta(event: Event, stem: str, channels: Channels) -> None:
    kind: Kind = _kind(stem)
    before = channels.unit.changes
    if not stem.endswith("audio"):  # sound in base64
        channels.piece(event, "delta", kind, _item_of(event), _block_of(event), stem, within_json=kind == "arguments")
    if event.get("logprobs") and channels.unit.changes != before:
        event["logprobs"] = []


def _done(event: Event, stem: str, channels: Channels) -> None:
    if stem == "response.output_item":
        channels.end(_item_of(event))
    elif stem == "response.content_part":
        channels.end(_item_of(event), _block_of(event))
    elif stem.startswith("response."):
        channels.end(_item_of(event), _block_of(event), stem)
    else:
        channels.end_all()
    _wholes(event, stem, channels)


def _wholes(event: Event, stem: str, channels: Channels) -> None:
    """Strings that an event has as a whole: its own, those of its part, and those of its item."""
    _strings(event, channels, _kind(stem))
    _strings(part(event, "part"), channels, _kind(stem))
    _item(part(event, "item"), channels)


def _response(response: Event, channels: Channels) -> None:
    channels.whole(response, "output_text", "text")
    channels.whole(response, "text", "text")  # a transcription
    for item in parts(response, "output"):
        _item(item, channels)


def _item(item: Event, channels: Channels) -> None:
    kind: Kind = "reasoning" if item.get("type") == "reasoning" else "text"
    _strings(item, channels, kind)
    for piece in (*parts(item, "content"), *parts(item, "summary")):
        _strings(piece, channels, kind)
    for name in _ACTIONS:
        channels.strings(item, name, "input")


def _strings(holder: Event, channels: Channels, spoken: Kind) -> None:
    before = channels.unit.changes
    for name, kind in _WHOLES:
        if name in holder:
            shown = spoken if kind == "text" else kind
            channels.whole(holder, name, shown, within_json=kind == "arguments")
    if holder.get("logprobs") and channels.unit.changes != before:
        holder["logprobs"] = []


def _kind(stem: str) -> Kind:
    if "reasoning" in stem:
        return "reasoning"
    name = stem.rpartition("_")[2].rpartition(".")[2]
    return next((kind for whole, kind in _WHOLES if whole == name), "text")


def _item_of(event: Event) -> int | str:
    index, name = event.get("output_index"), event.get("item_id")
    if type(index) is int:
        return index
    return name if type(name) is str else 0


def _block_of(event: Event) -> int:
    return next((event[name] for name in _INDEXES if type(event.get(name)) is int), 0)
