"""Models that cannot be had."""

from __future__ import annotations

import json

import pytest

from tests.support.families import ANTHROPIC, GEMINI, OPENAI, Family, told
from tests.support.refusals import BAD_KIND, FORBIDDEN, NOT_FOUND, refused
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.talking import request

LONG = "a" * 100_000
MODELS_REFUSED = [
    (OPENAI, "gpt*", 404, "No upstream serves the model 'gpt*'"),  # a pattern is no name
    (OPENAI, "nothing-like-it", 404, "No upstream serves the model 'nothing-like-it'"),
    (OPENAI, "claude-x", 404, "No upstream serves the model 'claude-x' in this dialect"),
    (OPENAI, LONG, 400, "'model'"),
    (OPENAI, "gpt-" + LONG, 400, "'model'"),
    (OPENAI, "gpt-\0\u202e\n", 400, "'model'"),
    (OPENAI, "unpriced-x", 403, "has no price at upstream 'unpriced'"),
    (ANTHROPIC, "gpt-x", 404, "No upstream serves the model 'gpt-x' in this dialect"),
    (ANTHROPIC, "claude-" + LONG, 400, "'model'"),
]


@pytest.mark.parametrize(
    ("family", "model", "status", "words"), MODELS_REFUSED, ids=[m[:20] for _, m, _, _ in MODELS_REFUSED]
)
def test_a_model_that_cannot_be_had_is_told_and_leaves_a_small_row(
    family: Family, model: str, status: int, words: str, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = refused(proxy, scripted, family.post(proxy, json.dumps(family.body | {"model": model}).encode()))
    assert heard.status == status
    kind, _, message = told(family, heard)
    assert kind == {400: BAD_KIND, 403: FORBIDDEN, 404: NOT_FOUND}[status][family.name]
    assert words in message
    assert len(heard.body) < 1000
    (row,) = proxy.wait_rows(request_id=heard.header("x-request-id"))
    assert (row.attempt, row.outcome, row.status) == (0, "denied", status)
    assert len(row.model_requested) <= 256


def test_a_model_in_a_path_is_held_to_the_same_length(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    path = f"/v1beta/models/gemini-{'a' * 4000}:generateContent"
    heard = refused(proxy, scripted, request("POST", path, b'{"contents":[]}', (GEMINI.key(proxy.key),)))
    assert (heard.status, told(GEMINI, heard)[0]) == (400, "INVALID_ARGUMENT")
    assert len(heard.body) < 1000
