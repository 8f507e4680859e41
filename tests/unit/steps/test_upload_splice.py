"""Edits to a body that passes are the same in any split."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.steps.upload_splice import Cut, Splice


@st.composite
def edits(draw: st.DrawFn) -> tuple[bytes, tuple[Cut, ...], bytes]:
    """A body, cuts in it, and the body as edited."""
    body, cuts, edited = b"", [], b""
    for _ in range(draw(st.integers(0, 4))):
        kept, old, new = draw(st.binary(max_size=20)), draw(st.binary(max_size=5)), draw(st.binary(max_size=30))
        cuts.append((len(body) + len(kept), len(body) + len(kept) + len(old), new))
        body += kept + old
        edited += kept + new
    rest = draw(st.binary(min_size=1, max_size=20))
    return body + rest, tuple(cuts), edited + rest


@given(edits(), st.integers(1, 40))
def test_cuts_are_replaced_wherever_the_pieces_break(edit: tuple[bytes, tuple[Cut, ...], bytes], step: int) -> None:
    body, cuts, edited = edit
    splice = Splice(cuts)
    sent = b"".join([splice.feed(body[start : start + step]) for start in range(0, len(body), step)])
    assert sent == edited
    assert splice.grows == len(edited) - len(body)


def test_a_piece_without_edits_is_not_copied() -> None:
    splice = Splice(((0, 2, b"ab"),))
    assert splice.feed(b"xx") == b"ab"
    piece = b"rest"
    assert splice.feed(piece) is piece
