"""What is asked: bodies of the sizes that people and agents send, with a fresh number in every prompt."""

from __future__ import annotations

import json
from dataclasses import dataclass

MARK = "0000000000"  # replaced by a running number, of equal length, so that no cache can pass for speed


@dataclass(frozen=True)
class Case:
    """One kind of request. ``events`` is the number of stream events in its answer.

    ``repeats``: its running number stands where it changes no answer, so that one that is stored is given again.
    """

    name: str
    body: str
    seconds: float = 4.0
    connections: int = 64
    events: int = 0
    repeats: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """What is sent beside the usual; the same caller would get a fresh answer every other time."""
        return {"cache-control": "only-if-cached"} if self.repeats else {}

    @property
    def split(self) -> tuple[str, str]:
        """The body before and after its running number."""
        before, _, after = self.body.partition(MARK)
        return before, after


WORDS = "the meter counts every token that passes and books it to the team which asked for it in the first place "


def _text(size: int) -> str:
    return (WORDS * (size // len(WORDS) + 1))[:size]


def _chat(model: str, prompt: str, **more: object) -> str:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": f"{MARK} {prompt}"}], **more})


def _repeat(prompt: str) -> str:
    """A question that is always the same one, from a user who never is."""
    return json.dumps({"model": "bench-json", "messages": [{"role": "user", "content": prompt}], "user": MARK})


def _agent() -> str:
    """77 KB as a coding agent sends it: 24 tools, a long conversation with tool calls and their results."""
    tools = [
        {
            "type": "function",
            "function": {
                "name": f"tool_{n}",
                "description": _text(420),
                "parameters": {
                    "type": "object",
                    "properties": {f"field_{i}": {"type": "string", "description": _text(90)} for i in range(5)},
                    "required": ["field_0", "field_1"],
                },
            },
        }
        for n in range(24)
    ]
    messages: list[dict[str, object]] = [{"role": "system", "content": f"{MARK} " + _text(6000)}]
    for turn in range(38):
        call = {
            "id": f"call_{turn}",
            "type": "function",
            "function": {"name": f"tool_{turn % 24}", "arguments": json.dumps({"field_0": _text(120)})},
        }
        messages.append({"role": "assistant", "content": _text(150), "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"call_{turn}", "content": _text(680)})
    messages.append({"role": "user", "content": _text(300)})
    return json.dumps({"model": "bench-json", "messages": messages, "tools": tools})


CASES = (
    Case("1 KB JSON", _chat("bench-json", _text(900))),
    Case("cache hit", _repeat(_text(900)), repeats=True),
    Case("200 KB prompt", _chat("bench-json", _text(200_000))),
    Case("77 KB agent", _agent()),
    Case("stream, bursts", _chat("bench-stream", _text(900), stream=True), events=100),
    Case("stream, 5 ms", _chat("bench-paced", _text(900), stream=True), connections=16, events=100),
)
