"""The chunks of a Gemini stream, in events or in an array, joined into the answer that ``generateContent`` would have given."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from proxy.dedup.replay import events
from proxy.dedup.replay.form import Members, Unfit
from proxy.dedup.replay.strict import an_object, known, literal, mapping, objects, parse, text, text_or_empty

ANSWER = frozenset(("candidates", "usageMetadata", "modelVersion", "responseId", "createTime"))
LATE = ("avgLogprobs", "safetyRatings")  # of a candidate, on its last chunk
CANDIDATE = frozenset(("content", "finishReason", "index", *LATE))
PART = ("text", "thought", "thoughtSignature")
_BLANK = b" \t\r\n"
_Growing = tuple[Members, list[str]]  # a part, and the texts that it has by now


def assemble(stream: bytes) -> bytes:
    """The answer as JSON. Raises ``Unfit`` unless every chunk is understood and the candidate ended."""
    joined: Members = {}
    parts: list[_Growing] = []
    ended: Members = {}
    usage: Members = {}
    for chunk in _chunks(stream):
        known(chunk, ANSWER)
        if ended and objects(chunk, "candidates"):
            raise Unfit
        for candidate in objects(chunk, "candidates"):
            if not ended:
                ended = _candidate(candidate, parts)
            else:
                raise Unfit
        if chunk.get("usageMetadata"):
            usage = mapping(chunk, "usageMetadata")  # each replaces the one before
        _envelope(joined, chunk)
    if not ended or not usage:
        raise Unfit
    whole = [{**part, "text": "".join(texts)} for part, texts in parts]
    ended = {"content": {"parts": whole, "role": "model"}, **ended}
    return msgspec.json.encode({"candidates": [ended], "usageMetadata": usage, **joined})


def check(part: Members) -> None:
    """Refuse a part that is not text or a thought."""
    known(part, PART)
    text(part, "text")
    literal(part, "thought", None, True, False)
    text_or_empty(part, "thoughtSignature")


def _chunks(stream: bytes) -> Iterator[Members]:
    if stream.lstrip(_BLANK).startswith(b"["):
        array = parse(stream)
        yield from objects({"chunks": array}, "chunks")
        return
    for event in events.read(stream):
        if event.name:
            raise Unfit
        yield event.members()


def _envelope(joined: Members, chunk: Members) -> None:
    """Take what stands beside the candidates, which no chunk may change."""
    for name in ("modelVersion", "createTime", "responseId"):
        if (value := text_or_empty(chunk, name)) and joined.setdefault(name, value) != value:
            raise Unfit


def _candidate(candidate: Members, parts: list[_Growing]) -> Members:
    """Add a chunk's parts to those before: what it says of the end where it is the last, empty where it is not."""
    known(candidate, CANDIDATE)
    literal(candidate, "index", 0, None)
    content = an_object(candidate.get("content") or {})
    known(content, ("role", "parts"))
    literal(content, "role", "model", None)
    for part in objects(content, "parts"):
        check(part)
        _join(parts, part)
    unblocked(candidate)
    if not text_or_empty(candidate, "finishReason"):
        return {}
    return {name: candidate[name] for name in ("finishReason", "index", *LATE) if name in candidate}


def unblocked(candidate: Members) -> None:
    """Refuse a candidate that was held back for what it says."""
    for rating in objects(candidate, "safetyRatings"):
        if rating.get("blocked") not in (None, False):
            raise Unfit("filtered")


def _join(parts: list[_Growing], part: Members) -> None:
    """Add a part, to the text of the one before where both are of one kind and neither is signed."""
    signed = "thoughtSignature" in part
    if parts and not signed and "thoughtSignature" not in parts[-1][0]:
        before, texts = parts[-1]
        if bool(before.get("thought")) == bool(part.get("thought")):
            texts.append(part["text"])
            return
    if part["text"] or signed:
        parts.append((part, [part["text"]]))
