"""The three families of dialects as a test calls them: a path, a good request, its key's header, and how errors look."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.support.running import RunningProxy
from tests.support.talking import Heard, Talking, request

UPSTREAM = '{{ dialect: {family}, base_url: "{url}", key: env:SCRIPTED_KEY, models: {models}, {prices}{more} }}'
PRICES = "prices: { input: 1, output: 2 }"
PROVIDER_KEY = "provider-secret"
TURN = [{"role": "user", "content": "hi"}]


class Family(NamedTuple):
    """How one family is called."""

    name: str
    path: str
    body: dict[str, Any]
    key_header: str
    key_prefix: str = ""

    def key(self, key: str) -> tuple[str, str]:
        """The header that carries a virtual key."""
        return self.key_header, self.key_prefix + key

    def post(self, proxy: RunningProxy, body: bytes | None = None, *headers: tuple[str, str]) -> bytes:
        """A POST with our key; the good body by default."""
        data = json.dumps(self.body).encode() if body is None else body
        return request("POST", self.path, data, (self.key(proxy.key), *headers))


OPENAI = Family("openai", "/v1/chat/completions", {"model": "gpt-x", "messages": TURN}, "authorization", "Bearer ")
ANTHROPIC = Family("anthropic", "/v1/messages", {"model": "claude-x", "max_tokens": 9, "messages": TURN}, "x-api-key")
GEMINI = Family(
    "gemini",
    "/v1beta/models/gemini-x:generateContent",
    {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    "x-goog-api-key",
)
FAMILIES = (OPENAI, ANTHROPIC, GEMINI)


def upstreams(
    url: str, *, models: Mapping[str, str] | None = None, prices: str = PRICES, more: str = ""
) -> dict[str, str]:
    """Upstreams of all three families at one address, for ``RunningProxy`` with SCRIPTED_KEY in its environment."""
    found = {}
    for family in FAMILIES:
        globs = (models or {}).get(family.name, '["*"]')
        base = url + "/v1" if family is OPENAI else url
        found[family.name] = UPSTREAM.format(family=family.name, url=base, models=globs, prices=prices, more=more)
    return found


def told(family: Family, heard: Heard) -> tuple[str, str, str]:
    """An error as its SDK reads it: (kind, code or reason, message). Fails when it is not of that family's form."""
    assert heard.header("content-type") == "application/json", heard
    document = heard.json()
    error = document["error"]
    if family is OPENAI:
        return error["type"], error["code"], error["message"]
    if family is ANTHROPIC:
        assert document["type"] == "error"
        return error["type"], "", error["message"]
    assert error["code"] == heard.status
    assert error["details"][0]["@type"].endswith("ErrorInfo")
    return error["status"], error["details"][0]["reason"].lower(), error["message"]


def one_call(proxy: RunningProxy, data: bytes) -> Heard:
    """Send one request on a connection of its own; its answer."""
    with Talking(proxy.port) as line:
        return line.send(data).answer()
