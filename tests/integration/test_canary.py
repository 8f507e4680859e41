"""No key, prompt or answer text in any log, metric, row, error or repr, and no person's name: canaries searched for everywhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from proxy.dialects import routes
from proxy.domain.ask import Ask
from proxy.domain.upstream import Secret, Upstream
from tests.support import canaries
from tests.support.canaries import PERSON, PROVIDER_KEY, TEXTS, found_in
from tests.support.families import ANTHROPIC, FAMILIES, GEMINI, OPENAI, Family, one_call, upstreams
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import Script, close, failing, garbage, reset, silence, streamed, whole
from tests.support.talking import Heard, Talking, request

DIRECTORY = f"""\
org: acme
teams:
  growth: {{ projects: [crm] }}
  research: {{ projects: [evals] }}
users:
  {PERSON}: {{ team: growth }}
  ann@acme.example: {{ team: growth }}
keys: []
"""
OPENAI_PATHS = (
    ("/v1/responses", {"model": "gpt-x", "input": canaries.PROMPT, "instructions": canaries.SYSTEM}),
    ("/v1/embeddings", {"model": "gpt-x", "input": canaries.PROMPT}),
    ("/v1/completions", {"model": "gpt-x", "prompt": canaries.PROMPT}),
)


@dataclass
class Driven:
    """What is left of some hundred calls."""

    proxy: RunningProxy
    calls: int = 0
    relayed: bytes = b""  # answers that came from the upstream
    refusals: list[Heard] = field(default_factory=list)
    sent: bytes = b""  # what the upstream saw, headers and bodies
    stores: list[bytes] = field(default_factory=list)  # the engines, while a call was open and at rest
    pages: bytes = b""  # metrics, probes, and what callers may read back
    files: dict[str, bytes] = field(default_factory=dict)  # below state/, while running and after the end
    log: bytes = b""

    @property
    def wanted(self) -> tuple[str, ...]:
        """What must be found nowhere."""
        return (*TEXTS, PERSON, self.proxy.key)

    def call(self, data: bytes) -> Heard:
        self.calls += 1
        return one_call(self.proxy, data)


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    home = tmp_path_factory.mktemp("home")
    (home / "directory.yaml").write_text(DIRECTORY)
    with ScriptedUpstream() as scripted:
        found = upstreams(scripted.base_url, more=", breaker: { failures: 0 }")  # they fail again and again below
        proxy = RunningProxy(home, found, more="limits: { body: 1MB }", env={"SCRIPTED_KEY": PROVIDER_KEY})
        proxy.key = proxy.issue(PERSON)
        result = Driven(proxy)
        with proxy:
            for family in FAMILIES:
                _drive(result, family, scripted)
            result.refusals += [result.call(data) for data in canaries.refusable(proxy.key)]
            _look_around(result)
            result.sent = repr(scripted.seen).encode()
        result.files |= {f"after the end: {name}": data for name, data in canaries.files_below(home / "state").items()}
        result.log = proxy.log.read_bytes()
        yield result


def _drive(driven: Driven, family: Family, scripted: ScriptedUpstream) -> None:
    """Every way in which a forwarded call can end, with one family."""
    echo = whole(
        {"error": {"message": canaries.PROMPT, "code": canaries.ANSWER}}, 400, [("set-cookie", canaries.ANSWER)]
    )
    buffered: list[Script] = [
        whole(canaries.answering(family), headers=[("set-cookie", canaries.ANSWER), ("x-other", canaries.ANSWER)]),
        whole({"text": canaries.ANSWER}),
        whole(canaries.ANSWER.encode(), content_type="text/plain"),
        echo,
        failing(401, message=canaries.PROVIDER_KEY),
        failing(429, message=canaries.ANSWER),
        failing(500, message=canaries.ANSWER),
        garbage(),
        [reset()],
        [close()],
    ]
    flowing: list[Script] = [
        streamed(canaries.streaming(family)),
        streamed(canaries.streaming(family, usage=False)),
        streamed(canaries.streaming(family)[:-2] or canaries.streaming(family)[:1], then=close()),
        streamed(canaries.streaming(family)[:1], then=reset()),
        streamed([f"data: {{{canaries.ANSWER}\n\n".encode()]),
        streamed([b'data: {"error":{"message":"' + canaries.ANSWER.encode() + b'"}}\n\n']),
        streamed([(canaries.ANSWER * 800).encode()]),
        echo,
    ]
    headers = (family.key(driven.proxy.key), *canaries.HEADERS)
    for stream, scripts in ((False, buffered), (True, flowing)):
        path, body = canaries.asking(family, stream=stream)
        for script in scripts:
            scripted.replies(script)
            heard = driven.call(request("POST", path, json.dumps(body).encode(), headers))
            driven.relayed += heard.body if heard.status == 200 else b""
            if heard.header("x-tally-upstream") is None:
                driven.refusals.append(heard)
    if family is OPENAI:
        for path, body in OPENAI_PATHS:
            scripted.replies(whole(canaries.answering(family)))
            driven.call(request("POST", path, json.dumps(body).encode(), headers))
    _leave_in_the_middle(driven, family, scripted)


def _leave_in_the_middle(driven: Driven, family: Family, scripted: ScriptedUpstream) -> None:
    """The store is looked at while the call is open: its hold carries the facts of its row."""
    path, body = canaries.asking(family, stream=True)
    scripted.replies(streamed(canaries.streaming(family)[:1], then=silence()))
    rows = len(driven.proxy.rows())
    with Talking(driven.proxy.port) as line:
        line.send(request("POST", path, json.dumps(body).encode(), (family.key(driven.proxy.key),)))
        line.head()
        driven.calls += 1
        driven.stores += canaries.stored(driven.proxy.home / "state")
    driven.proxy.wait_rows(rows + 1)


def _look_around(driven: Driven) -> None:
    proxy = driven.proxy
    (left,) = proxy.rows(outcome="client_abort")[-1:]
    time.sleep(1.2)  # metrics are flushed once a second
    metrics = proxy.get("/metrics", base=proxy.admin_url) + proxy.get("/readyz", base=proxy.admin_url)
    own = proxy.get("/v1/me", key=proxy.key) + proxy.get(f"/v1/calls/{left.request_id}", key=proxy.key)
    driven.pages = metrics + own
    driven.stores += canaries.stored(proxy.home / "state")
    driven.files = canaries.files_below(proxy.home / "state")


def test_the_canaries_were_really_there(driven: Driven) -> None:
    assert driven.calls >= 100
    assert len(driven.proxy.rows()) >= 80
    assert {row.outcome for row in driven.proxy.rows()} == {"ok", "upstream_error", "client_abort", "denied"}
    assert found_in(driven.sent, *TEXTS) == [
        canaries.PROMPT,
        canaries.SYSTEM,
        canaries.TOOL,
        canaries.ARGUMENT,
        PROVIDER_KEY,
    ]
    assert canaries.ANSWER.encode() in driven.relayed
    assert any(b"facts" in store or b"request_id" in store for store in driven.stores[:3])
    assert any(name.endswith(".aof") for name in driven.files)
    assert any(name.endswith("calls.db-wal") for name in driven.files)


def test_headers_of_the_caller_that_may_hold_anything_stay_here(driven: Driven) -> None:
    assert found_in(driven.sent, driven.proxy.key, canaries.COOKIE, canaries.BAGGAGE, canaries.QUERY) == []


def test_a_canary_is_in_no_log_line(driven: Driven) -> None:
    assert found_in(driven.log, *driven.wanted) == []


def test_a_canary_is_in_no_file_of_the_state(driven: Driven) -> None:
    found = {name: texts for name, data in driven.files.items() if (texts := found_in(data, *driven.wanted))}
    assert found == {}


def test_a_canary_is_in_no_key_or_value_of_an_engine(driven: Driven) -> None:
    assert len(driven.stores) >= 5
    assert [found_in(store, *driven.wanted) for store in driven.stores] == [[]] * len(driven.stores)


def test_a_canary_is_in_no_metric_and_on_no_page(driven: Driven) -> None:
    assert found_in(driven.pages, *driven.wanted) == []


def test_a_canary_is_in_no_refusal(driven: Driven) -> None:
    assert len(driven.refusals) >= 54
    assert all(heard.status >= 400 or not heard.whole for heard in driven.refusals)
    assert [heard for heard in driven.refusals if found_in(repr(heard).encode(), *driven.wanted)] == []


def test_rows_name_a_pseudonym_that_is_the_same_for_all_calls_of_a_person(driven: Driven) -> None:
    (pseudonym,) = {row.principal for row in driven.proxy.rows()}
    assert pseudonym
    assert PERSON not in pseudonym


@pytest.mark.parametrize("family", [OPENAI, ANTHROPIC, GEMINI], ids=lambda family: family.name)
def test_no_repr_of_a_request_on_its_way_shows_its_text(family: Family) -> None:
    path, body = canaries.asking(family)
    match = routes.find("POST", path)
    assert match is not None
    ask = match.dialect.understand(match, json.dumps(body).encode(), f"alt={canaries.QUERY}", {})
    assert isinstance(ask, Ask)
    upstream = Upstream("one", family.name, "https://one.example/v1", Secret(PROVIDER_KEY))
    out = match.dialect.outgoing(ask, upstream, "other-model", 5)
    tap = match.dialect.tap(ask)
    tap.body(json.dumps(canaries.answering(family)).encode())
    shown = repr((ask, ask.features, out, match, upstream, tap, tap.finish()))
    assert found_in(shown.encode(), *TEXTS, PERSON) == []
