"""Where the texts of a prompt stand, and how some of them are changed without touching any other byte.

Query strings and headers are no content.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import jiter

from proxy.dialects import address, passthrough
from proxy.domain.ask import Ask
from proxy.policy.content import strings
from proxy.steps.screened import Changes, Edited, Readable
from proxy.steps.upload_heard import NotReadYet
from proxy.steps.visit import Visit


def readable(visit: Visit, ask: Ask, *, may_wait: bool = True) -> Readable:
    """The texts of a call's prompt. Raises ``NotReadYet`` for an upload whose rest must be read first.

    Not where nobody ``may_wait`` for it.
    """
    if visit.upload is None:
        tree = jiter.from_json(ask.body, catch_duplicate_keys=True) if ask.body else None
        texts = strings.texts(tree, own=ask.endpoint.api == passthrough.API)
        return Readable(texts, partial(_understood, visit, ask, texts))
    if visit.heard is None or (visit.heard.is_left and may_wait):
        raise NotReadYet(may_wait=may_wait)
    return Readable(visit.heard.texts, partial(visit.heard.edited, ask), visit.heard.unread, visit.heard.is_left)


def _understood(visit: Visit, ask: Ask, texts: Sequence[str | None], changes: Changes) -> Edited:
    """The call as its dialect understands it with these texts: sizes, texts and session are of what is sent.

    Raises ``BadRequest`` where it means nothing any more.
    """
    where = address.parse(visit.request.raw_path)
    match = visit.dialect.match(visit.request.method, where.path)
    if match is None:
        raise RuntimeError("a call that was understood has an endpoint")
    body = strings.replaced(ask.body, changes, texts)
    return Edited(visit.dialect.understand(match, body, where.query, visit.request.headers))
