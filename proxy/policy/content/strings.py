"""The strings of a JSON body: read all that a model or its provider may read, replace some, leave every other byte.

What is text in base64, by a data URL or the type beside it, is read as what it says. Every string is read, in whatever member a provider may look for it tomorrow, and so are the names of members: a tool's
input is an object of the caller's own making. Passed over are the protocol's own words, and media. A string's place is its
number among all strings of the body, names included; since a strict parser refuses a member that appears twice, the tree
has them in the order of the bytes. Only where something is replaced do the bytes have to be walked at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Final

import msgspec

from proxy.policy.content import base64_text


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Members whose values the protocol fixes: a rewritten one would be refused, or name another thing. Identifiers among them
# are the provider's, and so are signatures and encrypted reasoning, which it must get back as it gave them.
_INERT: Final = _words("""
    model role type id object status call_id tool_call_id tool_use_id previous_response_id response_id item_id
    signature thoughtSignature thought_signature encrypted_content media_type mime_type mimeType stop_reason
    finish_reason finishReason detail effort service_tier
""")
# Members below which everything is the caller's own, whatever it is named.
_OWN: Final = _words("""
    input arguments args response output parameters parametersJsonSchema parameters_json_schema input_schema schema
    json_schema properties metadata variables structuredContent structured_content json data documents result results
""")
_LISTED: Final = frozenset(("input", "output"))  # of Responses: lists of the protocol's own objects
# Names that cannot hold anything: most of a body's names are these.
_NAMES: Final = (
    _INERT
    | _OWN
    | _words("""
    messages content text name system tools function description required items enum instructions contents parts
    stream max_tokens temperature tool_choice tool_calls cache_control source data url image_url file title default
    additionalProperties anyOf user reasoning summary thinking is_error functionCall functionResponse inlineData
""")
)
_KINDS: Final = ("media_type", "mimeType", "mime_type")  # beside ``data``: what it is


def texts(tree: Any, *, own: bool = False) -> list[str | None]:
    """All strings of a strictly parsed body in their order, names included; None for those that are not looked at.

    ``own``: no protocol is known, so no member is passed over for its name.
    """
    found: list[str | None] = []
    _collect(tree, found.append, own=own)
    return found


def _collect(node: Any, add: Callable[[str | None], None], *, own: bool) -> None:
    if type(node) is dict:
        kind = _kind(node) if "data" in node else ""
        for name, value in node.items():
            add(None if name in _NAMES else name)
            if type(value) is str:
                inert = name in _INERT and not own
                add(None if inert else base64_text.read(value, kind if name == "data" else ""))
            elif type(value) is dict:
                _collect(value, add, own=own or name in _OWN)
            elif type(value) is list:
                _collect(value, add, own=own or (name in _OWN and name not in _LISTED))
    elif type(node) is list:
        for value in node:
            if type(value) is str:
                add(base64_text.read(value))
            else:
                _collect(value, add, own=own)


def _kind(node: dict[str, Any]) -> str:
    """The media type of the data in an object; empty where it says none."""
    return next((kind for name in _KINDS if type(kind := node.get(name)) is str), "")


def replaced(body: bytes, changes: Mapping[int, str], read: Sequence[str | None]) -> bytes:
    """``body`` with the strings of these numbers written anew, all other bytes as they were; the same object for none.

    ``body`` is strict JSON, ``read`` its ``texts``, which the numbers are of.
    """
    if not changes:
        return body
    pieces = body.split(b'"')  # outside and inside of strings by turns, but for the escaped quotes
    kept: list[bytes] = []
    done, at, left = 0, 1, len(changes)
    for number in count():
        start = at
        while pieces[at].endswith(b"\\") and _escapes(pieces[at]):
            at += 1
        if number in changes:
            kept += (*pieces[done:start], msgspec.json.encode(base64_text.written(read[number], changes[number]))[1:-1])
            done = at + 1
            left -= 1
            if not left:
                break
        at += 2
    return b'"'.join((*kept, *pieces[done:]))


def _escapes(piece: bytes) -> bool:
    """Whether the quote after it is part of the string: an odd number of backslashes stands before it."""
    return (len(piece) - len(piece.rstrip(b"\\"))) % 2 == 1
