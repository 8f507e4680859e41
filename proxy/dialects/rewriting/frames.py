"""Units of Bedrock's binary streams: frames, with their lengths and checksums."""

from __future__ import annotations

import binascii
from typing import Any

from proxy.dialects import event_stream
from proxy.dialects.rewriting.framing import END
from proxy.dialects.rewriting.values import read, unreadable, write


class ConverseFrames:
    """See ``framing.Framing``. The value of a frame is its payload below the type of its event, as Nova has it too."""

    is_whole = False

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that a piece completed."""
        held = self._held
        held += data
        frames: list[bytes] = []
        at = 0
        while size := event_stream.frame_size(held, at):
            if size > len(held) - at:
                break
            frames.append(bytes(held[at : at + size]))
            at += size
        if size is None and not frames:
            raise unreadable()
        del held[:at]
        return frames

    def rest(self) -> bytes:
        """Return the frame that was not ended."""
        rest = bytes(self._held)
        self._held.clear()
        return rest

    def open(self, unit: bytes) -> Any:
        """Return what a frame carries."""
        if not unit:
            return None
        frame = event_stream.read(unit)
        if frame is None:
            raise unreadable()
        return self.opened(frame) if frame.kind else END

    def write(self, unit: bytes, value: Any) -> bytes:
        """Return the frame with other contents and the same headers."""
        return event_stream.with_payload(unit, self.packed(unit, value))

    def again(self, unit: bytes, value: Any) -> bytes:
        """Return a frame with the same headers."""
        return self.write(unit, value)

    def joined(self, before: list[bytes], unit: bytes) -> bytes:
        """Return all frames."""
        return b"".join((*before, unit))

    def opened(self, frame: event_stream.Frame) -> Any:
        """Return the payload below its type."""
        return read(b'{"%b":%b}' % (write(frame.kind)[1:-1], frame.payload or b"{}"))

    def packed(self, unit: bytes, value: Any) -> bytes:  # noqa: ARG002 - the payload is all there is
        """Return the payload."""
        (payload,) = value.values()
        return write(payload)


class ChunkFrames(ConverseFrames):
    """Frames whose payload has a vendor's own event in base64."""

    def opened(self, frame: event_stream.Frame) -> Any:
        """Return the vendor's event."""
        try:
            packed = frame.object().get("bytes")
            return read(binascii.a2b_base64(packed)) if type(packed) is str else None
        except ValueError:
            raise unreadable() from None

    def packed(self, unit: bytes, value: Any) -> bytes:
        """Return the payload with the vendor's event in it, all else as it was."""
        frame = event_stream.read(unit)
        around = {} if frame is None else frame.object()
        return write(around | {"bytes": binascii.b2a_base64(write(value), newline=False).decode()})
