"""One stream for every place in which a dialect writes running text; see ``answers.Stream``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tests.support.answers import Event, Stream

Told = Iterator[tuple[str, str]]
Wrap = Callable[[Sequence[str]], list[Event]]


def at(place: str, *path: str | int) -> Callable[[Event], Told]:
    """The text at a path of an event, where there is one."""

    def told(one: Any) -> Told:
        for step in path:
            try:
                one = one[step]
            except (KeyError, IndexError, TypeError):
                return
        if isinstance(one, str):
            yield place, one

    return told


def both(*readers: Callable[[Event], Told]) -> Callable[[Event], Told]:
    """The texts of several places."""

    def told(one: Event) -> Told:
        for reader in readers:
            yield from reader(one)

    return told


def _chunk(index: int, delta: Event, **members: Any) -> Event:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": None} | members
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def chat(make: Callable[[str], Event]) -> Wrap:
    """Chunks with a delta for each piece, the one that finishes, and the one with usage."""

    def wrap(pieces: Sequence[str]) -> list[Event]:
        usage = {"id": "c1", "object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 3}}
        begins = _chunk(0, {"role": "assistant", "content": ""})
        ends = _chunk(0, {}, finish_reason="stop")
        return [begins, *(_chunk(0, make(piece)) for piece in pieces), ends, usage]

    return wrap


def completion(pieces: Sequence[str]) -> list[Event]:
    """Chunks of a completion."""
    made = [{"index": 0, "text": piece, "logprobs": None, "finish_reason": None} for piece in pieces]
    return [{"id": "c", "choices": [one]} for one in (*made, {"index": 0, "text": "", "finish_reason": "stop"})]


def spoken(stem: str, whole: str) -> Wrap:
    """Events of the Responses API for one text."""

    def wrap(pieces: Sequence[str]) -> list[Event]:
        where = {"item_id": "i1", "output_index": 0, "content_index": 0}
        deltas = [{"type": f"{stem}.delta", **where, "sequence_number": 1, "delta": piece} for piece in pieces]
        return [*deltas, {"type": f"{stem}.done", **where, "sequence_number": 2, whole: "".join(pieces)}]

    return wrap


def block(kind: str, member: str, delta: str) -> Wrap:
    """Events of one block of an Anthropic message."""

    def wrap(pieces: Sequence[str]) -> list[Event]:
        begun = {"type": kind, "input": {}} if kind == "tool_use" else {"type": kind, member: ""}
        return [
            {"type": "message_start", "message": {"id": "m", "content": [], "usage": {"input_tokens": 3}}},
            {"type": "content_block_start", "index": 0, "content_block": begun},
            {"type": "ping"},
            *({"type": "content_block_delta", "index": 0, "delta": {"type": delta, member: one}} for one in pieces),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
        ]

    return wrap


def gemini(**members: Any) -> Wrap:
    """Chunks of generated content; the last one has figures and no text."""

    def wrap(pieces: Sequence[str]) -> list[Event]:
        contents = [{"parts": [{"text": piece, **members}], "role": "model"} for piece in pieces]
        chunks: list[Event] = [{"candidates": [{"content": one, "index": 0}], "modelVersion": "g"} for one in contents]
        ends = {"candidates": [{"finishReason": "STOP", "index": 0}], "usageMetadata": {"totalTokenCount": 3}}
        return [*chunks, ends]

    return wrap


def interaction(make: Callable[[str], Event]) -> Wrap:
    """Events of one step of an interaction."""

    def wrap(pieces: Sequence[str]) -> list[Event]:
        return [
            {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
            *({"event_type": "step.delta", "index": 0, "delta": make(piece)} for piece in pieces),
            {"event_type": "step.stop", "index": 0},
            {"event_type": "interaction.completed", "interaction": {"usage": {"total_tokens": 3}}},
        ]

    return wrap


def ollama(*path: str) -> Wrap:
    """Lines of a chat, or of a generation; the last one's text is empty."""

    def line(text: str, **members: Any) -> Event:
        said: Any = text
        for name in reversed(path):
            said = {name: said}
        return {"model": "m", **said, "done": False, **members}

    def wrap(pieces: Sequence[str]) -> list[Event]:
        return [*map(line, pieces), line("", done=True, eval_count=3)]

    return wrap


def cohere(kind: str, make: Callable[[str], Event], ends: str | None) -> Wrap:
    """Events of one block of a chat."""

    def wrap(pieces: Sequence[str]) -> list[Event]:
        return [
            {"type": "message-start", "id": "m", "delta": {"message": {"role": "assistant"}}},
            *({"type": f"{kind}-delta", "index": 0, "delta": {"message": make(piece)}} for piece in pieces),
            *([{"type": ends, "index": 0}] if ends else []),
            {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": {}}},
        ]

    return wrap


def _content(name: str) -> Callable[[str], Event]:
    return lambda text: {"content": {name: text}}


def converse(make: Callable[[str], Event]) -> Wrap:
    """Events of one block of a conversation."""

    def wrap(pieces: Sequence[str]) -> list[Event]:
        deltas = [{"contentBlockDelta": {"contentBlockIndex": 0, "delta": make(one), "p": "ab"}} for one in pieces]
        return [
            {"messageStart": {"role": "assistant"}},
            *deltas,
            {"contentBlockStop": {"contentBlockIndex": 0}},
            {"messageStop": {"stopReason": "end_turn"}},
            {"metadata": {"usage": {"inputTokens": 1, "outputTokens": 2}}},
        ]

    return wrap


def vendor(member: str, reason: str) -> Wrap:
    """Chunks of one text, in the words of a vendor."""

    def wrap(pieces: Sequence[str]) -> list[Event]:
        made: list[Event] = [{member: piece, reason: None} for piece in pieces]
        return [*made, {member: "", reason: "stop", "amazon-bedrock-invocationMetrics": {"outputTokenCount": 3}}]

    return wrap


def _delta(place: str, *path: str | int) -> Callable[[Event], Told]:
    return at(place, "choices", 0, "delta", *path)


_CONTENT = _delta("text", "content")
_TALK, _ANSWER, _MESSAGE = "openai.chat", "openai.responses", "anthropic.messages"
_PARTS = ("candidates", 0, "content", "parts", 0)
_GENERATE, _STEPS, _SAID = "gemini.generate", "gemini.interactions", ("delta", "message")
_INVOKE, _BLOCK = "bedrock.invoke", ("contentBlockDelta", "delta")

STREAMS: tuple[Stream, ...] = (
    Stream("chat", "openai_chat", _TALK, chat(lambda text: {"content": text}), _CONTENT, "done"),
    Stream("chat, CRLF", "openai_chat", _TALK, chat(lambda text: {"content": text}), _CONTENT, "crlf"),
    Stream("refusal", "openai_chat", _TALK, chat(lambda text: {"refusal": text}), _delta("r", "refusal"), "done"),
    Stream(
        "reasoning twice", "openai_chat", _TALK, chat(lambda text: {"reasoning": text, "reasoning_content": text}),
        both(_delta("r", "reasoning"), _delta("rc", "reasoning_content")),
    ),
    Stream(
        "reasoning details", "openai_chat", _TALK,
        chat(lambda text: {"reasoning_details": [{"type": "reasoning.text", "text": text, "index": 0}]}),
        _delta("r", "reasoning_details", 0, "text"),
    ),
    Stream(
        "call of a tool", "openai_chat", _TALK,
        chat(lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}),
        _delta("a", "tool_calls", 0, "function", "arguments"), "done",
    ),
    Stream(
        "call of a custom tool", "openai_chat", _TALK,
        chat(lambda text: {"tool_calls": [{"index": 2, "custom": {"input": text}}]}),
        _delta("a", "tool_calls", 0, "custom", "input"),
    ),
    Stream(
        "call of a function", "openai_chat", _TALK, chat(lambda text: {"function_call": {"arguments": text}}),
        _delta("a", "function_call", "arguments"),
    ),
    Stream(
        "transcript", "openai_chat", _TALK, chat(lambda text: {"audio": {"transcript": text}}),
        _delta("t", "audio", "transcript"),
    ),
    Stream(
        "content in parts", "openai_chat", _TALK, chat(lambda text: {"content": [{"type": "text", "text": text}]}),
        _delta("text", "content", 0, "text"),
    ),
    Stream(
        "thoughts in parts", "openai_chat", _TALK,
        chat(lambda text: {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]}),
        _delta("r", "content", 0, "thinking", 0, "text"),
    ),
    Stream("completion", "openai_chat", _TALK, completion, at("text", "choices", 0, "text"), "done"),
    *(
        Stream(f"responses, {whole}", "openai_responses", _ANSWER, spoken(f"response.{stem}", whole),
               both(at("delta", "delta"), at("whole", whole)))
        for stem, whole in (
            ("output_text", "text"), ("refusal", "refusal"), ("function_call_arguments", "arguments"),
            ("mcp_call_arguments", "arguments"), ("custom_tool_call_input", "input"), ("reasoning_text", "text"),
            ("reasoning_summary_text", "text"), ("code_interpreter_call_code", "code"), ("shell_call_command", "command"),
            ("apply_patch_call_operation_diff", "diff"),
        )
    ),
    Stream("transcription", "openai_audio", "openai.audio", spoken("transcript.text", "text"),
           both(at("delta", "delta"), at("whole", "text"))),
    *(
        Stream(f"{dialect}, {kind}", dialect, _MESSAGE, block(kind, member, delta), at("text", "delta", member))
        for dialect in ("anthropic_messages", "vertex_anthropic")
        for kind, member, delta in (
            ("text", "text", "text_delta"), ("thinking", "thinking", "thinking_delta"),
            ("tool_use", "partial_json", "input_json_delta"), ("compaction", "content", "compaction_delta"),
        )
    ),
    *(
        Stream(f"{dialect}, {name}, {framing}", dialect, _GENERATE, gemini(**members), at("text", *_PARTS, "text"), framing)
        for dialect in ("gemini", "vertex")
        for framing in ("sse", "crlf", "array")
        for name, members in (("text", {}), ("thoughts", {"thought": True}))
    ),
    Stream("interaction", "gemini_interactions", _STEPS, interaction(lambda text: {"type": "text", "text": text}),
           at("text", "delta", "text")),
    Stream(
        "interaction, thoughts", "gemini_interactions", _STEPS,
        interaction(lambda text: {"type": "thought_summary", "content": {"type": "text", "text": text}}),
        at("text", "delta", "content", "text"),
    ),
    Stream("interaction, arguments", "gemini_interactions", _STEPS,
           interaction(lambda text: {"type": "arguments_delta", "arguments": text}), at("a", "delta", "arguments")),
    *(
        Stream(f"ollama, {path[-1]}", "ollama", "ollama.native", ollama(*path), at("text", *path), "lines")
        for path in (("message", "content"), ("message", "thinking"), ("response",), ("thinking",))
    ),
    *(
        Stream(f"cohere, {name}", "cohere", "cohere.chat",
               cohere("content", _content(name), "content-end"),
               at("text", *_SAID, "content", name))
        for name in ("text", "thinking")
    ),
    Stream("cohere, plan", "cohere", "cohere.chat", cohere("tool-plan", lambda text: {"tool_plan": text}, None),
           at("text", *_SAID, "tool_plan")),
    Stream(
        "cohere, call", "cohere", "cohere.chat",
        cohere("tool-call", lambda text: {"tool_calls": {"function": {"arguments": text}}}, "tool-call-end"),
        at("text", *_SAID, "tool_calls", "function", "arguments"),
    ),
    Stream("converse", "bedrock", "bedrock.converse_stream", converse(lambda text: {"text": text}),
           at("text", *_BLOCK, "text"), "frames"),
    Stream("converse, call", "bedrock", "bedrock.converse_stream", converse(lambda text: {"toolUse": {"input": text}}),
           at("text", *_BLOCK, "toolUse", "input"), "frames"),
    Stream("converse, thoughts", "bedrock", "bedrock.converse_stream",
           converse(lambda text: {"reasoningContent": {"text": text}}),
           at("text", *_BLOCK, "reasoningContent", "text"), "frames"),
    Stream("nova", "bedrock", _INVOKE, converse(lambda text: {"text": text}), at("text", *_BLOCK, "text"), "chunks"),
    Stream("claude", "bedrock", _INVOKE, block("text", "text", "text_delta"), at("text", "delta", "text"), "chunks"),
    Stream("gpt-oss", "bedrock", _INVOKE, chat(lambda text: {"content": text}), _CONTENT, "chunks"),
    *(
        Stream(member, "bedrock", _INVOKE, vendor(member, reason), at("text", member), "chunks")
        for member, reason in (
            ("outputText", "completionReason"), ("generation", "stop_reason"), ("completion", "stop_reason"),
            ("text", "finish_reason"),
        )
    ),
    Stream(
        "mistral", "bedrock", _INVOKE, lambda pieces: [{"outputs": [{"text": one, "stop_reason": None}]} for one in pieces],
        at("text", "outputs", 0, "text"), "chunks",
    ),
)  # fmt: skip
