"""The form of a transcription or translation while it passes: the fields that matter, and how long the sound is."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.dialects.multipart import Field, FormScanner
from proxy.dialects.multipart_head import bad_form, boundary_of
from proxy.dialects.openai_audio_length import BYTES_PER_S, SoundLength
from proxy.domain.errors import BadRequest

_KEPT = frozenset({"model", "response_format", "stream", "prompt"})
_UNSAID_BYTES = 4 << 20  # of a body whose length nobody has said: eight minutes


class AudioForm:
    """Satisfies ``intake.Form``."""

    def __init__(self, headers: Mapping[str, str], length: int | None) -> None:
        """``length`` of the whole body, if it is known. Raises ``BadRequest`` when it is no form."""
        self._length = length
        self._fed = 0
        self.sound = SoundLength()
        self._scanner = FormScanner(boundary_of(headers.get("content-type")), _KEPT, "file", self.sound.feed)

    @property
    def known(self) -> bool:
        """Whether the model was named, or will not be."""
        return "model" in self._scanner.fields or self._scanner.ended

    @property
    def ready(self) -> bool:
        """Whether all fields before the file are here, and more of it is to come."""
        return "model" in self._scanner.fields and self._scanner.files > 0 and not self._scanner.ended

    @property
    def texts(self) -> tuple[Field, ...] | None:
        """See ``intake.Form``."""
        return self._scanner.texts

    def feed(self, data: bytes) -> None:
        """Take a piece. Raises ``BadRequest``."""
        self._fed += len(data)
        self._scanner.feed(data)

    def finish(self) -> None:
        """Tell that nothing more comes. Raises ``BadRequest`` when the form is not complete."""
        self._scanner.finish()

    def field(self, name: str) -> Field | None:
        """The field of this name, if it was seen."""
        return self._scanner.fields.get(name)

    def text(self, name: str) -> str:
        """The text of a field, empty where it was not seen. Raises ``BadRequest`` when it is no UTF-8."""
        field = self.field(name)
        try:
            return "" if field is None else field.value.decode()
        except UnicodeDecodeError:
            raise bad_form(f"must have {name!r} as UTF-8", name) from None

    def model(self, in_path: str | None) -> str:
        """The model asked for: that of the path where it carries one. Raises ``BadRequest``."""
        model = in_path or self.text("model")
        if not model:
            raise BadRequest("'model' must be a field of the form, and not empty.", param="model", code="invalid_type")
        return model

    def named(self, model: str, *, needed: bool) -> tuple[tuple[int, int, bytes], ...]:
        """The edit that makes the form name ``model``; one without that field gets it only where it is ``needed``."""
        field, name = self.field("model"), model.encode()
        if field is not None:
            return () if field.value == name else ((field.start, field.end, name),)
        if not needed:
            return ()
        at, part = self._scanner.opening, b'%b\r\nContent-Disposition: form-data; name="model"\r\n\r\n%b\r\n'
        return ((at, at, part % (self._scanner.dashes, name)),)

    def expected_s(self) -> float:
        """Seconds that the sound will probably have, from what has passed of it."""
        if self._scanner.ended:
            return self.sound.seconds()
        size = self.sound.size + (_UNSAID_BYTES if self._length is None else max(0, self._length - self._fed))
        told = self.sound.told_s(size)
        return size / BYTES_PER_S if told is None else told
