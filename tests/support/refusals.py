"""What every refusal of bad input has in common, whatever was bad about it."""

from __future__ import annotations

import pytest

from tests.support.families import FAMILIES
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.talking import Heard, Talking, request

CANARY = "canary-5d1c"
BAD_KIND = {"openai": "invalid_request_error", "anthropic": "invalid_request_error", "gemini": "INVALID_ARGUMENT"}
NO_KEY = {"openai": "invalid_request_error", "anthropic": "authentication_error", "gemini": "UNAUTHENTICATED"}
FORBIDDEN = {"openai": "permission_error", "anthropic": "permission_error", "gemini": "PERMISSION_DENIED"}
NOT_FOUND = {"openai": "invalid_request_error", "anthropic": "not_found_error", "gemini": "NOT_FOUND"}
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def refused(proxy: RunningProxy, scripted: ScriptedUpstream, data: bytes) -> Heard:
    """Send; the refusal. Its connection is either said to be closed and is, or serves another request."""
    with Talking(proxy.port) as line:
        heard = line.send(data).answer()
        assert heard.whole
        if ("connection", "close") in heard.headers:
            assert line.rest() == b""
        else:
            assert line.send(request("GET", "/livez")).answer().status == 200
    assert CANARY.encode() not in heard.body
    assert CANARY not in str(heard.headers)
    assert scripted.seen == []
    return heard
