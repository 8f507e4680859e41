"""A running proxy as a command sees it: where it answers, with which key, and what it says to a question."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from typing import Any, Self

from proxy.config.settings import Address, Settings, Tls
from proxy.domain.upstream import Secret

_PATIENCE_S = 60.0
_FINE = 200


class NoAnswer(Exception):
    """The proxy refused, broke off or is not there; the text is for people and holds no key."""


class Door:
    """One proxy and one key."""

    def __init__(self, address: Address, key: Secret, tls: Tls | None = None) -> None:
        """Nothing is connected yet."""
        self._address, self._key, self._tls = address, key, tls

    @classmethod
    def of(cls, settings: Settings, key: Secret) -> Self:
        """Make the door of the proxy that a configuration describes."""
        return cls(near(settings.listen), key, settings.tls)

    @property
    def base_url(self) -> str:
        """Where SDKs point, without the version."""
        return f"{'https' if self._tls else 'http'}://{self._address}"

    def knock(self) -> None:
        """Return when calls are served. Raises ``NoAnswer``."""
        self._ask("GET", "/readyz").close()

    def get(self, path: str) -> Any:
        """Read a JSON page. Raises ``NoAnswer``."""
        with self._ask("GET", path) as answer:
            try:
                return json.loads(answer.read())
            except ValueError:
                raise NoAnswer(f"What answers at {self.base_url} is no Tallygate.") from None

    def chat(self, model: str, prompt: str) -> Chat:
        """Ask a model and return when its answer begins. Raises ``NoAnswer``."""
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": prompt}]}
        return Chat(self._ask("POST", "/v1/chat/completions", json.dumps(body).encode()))

    def _ask(self, method: str, path: str, body: bytes | None = None) -> http.client.HTTPResponse:
        headers = {"authorization": f"Bearer {self._key.value}", "content-type": "application/json"}
        try:
            line = self._connection()
            line.request(method, path, body, headers | {"connection": "close"})
            answer = line.getresponse()
            if answer.status == _FINE:
                return answer
            with answer:
                raise NoAnswer(f"The proxy at {self.base_url} answered {answer.status}: {_told(answer.read())}")
        except (OSError, http.client.HTTPException) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise NoAnswer(f"The proxy at {self.base_url} does not answer: {why}") from None

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._address.host, self._address.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=_PATIENCE_S)
        context = ssl.create_default_context(cafile=str(self._tls.cert))
        context.check_hostname = False  # the certificate is the configuration's own, the address is this machine's
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        return http.client.HTTPSConnection(host, port, timeout=_PATIENCE_S, context=context)


class Chat:
    """An answer that streams: iterate for its text. ``headers`` are there before the first word."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        """Made by ``Door.chat``."""
        self._answer = answer
        self.headers = {name.lower(): value for name, value in answer.getheaders()}

    def __iter__(self) -> Iterator[str]:
        """Give pieces of text as they come. Raises ``NoAnswer`` when the stream does not end as it should."""
        with self._answer:
            try:
                yield from self._pieces()
            except (OSError, http.client.HTTPException):
                raise NoAnswer("The stream broke off.") from None

    def _pieces(self) -> Iterator[str]:
        for line in self._answer:
            data = line.strip().removeprefix(b"data: ")
            if data == b"[DONE]":
                return
            if data.startswith(b"{"):
                event = json.loads(data)
                if "error" in event:
                    raise NoAnswer(f"The stream ended with an error: {_told(data)}")
                yield from _words(event)
        raise NoAnswer("The stream broke off.")


def near(listen: Address) -> Address:
    """Turn an address to listen on into one to call from this machine."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    return Address(local.get(listen.host, listen.host), listen.port)


def _words(event: dict[str, Any]) -> Iterator[str]:
    for choice in event.get("choices") or ():
        text = (choice.get("delta") or {}).get("content")
        if isinstance(text, str) and text:
            yield text


def _told(body: bytes) -> str:
    """Read the sentence out of an error's body."""
    try:
        said = json.loads(body)["error"]["message"]
    except (ValueError, LookupError, TypeError):
        return "no explanation"
    return str(said)
