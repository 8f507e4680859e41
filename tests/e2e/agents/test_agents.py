"""Coding agents and libraries, set up with the lines of the README, stream an answer, and its row is exact."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.agents.bookings import CACHED, OUTPUT, TEXT, Bookings
from tests.e2e.agents.home import MODULES, Home
from tests.e2e.agents.pasted import pasted
from tests.support.running import RunningProxy
from tests.support.talking import Talking, request

from_npm = pytest.mark.needs("node", "tests/e2e/agents/node_modules")
from_pypi = pytest.mark.needs("node", "tests/e2e/agents/node_modules", ".venv-clients/bin/llm")


def events(printed: str) -> list[dict[str, Any]]:
    """One JSON object a line."""
    return [json.loads(line) for line in printed.splitlines()]


@from_npm
def test_claude_code_needs_base_url_and_token(proxy: RunningProxy, home: Home, bookings: Bookings) -> None:
    lines = pasted("Claude Code", proxy.base_url, proxy.key)
    told = json.loads(home.run("sh", "-c", lines + "claude -p hello --output-format json"))
    assert (told["result"], told["usage"]["cache_read_input_tokens"]) == (TEXT, CACHED)
    bookings.streamed("anthropic_messages", session=told["session_id"])


@from_npm
def test_codex_needs_a_provider_and_the_key_that_it_names(proxy: RunningProxy, home: Home, bookings: Bookings) -> None:
    home.write(".codex/config.toml", pasted("Codex", proxy.base_url, proxy.key))
    done = events(home.run("codex", "exec", "--json", "--skip-git-repo-check", "hello", TALLYGATE_KEY=proxy.key))
    assert [event["item"]["text"] for event in done if event["type"] == "item.completed"] == [TEXT]
    assert (done[-1]["usage"]["cached_input_tokens"], done[-1]["usage"]["output_tokens"]) == (CACHED, OUTPUT)
    bookings.streamed("openai_responses", session=done[0]["thread_id"])


@from_npm
def test_codex_with_its_own_provider_gives_its_websocket_up_and_answers_without_a_retry(
    proxy: RunningProxy, home: Home, bookings: Bookings
) -> None:
    home.write(".codex/config.toml", pasted("Codex with its own provider", proxy.base_url, proxy.key))
    home.run("codex", "login", "--with-api-key", given=proxy.key)
    done = events(home.run("codex", "exec", "--json", "--skip-git-repo-check", "hello"))
    assert [event["item"].get("text") for event in done if event["type"] == "item.completed"] == [TEXT]
    assert not [event for event in done if event["type"] == "error"]  # "Reconnecting... 1/5"
    bookings.streamed("openai_responses", ref=None, session=done[0]["thread_id"])


@pytest.mark.needs("tests/e2e/agents/node_modules/opencode-linux-x64-baseline")
@from_npm
def test_opencode_needs_a_provider(proxy: RunningProxy, home: Home, bookings: Bookings) -> None:
    home.write(".config/opencode/opencode.json", pasted("opencode", proxy.base_url, proxy.key))
    done = events(home.run("opencode", "run", "--format", "json", "-m", "tallygate/gpt-5.1", "hello"))
    assert [event["part"]["text"] for event in done if event["type"] == "text"] == [TEXT]
    bookings.streamed("openai_chat", "openai_chat", session=done[0]["sessionID"])  # the first one asks for a title


@from_pypi
def test_llm_needs_two_variables_for_the_models_that_it_knows(
    proxy: RunningProxy, home: Home, bookings: Bookings
) -> None:
    assert home.run("sh", "-c", pasted("`llm`", proxy.base_url, proxy.key)) == TEXT + "\n"
    bookings.streamed("openai_responses", ref=None)


@from_pypi
def test_llm_needs_one_line_for_a_model_that_it_does_not_know(
    proxy: RunningProxy, home: Home, bookings: Bookings
) -> None:
    line = pasted("`llm` with any other model", proxy.base_url, proxy.key)
    home.write(".config/io.datasette.llm/extra-openai-models.yaml", line)
    home.run("llm", "keys", "set", "tallygate", "--value", proxy.key)
    assert home.run("llm", "-m", "tally", "hello") == TEXT + "\n"
    bookings.streamed("openai_chat")


@from_pypi
def test_langchain_needs_base_url_and_key(proxy: RunningProxy, home: Home, bookings: Bookings) -> None:
    lines = pasted("LangChain", proxy.base_url, proxy.key)
    use = 'for chunk in model.stream("hello"):\n    print(chunk.text, end="")\n'
    assert home.run("python", "-c", lines + use) == TEXT
    bookings.streamed("openai_chat", ref=None)


@from_pypi
def test_litellm_needs_base_url_and_key_for_either_provider(
    proxy: RunningProxy, home: Home, bookings: Bookings
) -> None:
    lines = pasted("LiteLLM's SDK", proxy.base_url, proxy.key).splitlines(keepends=True)
    use = 'for chunk in answer:\n    print(chunk.choices[0].delta.content or "", end="")\n'
    script = "".join(line + use if line == ")\n" else line for line in lines)
    assert home.run("python", "-c", 'messages = [{"role": "user", "content": "hello"}]\n' + script) == TEXT + TEXT
    bookings.streamed("openai_chat", "anthropic_messages")


@from_npm
def test_the_ai_sdk_needs_base_url_and_key_for_either_provider(
    proxy: RunningProxy, home: Home, bookings: Bookings
) -> None:
    (home.work / "node_modules").symlink_to(MODULES)
    lines = 'import { streamText } from "ai";\n' + pasted("AI SDK", proxy.base_url, proxy.key)
    use = """
for (const model of [openai("gpt-5.1"), openai.chat("gpt-5.1"), anthropic("claude-sonnet-5")]) {
  for await (const text of streamText({ model, prompt: "hello" }).textStream) process.stdout.write(text);
}
"""
    assert home.run("node", "--input-type=module", "-", given=lines + use) == TEXT * 3
    bookings.streamed("openai_responses", "openai_chat", "anthropic_messages")


@from_npm
@pytest.mark.parametrize("base", ["/", "/p/crm@PAY-12"])
def test_a_look_at_the_base_url_is_answered_without_a_complaint_about_its_prefix(
    base: str, proxy: RunningProxy
) -> None:
    # Claude Code warms its connection up so, before it has a key to send.
    with Talking(proxy.port) as line:
        heard = line.send(request("HEAD", base)).head()
        assert (heard.status, heard.header("x-should-retry")) == (404, "false")
        assert line.send(request("GET", "/livez")).answer().status == 200  # on the same connection


@from_npm
@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("/p/crm@PAY-12/v1/models?client_version=0.169.0", ("authorization", "Bearer {key}")),
        ("/p/crm@PAY-12/v1/models?limit=1000", ("anthropic-version", "2023-06-01")),
    ],
    ids=["codex", "claude code"],
)
def test_agents_that_ask_for_the_models_are_told(path: str, header: tuple[str, str], proxy: RunningProxy) -> None:
    headers = (("x-api-key", proxy.key), (header[0], header[1].format(key=proxy.key)))
    with Talking(proxy.port) as line:
        heard = line.send(request("GET", path, headers=headers)).answer()
    assert heard.status == 200
    assert type(heard.json()["data"]) is list
