"""Changes the text inside an answer while it passes: values put back where placeholders stood, findings taken out.

An answer is cut into *units* (events of an event stream, lines, elements of a JSON array, binary frames: a ``Framing``).
A ``Format`` finds the running texts in a unit, each a ``Channel`` with a filter of its own, and the strings that repeat
such a text as a whole. A unit whose text stays the same passes with the bytes it came with; another is written anew, with
only its text changed. What a filter still holds when a channel ends comes out before the unit that ends it: appended to
that unit where it carries text of the channel, else in a unit of its own, made after the channel's last one.

What cannot be read cannot be vouched for, so it does not pass: a unit that should be JSON and is not, one of more than
32 MiB, a stream that opens more than 1,024 texts at once, or a frame whose checksum is wrong raises ``UpstreamFailed``. A
unit that only some clients can read, since it is no proper UTF-8, is written as it was read here. Of a stream that
breaks off, a unit that was not ended passes if it can be read, and is dropped if not. Whoever only puts values back has
nothing to fear of it: not ``strict``, all that passes as it is.

Members that are no text of the model's pass as they are: usage, signatures, what tools returned, the request's echo.
Probabilities of tokens repeat the text, so where that was changed they are emptied.
"""

from __future__ import annotations

from proxy.dialects.rewriting.channels import Channel, Make, TextFilter
from proxy.dialects.rewriting.rewriter import Rewriter
from proxy.dialects.rewriting.table import rewriter

__all__ = ["Channel", "Make", "Rewriter", "TextFilter", "rewriter"]
