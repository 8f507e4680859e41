"""The form of an edit of pictures: it is understood when all of it has passed, since any field may stand behind a file.

How many pictures are asked for decides how much must be held, so none of the form goes on before that is known.
"""

from __future__ import annotations

from collections.abc import Mapping

from proxy.dialects.multipart import Field, FormScanner
from proxy.dialects.multipart_head import bad_form, boundary_of
from proxy.domain.errors import BadRequest

_KEPT = frozenset({"model", "prompt", "n", "size", "quality", "stream", "partial_images"})
_TRUE = frozenset({"true", "1"})
_FALSE = frozenset({"false", "0", ""})
_LONGEST = 9  # digits


class PictureForm:
    """Satisfies ``intake.Form``."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """Raises ``BadRequest`` when the body is no form."""
        self._scanner = FormScanner(boundary_of(headers.get("content-type")), _KEPT)

    @property
    def known(self) -> bool:
        """Whether the whole form has passed."""
        return self._scanner.ended

    @property
    def ready(self) -> bool:
        """The same: nothing may go on before."""
        return self._scanner.ended

    @property
    def pictures(self) -> int:
        """Files in the form, masks included."""
        return self._scanner.files

    @property
    def texts(self) -> tuple[Field, ...] | None:
        """See ``intake.Form``."""
        return self._scanner.texts

    def feed(self, data: bytes) -> None:
        """Take a piece. Raises ``BadRequest``."""
        self._scanner.feed(data)

    def finish(self) -> None:
        """Tell that nothing more comes. Raises ``BadRequest`` when the form is not complete."""
        self._scanner.finish()

    def text(self, name: str) -> str:
        """The text of a field, empty where there is none. Raises ``BadRequest`` when it is no UTF-8."""
        field = self._scanner.fields.get(name)
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

    def number(self, name: str) -> int:
        """A whole number, 0 where there is none. Raises ``BadRequest``."""
        digits = self.text(name)
        if not digits:
            return 0
        if not (digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST):
            raise BadRequest(f"'{name}' must be a whole number.", param=name, code="invalid_type")
        return int(digits)

    def flag(self, name: str) -> bool:
        """True or false, which it is where there is none. Raises ``BadRequest``."""
        said = self.text(name).lower()
        if said not in _TRUE | _FALSE:
            raise BadRequest(f"'{name}' must be true or false.", param=name, code="invalid_type")
        return said in _TRUE

    def named(self, model: str, *, needed: bool) -> tuple[tuple[int, int, bytes], ...]:
        """The edit that makes the form name ``model``; one without that field gets it only where it is ``needed``."""
        field, name = self._scanner.fields.get("model"), model.encode()
        if field is not None:
            return () if field.value == name else ((field.start, field.end, name),)
        if not needed:
            return ()
        at, part = self._scanner.opening, b'%b\r\nContent-Disposition: form-data; name="model"\r\n\r\n%b\r\n'
        return ((at, at, part % (self._scanner.dashes, name)),)
