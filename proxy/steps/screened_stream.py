"""An answer that is looked through, or restored, while it passes. See ``screened_answer``.

A stream whose format nobody here can take apart is one that cannot be read. Where no rule in force looks at it and nothing
is put back, rules see a copy: the caller gets the bytes as they came, also where the copy cannot be read.
"""

from __future__ import annotations

from proxy.dialects.rewriting import Channel, Rewriter, rewriter
from proxy.domain.errors import CallError, UpstreamFailed
from proxy.policy.content.answers import Inspection
from proxy.policy.content.restore import Restorer
from proxy.ports import Answer
from proxy.steps.inflate import Inflater
from proxy.steps.screened_answer import AnswerScreen, is_media
from proxy.steps.visit import Plan


class StreamScreen:
    """Of one stream. From the first finding that a rule denies nothing passes any more, and ``check`` raises why."""

    def __init__(self, screen: AnswerScreen, plan: Plan, inflater: Inflater | None) -> None:
        """``inflater`` unpacks what was compressed; None where nothing was. See ``stream_screen_of``."""
        self._only_watches = not screen.is_binding and not screen.vault
        self.is_unpacked = inflater is not None and not self._only_watches
        self._screen, self._inflater = screen, inflater
        self._ruling, self._marks = screen.ruling(), screen.marks()
        self._refusal: CallError | None = None
        self._way: Rewriter | None = rewriter(plan.dialect.name, plan.ask, self._filter, strict=screen.is_binding)

    @property
    def can_read(self) -> bool:
        """Whether the format of the stream is known."""
        return self._way is not None

    def feed(self, data: bytes) -> bytes:
        """What may go to the caller now. Raises ``UpstreamFailed`` for what cannot be read and must be."""
        if self._only_watches:
            self._watch(data)
            return data
        return self._through(data)

    def finish(self) -> bytes:
        """The rest of it."""
        if self._only_watches:
            self._watch(b"", last=True)
            return b""
        return b"" if self._way is None else self._way.finish()

    def _watch(self, data: bytes, *, last: bool = False) -> None:
        """Look at a copy, until it cannot be read."""
        if self._way is None:
            return
        try:
            self._through(data)
            if last:
                self._way.finish()
        except Exception:  # noqa: BLE001 - whatever stands against looking, no rule that only watches may end an answer
            self._way = None

    def _through(self, data: bytes) -> bytes:
        if self._inflater is not None:
            data = self._inflater.feed(data)
            if self._inflater.is_lost:
                raise UpstreamFailed("The upstream's answer is compressed in a way that cannot be checked.")
        return data if self._way is None else self._way.feed(data)

    def check(self) -> None:
        """Raise the refusal of what was found, if a rule denies it."""
        if self._refusal is not None:
            raise self._refusal

    def ended(self) -> None:
        """Count what was found, however the stream ended."""
        self._screen.tell(self._ruling.looked())

    def deny(self) -> None:
        """Take note that a rule in force denies what was found. Raises its refusal."""
        try:
            self._screen.decide(self._ruling.looked())
        except CallError as refusal:
            self._refusal = refusal
            raise

    def _filter(self, channel: Channel) -> _Filter:
        screen = self._screen
        inspection = None
        if screen.wishes:
            within = channel.within_json or None  # of a whole text everybody can tell
            inspection = Inspection(screen.contents.watch, self._ruling, self._marks, within_json=within)
        if inspection is not None and not screen.is_binding:
            return _Beside(self, inspection, Restorer(screen.vault, within_json=channel.within_json))
        return _Filter(self, inspection, Restorer(screen.vault, within_json=channel.within_json))

    @property
    def is_denied(self) -> bool:
        """Whether something was found that a rule in force denies."""
        return self._ruling.is_denied


class _Filter:
    """One running text: first what rules find is taken out, then values are put back."""

    def __init__(self, stream: StreamScreen, inspection: Inspection | None, restorer: Restorer) -> None:
        self._stream, self._inspection, self._restorer = stream, inspection, restorer

    def feed(self, text: str) -> str:
        return self._restorer.feed(text if self._inspection is None else self._passed(self._inspection.feed(text)))

    def end(self) -> str:
        rest = "" if self._inspection is None else self._passed(self._inspection.end())
        return self._restorer.feed(rest) + self._restorer.end()

    def _passed(self, text: str) -> str:
        if self._stream.is_denied:
            self._stream.deny()
        return text


class _Beside(_Filter):
    """Rules only watch: they see the text, and what they hold back keeps nobody waiting."""

    def feed(self, text: str) -> str:
        if self._inspection is not None:
            self._inspection.feed(text)
        return self._restorer.feed(text)

    def end(self) -> str:
        if self._inspection is not None:
            self._inspection.end()
        return self._restorer.end()


def reads_whole(plan: Plan, answer: Answer) -> bool:
    """Whether an answer that would pass in pieces is one JSON or text, of a format that has no other streams."""
    kind = next((value.lower() for name, value in answer.headers if name == b"content-type"), b"")
    single = kind.startswith((b"application/json", b"text/plain"))
    return single and rewriter(plan.dialect.name, plan.ask, lambda _: _Nothing()) is None


class _Nothing:
    """Satisfies ``rewriting.TextFilter``: leaves a text as it is."""

    def feed(self, text: str) -> str:
        return text

    def end(self) -> str:
        return ""


def stream_screen_of(screen: AnswerScreen, plan: Plan, answer: Answer) -> StreamScreen | None:
    """The screen of a stream; None where it passes as it is. Raises the refusal of a rule in force that must see it."""
    if is_media(plan, answer):
        return None
    inflater = Inflater(answer.coding) if answer.coding else None
    stream = StreamScreen(screen, plan, inflater)
    if inflater is not None and inflater.is_lost:
        screen.unread("it is compressed in a way that is not known")
    elif not stream.can_read:
        screen.unread("its stream is of a format that cannot be taken apart")
    else:
        return stream
    return None
