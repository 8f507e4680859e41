"""What a request asks a model for, as its dialect understood it.

An ``Ask`` carries references into the parsed body (texts, for counting) and must not outlive its call: it is never
logged, stored or put into an error.
"""

from __future__ import annotations

import msgspec


class Endpoint(msgspec.Struct, frozen=True):
    """One operation of a wire format."""

    api: str  # "openai.chat", as in the usage fixtures
    path: str  # as the caller sends it, model left out: "/v1/chat/completions"
    upstream_path: str  # appended to the upstream's base_url; "{model}" is filled in: "/chat/completions"
    method: str = "POST"
    generates: bool = True  # False: there are no output tokens (embeddings)
    metered: bool = True  # False: forwarded and recorded, but nothing is billed (models, count_tokens)
    local: bool = False  # answered here and never forwarded: lists of models
    clamps: bool = True  # False: no ceiling on its output can be written into a request
    upload: bool = False  # True: its body is passed on while it comes, and never kept in memory
    piecewise: bool = False  # True: its answers pass as they come, whatever they are: sound, files
    headers: frozenset[str] = frozenset()  # of the caller's that it needs beside those of the allow-list, lower case


class Features(msgspec.Struct, frozen=True):
    """Sizes that predict input tokens. ``texts`` are the strings the model will read, in order."""

    texts: tuple[str, ...] = ()
    text_bytes: int = 0  # UTF-8 bytes of texts
    tools_bytes: int = 0  # bytes of tool and schema definitions as JSON
    messages: int = 0
    images: int = 0
    media_bytes: int = 0  # of audio, files and video carried inline
    unbounded: str = ""  # the member that brings in what has no size here, such as a stored conversation; "": none does

    def __repr__(self) -> str:
        """Sizes only: the texts are the caller's prompt."""
        return f"Features(text_bytes={self.text_bytes}, tools_bytes={self.tools_bytes}, messages={self.messages})"


class Ask(msgspec.Struct, frozen=True):
    """A request as understood. ``body`` are the bytes that were checked and will be forwarded, but for named edits."""

    endpoint: Endpoint
    model: str  # as the caller wrote it
    body: bytes
    stream: bool = False
    max_output: int | None = None  # the caller's own ceiling on output tokens of one choice
    choices: int = 1
    likely_output: int | None = None  # output tokens of one choice, where the request itself tells: pictures of a size
    searches: int = 0  # that will be billed, where an operation is sold by them: rankings
    features: Features = Features()
    usage_asked: bool = True  # False: a stream whose caller did not ask for the usage chunk (OpenAI chat)
    tools: tuple[str, ...] = ()  # names of functions offered
    service_tier: str | None = None
    query: str = ""  # query string that the upstream must see (Gemini's alt=sse), keys removed
    session: str | None = None  # what agents send of themselves to tell their sessions apart

    def __repr__(self) -> str:
        """Everything but the body."""
        return f"Ask({self.endpoint.api}, model={self.model!r}, stream={self.stream}, {self.features!r})"


class Outgoing(msgspec.Struct, frozen=True):
    """The request for one attempt: path and query below the upstream's base URL, body, and what was edited in it."""

    target: str
    body: bytes
    edits: tuple[str, ...] = ()  # top-level members that were replaced or added: ("model", "stream_options")
    strip_usage: bool = False  # usage was asked on our behalf: the extra chunk must not reach the caller
    cuts: tuple[tuple[int, int, bytes], ...] = ()  # (start, end, new bytes), in order, of a body that is not kept

    def __repr__(self) -> str:
        """Sizes and edits: the body is the caller's prompt, and a query may hold anything."""
        return f"Outgoing({len(self.body)} bytes, edits={self.edits})"
