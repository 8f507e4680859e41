"""The stand-in's HTTP server: loopback only, small, and polite enough for keep-alive and streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from proxy.upstream.demo import anthropic, gemini, openai, openai_responses
from proxy.upstream.demo.reply import Answered, Asked, Whole

MAX_HEAD_BYTES = 64 << 10
MAX_BODY_BYTES = 32 << 20
PAUSE_S = 0.03  # between pieces: a person sees it stream, and waits about a second
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 411: "Length Required", 413: "Content Too Large"}


def _models(asked: Asked) -> Answered:
    """The list in the form of whoever asks: three SDKs share this path."""
    if "anthropic-version" in asked.headers:
        return anthropic.models(asked)
    return gemini.models(asked) if "x-goog-api-key" in asked.headers else openai.models(asked)


Route = Callable[[Asked], Answered]
ROUTES: dict[tuple[str, str], Route] = {
    ("POST", "/v1/chat/completions"): openai.chat,
    ("POST", "/v1/embeddings"): openai.embeddings,
    ("POST", "/v1/responses"): openai_responses.responses,
    ("POST", "/v1/messages"): anthropic.messages,
    ("POST", "/v1/messages/count_tokens"): anthropic.count_tokens,
    ("GET", "/v1/models"): _models,
    ("GET", "/v1beta/models"): gemini.models,
}


# The peer left, or we are stopping: there is nobody to tell.
_OVER = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError)


class DemoServer:
    """``async with DemoServer() as server``: answers at ``server.base_url`` until the block is left.

    An OpenAI-like upstream takes ``base_url + "/v1"``; Anthropic's and Gemini's take ``base_url``.
    """

    def __init__(self, *, pause_s: float = PAUSE_S, port: int = 0) -> None:
        """``port`` 0 takes any free one; ``pause_s`` seconds pass between two pieces of a stream."""
        self._pause_s = pause_s
        self._port = port
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        """Where it answers, without a final slash."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self._port, limit=MAX_HEAD_BYTES)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the peer leaves or breaks the protocol."""
        task = asyncio.current_task()
        if task is not None:
            self._talks.add(task)
            task.add_done_callback(self._talks.discard)
        try:
            with suppress(*_OVER):
                while True:
                    asked = await _read(reader)
                    await self._write(writer, asked if isinstance(asked, Whole) else answer(asked))
                    if isinstance(asked, Whole):  # what follows a request we could not read cannot be read either
                        break
        finally:
            writer.close()

    async def _write(self, writer: asyncio.StreamWriter, reply: Answered) -> None:
        if isinstance(reply, Whole):
            body = json.dumps(reply.body, ensure_ascii=False).encode("utf-8", "replace")
            writer.write(_head(reply.status, "application/json", b"content-length: %d" % len(body)) + body)
            await writer.drain()
            return
        writer.write(_head(200, reply.content_type, b"cache-control: no-cache\r\ntransfer-encoding: chunked"))
        last = len(reply.pieces) - 1
        for number, piece in enumerate(reply.pieces):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
            if 0 < number < last:
                await asyncio.sleep(self._pause_s)
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def answer(asked: Asked) -> Answered:
    """The stand-in's answer to a request; never raises."""
    route = ROUTES.get((asked.method, asked.path))
    if route is None and asked.method == "POST" and asked.path.startswith(gemini.PREFIXES):
        route = gemini.operate
    if route is None:
        return openai.error(404, f"The stand-in upstream does not serve {asked.method} here.", "not_found")
    try:
        return route(asked)
    except RecursionError:
        return openai.error(400, "The body is nested too deeply.", "invalid_json")


async def _read(reader: asyncio.StreamReader) -> Asked | Whole:
    """One request, or the error that ends the connection."""
    text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = text[:-4].split("\r\n")
    method, _, rest = line.partition(" ")
    path, _, query = rest.rpartition(" ")[0].partition("?")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in lines)}
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdigit():
        return openai.error(411, "Send the body with a Content-Length.", "length_required")
    if int(length) > MAX_BODY_BYTES:
        return openai.error(413, "The body is too large for the stand-in.", "too_large")
    raw = await reader.readexactly(int(length))
    try:
        body = json.loads(raw) if raw else {}
    except (ValueError, RecursionError):
        return openai.error(400, "The body is not JSON.", "invalid_json")
    if not isinstance(body, dict):
        return openai.error(400, "The body is not a JSON object.", "invalid_json")
    return Asked(method, path, query, headers, body)


def _head(status: int, content_type: str, framing: bytes) -> bytes:
    line = f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}\r\ncontent-type: {content_type}\r\n"
    return line.encode() + b"server: tallygate-demo\r\nx-request-id: req_stand_in\r\n" + framing + b"\r\n\r\n"
