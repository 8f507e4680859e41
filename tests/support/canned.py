"""A wire that gives an official SDK one prepared answer, so that it can judge what we wrote."""

from __future__ import annotations

import httpx2


class Canned(httpx2.BaseTransport):
    """Answers every request alike."""

    def __init__(self, status: int, content: bytes, content_type: str = "application/json") -> None:
        self._status, self._content, self._type = status, content, content_type

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the answer."""
        headers = {"content-type": self._type, "x-should-retry": "false"}
        return httpx2.Response(self._status, content=self._content, headers=headers, request=request)


def client(status: int, content: bytes, content_type: str = "application/json") -> httpx2.Client:
    """Return an HTTP client whose every call is answered so."""
    return httpx2.Client(transport=Canned(status, content, content_type))
