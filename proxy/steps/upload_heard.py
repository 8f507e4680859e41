"""The texts of a body that is not kept in memory, for rules that must look through it: it is read to its end first.

Fields of a form and bodies that are JSON or text are looked through; a file inside a form only where the whole form is
text. Pictures, sounds and films are not, if they begin as such; whatever else it is, nobody here can read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from proxy.dialects.intake import Form
from proxy.dialects.multipart import Field
from proxy.domain.ask import Ask
from proxy.steps.body_texts import BodyTexts, body_texts
from proxy.steps.media import MEDIA, begins_as_media
from proxy.steps.screened import Changes, Edited
from proxy.steps.upload import Upload
from proxy.steps.upload_aside import Shelf

MOST: Final = 16 << 20  # bytes of a body that is looked through, as many as of one that is kept
_PERCENT: Final = "application/x-www-form-urlencoded"
_BYTES: Final = "surrogateescape"  # bytes of a field that are no text come back as they were


class NotReadYet(Exception):
    """Rules must look through an upload, and not all of it is here."""

    def __init__(self, *, may_wait: bool) -> None:
        """``may_wait``: the call waits until it is, and is refused where there is no room for it."""
        super().__init__()
        self.may_wait = may_wait


@dataclass(frozen=True, slots=True)
class Heard:
    """What was read of an upload. ``unread``: why it cannot be looked through; empty: it can."""

    texts: Sequence[str | None] = field(default=(), repr=False)
    unread: str = ""
    fields: tuple[Field, ...] = ()  # of a form, in the order of ``texts``
    whole: BodyTexts | None = None  # of anything else
    is_left: bool = False  # unread only because nobody may wait until all of it is here

    def edited(self, ask: Ask, changes: Changes) -> Edited:
        """The call with these texts changed while it passes."""
        if self.whole is not None:
            return Edited(ask, ((0, len(self.whole.body), self.whole.changed(changes)),))
        new = {old: changes[number] for number, old in enumerate(self.texts) if number in changes and old}
        read = msgspec.structs.replace(ask.features, texts=tuple([new.get(text, text) for text in ask.features.texts]))
        fields = [(self.fields[number], text) for number, text in sorted(changes.items())]
        cuts = tuple([(one.start, one.end, text.encode("utf-8", _BYTES)) for one, text in fields])
        return Edited(msgspec.structs.replace(ask, features=read), cuts)


async def hear(upload: Upload, shelf: Shelf, content_type: str, *, may_wait: bool = True) -> Heard:
    """Read an upload to its end. Raises what reading from a caller does, and ``Unavailable`` without room for it.

    Where nobody ``may_wait``, what is not here by now is left unread.
    """
    if not (may_wait or upload.is_here):
        return Heard(unread="no rule in force waits for all of it", is_left=True)
    await upload.gather(shelf)
    if isinstance(upload.intake, Form):
        return _form(upload.intake)
    body = await upload.kept(MOST + 1)
    if len(body) > MOST:
        return Heard(unread=f"it is larger than {MOST >> 20} MiB")
    return _whole(body, content_type.strip().lower())


def _form(form: Form) -> Heard:
    if form.texts is None:
        return Heard(unread="its fields are too large to be kept")
    fields = tuple([one for one in form.texts if one.head.name != "model"])
    return Heard([one.value.decode("utf-8", _BYTES) for one in fields], fields=fields)


def _whole(body: bytes, content_type: str) -> Heard:
    if content_type.startswith(_PERCENT):
        return Heard(unread="its text is percent-encoded")
    found = body_texts(body, own=True)
    if found is not None:
        says_json = "json" in content_type and not found.is_json and bool(body.strip())
        if says_json or found.is_broken_json:
            return Heard(unread="it is no JSON that all read the same way")
        return Heard(found.texts, whole=found)
    if not content_type.startswith(MEDIA):
        return Heard(unread="it is neither JSON nor text")
    return Heard() if begins_as_media(body) else Heard(unread="it is not the media that its Content-Type says")
