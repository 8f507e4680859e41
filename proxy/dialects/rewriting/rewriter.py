"""The way of an answer through the room: cut, read, filter, write."""

from __future__ import annotations

from typing import Any, Protocol

from proxy.dialects.rewriting.channels import Channel, Channels, Event, Make, Unit
from proxy.dialects.rewriting.framing import END, Framing
from proxy.dialects.rewriting.values import Read
from proxy.domain.errors import UpstreamFailed

_LEAD = b"\xef\xbb\xbf \t\r\n"
_BODY = (b"{", b"[")


class Format(Protocol):
    """Where the texts of a wire format stand, in its events and in its whole answers. Keeps nothing."""

    def read(self, event: Event, channels: Channels) -> None:
        """Tell ``channels`` of every text of an event, and of every end."""
        ...

    def alone(self, event: Event, channel: Channel, text: str) -> Event:
        """Return an event like this one with nothing but a text of this channel."""
        ...


class Rewriter:
    """For one answer, streamed or whole: which of them it is, its first byte says."""

    def __init__(self, framing: Framing, whole: Framing, form: Format, make: Make, *, strict: bool = True) -> None:
        """``framing`` is that of streams, ``whole`` that of answers that begin as JSON does."""
        self._framing, self._whole, self._format = framing, whole, form
        self._channels = Channels(make, form.alone)
        self._strict = strict
        self._sniffing, self._is_lost = True, False
        self._fault: Exception | None = None

    def feed(self, data: bytes) -> bytes:
        """Return what may go to the caller now: whole units.

        What a filter raised, or ``UpstreamFailed`` for what cannot be read, is raised when all units before it have been
        returned: at once if there are none, else by the next call.
        """
        if self._fault is not None:
            raise self._fault
        if self._is_lost:
            return data
        lead = b""
        if self._sniffing:
            lead, data = self._sniffed(data)
        try:
            units = self._framing.feed(data)
        except UpstreamFailed as fault:
            if self._strict:
                return self._ended(lead, fault)
            self._is_lost = True
            return lead + self._framing.rest()
        passed = [lead] if lead else []
        for unit in units:
            try:
                passed.append(self._passed(unit))
            except Exception as fault:  # noqa: BLE001 - a filter's own, which is raised again by the next call
                return self._ended(b"".join(passed), fault)
        return passed[0] if len(passed) == 1 else b"".join(passed)

    def finish(self) -> bytes:
        """Return what filters held, at the end of the answer, and the unit that was not ended if it can be read."""
        if self._fault is not None:
            raise self._fault
        rest = self._framing.rest()
        try:
            self._framing.open(rest)
        except UpstreamFailed:
            rest = b"" if self._strict else rest
        return self._passed(rest, last=True)

    def _passed(self, raw: bytes, *, last: bool = False) -> bytes:
        value: Any = None
        try:
            value = self._framing.open(raw) if raw else None
        except UpstreamFailed:
            if self._strict:
                raise
        if value is None and not last:
            return raw
        clear = not isinstance(value, Read)
        if isinstance(value, Read):
            value = value.value
        channels = self._channels
        unit = channels.unit = Unit(raw, value)
        if type(value) is dict:
            self._format.read(value, channels)
        elif type(value) is list:
            self._each(raw, value)
        if last or value is END or self._framing.is_whole:
            channels.end_all()
        changed = raw if clear and not unit.changes else self._framing.write(raw, value)
        if not unit.before:
            return changed
        written = [self._framing.again(template.raw, event) for template, event in unit.before]
        return self._framing.joined(written, changed)

    def _each(self, raw: bytes, values: list[Any]) -> None:
        """Read the events of a unit that has several. Each may be a template, none precedes another."""
        whole = self._channels.unit
        for value in values:
            if type(value) is dict:
                unit = self._channels.unit = Unit(raw, value)
                unit.before = whole.before
                self._format.read(value, self._channels)
                whole.changes += unit.changes
        self._channels.unit = whole

    def _sniffed(self, data: bytes) -> tuple[bytes, bytes]:
        """Blanks at the beginning, and the rest: by its first byte it is a stream or a body."""
        rest = data.lstrip(_LEAD)
        if rest:
            self._sniffing = False
            if rest.startswith(_BODY):
                self._framing = self._whole
        return data[: len(data) - len(rest)], rest

    def _ended(self, passed: bytes, fault: Exception) -> bytes:
        self._fault = fault
        if passed:
            return passed
        raise fault
