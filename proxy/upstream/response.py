"""Reads one HTTP/1.1 answer strictly: bytes in, status, headers and body pieces out. Knows no socket and no clock.

llhttp finds the message; everything it leaves to its user stands here: sizes, interim answers, framing that two readers
could understand differently, and what may follow. One object per answer, so that no answer can leak into the next.
"""

from __future__ import annotations

import httptools

MAX_FIELD_BYTES = 8 << 10  # name and value of one header
MAX_HEADERS = 128
MAX_HEAD_BYTES = 64 << 10  # of a head, and of trailers or chunk extensions between two pieces of body
MAX_INTERIM = 8  # answers 1xx before the real one
MAX_KEEP_ALIVE_S = 3600


class BadAnswer(Exception):
    """The upstream broke HTTP/1.1; the text names the rule and holds nothing of what was sent."""


class ResponseParser:
    """One answer. ``status`` is 0 until its head is whole; ``complete`` tells that the last byte of body was seen.

    ``reusable`` is true when the connection may carry another request. ``pieces`` holds body not yet taken and
    ``pending`` its size in bytes; ``begun`` tells that some body came.
    """

    # Most answers change few of these: a class attribute is a default that costs nothing per answer.
    status = 0
    pending = 0
    begun = False
    complete = False
    reusable = False
    coding = b""  # Content-Encoding in lower case, although we ask for none; empty for identity
    keep_alive_s: int | None = None  # the upstream's own word on how long it keeps an idle connection
    _head_only = False
    _until_close = False
    _interim = 0
    _overhead = 0
    _refusal = ""

    def __init__(self, *, head_only: bool = False) -> None:
        """``head_only``: the request was a HEAD, whose answer has the framing of a body and none."""
        self.pieces: list[bytes] = []
        self.on_body = self.pieces.append  # called by the parser for each piece: no Python of ours runs per event
        if head_only:
            self._head_only = True
        self.headers: list[tuple[bytes, bytes]] = []
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    def feed(self, data: bytes | memoryview) -> None:
        """Take what one read brought. Raises ``BadAnswer``; pieces that came before the mistake stay."""
        parser = self._parser
        if parser is None:  # complete: whatever comes now belongs to nobody
            self.reusable = False
            return
        pieces = self.pieces
        before = len(pieces)
        self._overhead += len(data)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.complete:
                self._parser = None
                raise BadAnswer(self._refusal or _reason(error)) from None
            self.reusable = False
        if self.complete:
            self._parser = None  # breaks the cycle of parser and callbacks
            if self._head_only:
                pieces.clear()
                self.reusable = False
        if len(pieces) > before:
            self.pending += sum(map(len, pieces[before:] if before else pieces))
            self.begun = True
            self._overhead = 0
        elif self._overhead > MAX_HEAD_BYTES and not self.complete:
            self._parser = None
            raise BadAnswer(f"more than {MAX_HEAD_BYTES} bytes of headers or framing without an end")

    def end(self) -> None:
        """The upstream closed its side: that ends an answer without a length, and breaks off every other."""
        self._parser = None
        if self.status and self._until_close:
            self.complete = True

    def abandon(self) -> None:
        """Nothing more will be fed."""
        self._parser = None

    def take(self) -> bytes:
        """The body since the last take, joined; ``b""`` when there is none."""
        pieces = self.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.pending = 0
        return body

    # What follows is called by the parser.

    def on_message_begin(self) -> None:
        """A second answer to one request is a desynchronised peer."""
        if self.complete:
            self._refuse("bytes after the end of the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; those that come later are trailers, which nobody reads (RFC 9110, 6.5.1)."""
        if not self.status:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Decide how the body is framed, or wait on when the answer is only an interim one."""
        parser = self._parser
        status: int = parser.get_status_code() if parser is not None else 0
        if status < 200:  # noqa: PLR2004  # 1xx: interim, RFC 9110, 15.2
            self._skip_interim(status)
            return
        self._check_sizes()
        fields = dict(self.headers)
        if b"transfer-encoding" in fields:
            self._check_chunked()
        elif b"content-length" not in fields:
            self._until_close = status not in (204, 304)
        if b"content-encoding" in fields:
            self.coding = _coding(self.headers)
        if b"keep-alive" in fields:
            self.keep_alive_s = _keep_alive_s(fields[b"keep-alive"])
        self.status = status
        if self._head_only:
            self.complete = True

    def on_message_complete(self) -> None:
        """The last byte of an answer, or of an interim one."""
        if self.status:
            self.complete = True
            self.reusable = self._parser is not None and self._parser.should_keep_alive()

    def _skip_interim(self, status: int) -> None:
        self._interim += 1
        if status < 100 or status == 101:  # noqa: PLR2004  # 101: nobody asked for another protocol
            self._refuse(f"an answer of status {status}")
        if self._interim > MAX_INTERIM:
            self._refuse(f"more than {MAX_INTERIM} interim answers")
        self.headers.clear()

    def _check_sizes(self) -> None:
        if len(self.headers) > MAX_HEADERS:
            self._refuse(f"more than {MAX_HEADERS} headers")
        if self._overhead <= MAX_FIELD_BYTES:  # then neither one of them nor all together can be too large
            return
        sizes = [len(name) + len(value) for name, value in self.headers]
        if sum(sizes) > MAX_HEAD_BYTES:
            self._refuse(f"more than {MAX_HEAD_BYTES} bytes of headers")
        if max(sizes, default=0) > MAX_FIELD_BYTES:
            self._refuse(f"a header of more than {MAX_FIELD_BYTES} bytes")

    def _check_chunked(self) -> None:
        # RFC 9112, 6.1: a coding we did not offer, or chunked from HTTP/1.0, is faulty framing.
        values = [value for name, value in self.headers if name == b"transfer-encoding"]
        if len(values) != 1 or values[0].strip().lower() != b"chunked":
            self._refuse("a transfer encoding other than chunked")
        if self._parser is not None and self._parser.get_http_version() != "1.1":
            self._refuse("a transfer encoding in a version of HTTP that has none")

    def _refuse(self, reason: str) -> None:
        # The parser swallows what its callbacks raise, so that the reason is kept beside it.
        self._refusal = reason
        raise BadAnswer(reason)


def _reason(error: Exception) -> str:
    """The parser's own sentence, which is one of a fixed list; an upgrade has none."""
    return "an upgrade that nobody asked for" if isinstance(error, httptools.HttpParserUpgrade) else str(error)


def _coding(headers: list[tuple[bytes, bytes]]) -> bytes:
    """All content codings but identity in the order in which they were applied, as ``gzip`` or ``gzip,br``."""
    names = [part.strip().lower() for key, value in headers if key == b"content-encoding" for part in value.split(b",")]
    return b",".join([name for name in names if name not in (b"", b"identity")])


def _keep_alive_s(value: bytes) -> int | None:
    """``timeout`` of a Keep-Alive header in seconds, None when it says nothing usable."""
    for part in value.split(b","):
        name, _, number = part.strip().partition(b"=")
        if name.lower() == b"timeout" and number.isdigit() and len(number) < 10:  # noqa: PLR2004  # no sane timeout has more digits
            return min(int(number), MAX_KEEP_ALIVE_S)
    return None
