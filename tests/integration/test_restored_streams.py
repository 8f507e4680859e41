"""Values come back into streamed answers of every dialect, wherever texts and bytes are cut."""

from __future__ import annotations

from random import Random

import pytest

from proxy.dialects.rewriting import Channel
from proxy.policy.content.restore import Restorer
from proxy.policy.content.vault import Vault
from tests.support.answer_streams import STREAMS
from tests.support.answers import Stream, through

CHUNKINGS = 30_000
SPLITS = 3  # of the bytes, for each split of the text
VAULT = Vault(b"key")
MADE = [VAULT.put(*each) for each in (("EMAIL", "bob@example.com"), ("EMPLOYEEID", 'E1"\\\n'), ("CC", "7"))]
PARTS = (
    *MADE,
    *MADE,
    *(made[:-1] for made in MADE),
    MADE[0][:4],
    "EMAIL-",
    "E",
    "-",
    " ",
    "hello ",
    '"é\n',
    "\U0001f600",
)


def pieces_of(text: str, rnd: Random) -> list[str]:
    """A text in pieces of random size."""
    pieces, at = [], 0
    while at < len(text):
        size = rnd.randint(1, 20)
        pieces.append(text[at : at + size])
        at += size
    return pieces


def cuts_of(size: int, rnd: Random) -> list[int]:
    """Places where bytes are split."""
    return sorted(rnd.choices(range(size), k=rnd.randint(0, 4)))


def restored(text: str, *, within_json: bool) -> str:
    """A text that is restored as a whole."""
    restorer = Restorer(VAULT, within_json=within_json)
    return restorer.feed(text) + restorer.end()


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_no_difference_in_random_chunkings(stream: Stream) -> None:
    rnd = Random(stream.name)
    channels: set[bool] = set()

    def make(channel: Channel) -> Restorer:
        channels.add(channel.within_json)
        return Restorer(VAULT, within_json=channel.within_json)

    for _ in range(CHUNKINGS // len(STREAMS) // SPLITS + 1):
        text = "".join(rnd.choices(PARTS, k=rnd.randint(1, 5)))
        raw = stream.data(pieces_of(text, rnd))
        went = {through(stream.rewriter(make), raw, cuts_of(len(raw), rnd)) for _ in range(SPLITS)}
        (passed,), (within_json,) = went, channels
        assert set(stream.read(passed).values()) == {restored(text, within_json=within_json)}
