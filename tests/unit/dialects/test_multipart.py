"""Forms are read while they pass: in any order, in any split, and never otherwise than any other reader would."""

from __future__ import annotations

import contextlib
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.multipart import MAX_HEAD, MAX_PARTS, MAX_VALUE, FormScanner
from proxy.dialects.multipart_head import boundary_of
from proxy.domain.errors import BadRequest
from tests.support.forms import BOUNDARY, CONTENT_TYPE, Part, form

KEEP = frozenset({"model", "prompt"})
MODEL = Part("model", b"whisper-1")
FILE = Part("file", bytes(range(256)) * 5, "speech.wav", ("Content-Type: audio/wav",))


def scanned(body: bytes, splits: list[int] | None = None) -> tuple[FormScanner, bytes]:
    """A scanner that has read all of it, and what it showed of the file."""
    shown: list[bytes] = []
    scanner = FormScanner(BOUNDARY.encode(), KEEP, "file", lambda piece: shown.append(bytes(piece)))
    stops = [0, *sorted(stop % len(body) for stop in splits or []), len(body)]
    for start, stop in itertools.pairwise(stops):
        scanner.feed(body[start:stop])
    scanner.finish()
    return scanner, b"".join(shown)


names = st.from_regex(r"[a-z_]{1,12}(\[\])?", fullmatch=True).filter(
    lambda name: name not in {"model", "prompt", "file"}
)
others = st.lists(st.tuples(names, st.binary(max_size=300)).map(lambda pair: Part(*pair)), max_size=6)
contents = st.binary(max_size=3000).filter(lambda data: b"--" + BOUNDARY.encode() not in data)


@given(
    content=contents,
    prompt=st.text(max_size=50).filter(lambda text: BOUNDARY not in text),
    rest=others,
    order=st.randoms(use_true_random=False),
    splits=st.lists(st.integers(0, 10**6), max_size=12),
)
def test_any_order_and_any_split_give_the_same_reading(
    content: bytes, prompt: str, rest: list[Part], order: random.Random, splits: list[int]
) -> None:
    parts = [MODEL, Part("prompt", prompt.encode()), Part("file", content, "a.wav"), *rest]
    order.shuffle(parts)
    body = form(parts)
    scanner, shown = scanned(body, splits)
    assert shown == content
    assert scanner.files == 1
    assert {name: field.value for name, field in scanner.fields.items()} == {
        "model": b"whisper-1",
        "prompt": prompt.encode(),
    }
    model = scanner.fields["model"]
    assert body[model.start : model.end] == b"whisper-1"


@given(data=st.binary(max_size=2000), cut=st.integers(0, 2000))
def test_whatever_comes_is_read_or_refused_and_a_form_that_was_cut_is_refused(data: bytes, cut: int) -> None:
    with contextlib.suppress(BadRequest):
        scanned(data or b"-")
    whole = form([FILE, MODEL])
    if cut < len(whole) - 2:  # without the last line break it is still a form
        with pytest.raises(BadRequest):
            scanned(whole[:cut] or b"-")


def test_a_line_break_may_stand_before_the_first_boundary_and_blanks_behind_the_last() -> None:
    scanner, _ = scanned(b"\r\n" + form([MODEL]) + b"  \r\n")
    assert scanner.opening == 2
    assert scanned(form([MODEL]).removesuffix(b"\r\n"))[0].ended


DASHES = f"--{BOUNDARY}".encode()
REFUSED = {
    "the same field twice": form([MODEL, FILE, MODEL]),
    "a kept field that is a file": form([Part("model", b"x", "model")]),
    "a kept field in another charset": form([Part("model", b"x", None, ("Content-Type: text/plain; charset=utf-16",))]),
    "a kept field that is no text": form([Part("model", b"x", None, ("Content-Type: application/json",))]),
    "a preamble": b"hello\r\n" + form([MODEL]),
    "bytes behind the end": form([MODEL]) + b"model=other",
    "another form behind the end": form([MODEL]) + form([Part("model", b"other")]),
    "no end": form([MODEL])[:-4],
    "no parts, and no end": DASHES + b"\r\n",
    "line feeds alone": form([MODEL]).replace(b"\r\n", b"\n"),
    "a boundary that goes on": form([MODEL]).replace(DASHES + b"--", DASHES + b"X--"),
    "blanks behind a boundary": form([MODEL]).replace(DASHES + b"\r\n", DASHES + b" \r\n"),
    "a boundary behind a line feed inside a file": form([Part("file", b"a\n" + DASHES + b"\r\nb", "f")]),
    "a boundary inside a line": form([Part("file", b"a" + DASHES + b"--", "f")]),
    "more parts than anybody needs": form([Part(f"p{n}", b"") for n in range(MAX_PARTS + 1)]),
    "headers without end": form([Part("file", b"", "f", ("X: " + "a" * MAX_HEAD,))]),
    "a field without end": form([Part("model", b"m" * (MAX_VALUE + 1))]),
    "a folded header": form([Part("model", b"x", None, ("X: a\r\n b",))]),
    "a header without a name": form([Part("model", b"x", None, (": a",))]),
    "a blank before the colon": form([Part("model", b"x", None, ("X : a",))]),
    "a NUL in a header": form([Part("model", b"x", None, ("X: a\0b",))]),
    "a second disposition": form([Part("file", b"x", "f", ('Content-Disposition: form-data; name="model"',))]),
    "a name twice": form([Part('file"; name="model', b"x")]),
    "an encoded name": form([Part("file\"; name*=utf-8''model; x=\"", b"x")]),
    "an escaped quote in a file's name": form([Part("file", b"x", r"a\"; name=\"model")]),
    "a name in escapes": form([Part("mod%65l", b"x")]),
    "a name with a blank": form([Part("model ", b"x")]),
    "no name": form([Part("", b"x")]),
    "a default charset": form([Part("_charset_", b"utf-7")]),
    "an attachment": form([MODEL]).replace(b"form-data;", b"attachment;"),
    "a part without headers": DASHES + b"\r\n\r\nx\r\n" + DASHES + b"--\r\n",
    "base64": form([Part("model", b"eA==", None, ("Content-Transfer-Encoding: base64",))]),
}  # fmt: skip


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("split", [False, True])
def test_what_two_readers_could_take_for_different_things_is_refused_in_words_of_ours(body: bytes, split: bool) -> None:  # noqa: FBT001 - pytest's way
    with pytest.raises(BadRequest) as caught:
        scanned(body, list(range(len(body))) if split and len(body) < 5000 else None)
    assert caught.value.code == "invalid_form"
    assert "other" not in caught.value.message


@pytest.mark.parametrize(
    "disposition",
    [
        'form-data; name="file"; filename="naïve.wav"',
        'form-data; name="file"; filename="a.wav"; filename*=UTF-8\'\'na%C3%AFve.wav',
        "form-data; name=file; filename=a.wav",
        'FORM-DATA;name="file";filename=""',
        'form-data; name="file"; filename="a; b=c.wav"',
    ],
)
def test_files_may_be_called_what_clients_call_them(disposition: str) -> None:
    body = f"--{BOUNDARY}\r\ncontent-disposition: {disposition}\r\n\r\nabc\r\n--{BOUNDARY}--".encode()
    scanner, shown = scanned(body)
    assert (shown, scanner.files) == (b"abc", 1)


def test_a_text_field_may_say_that_it_is_text() -> None:
    headers = ("Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: 8bit", "Content-Length: 9")
    assert scanned(form([Part("model", b"whisper-1", None, headers)]))[0].fields["model"].value == b"whisper-1"


@pytest.mark.parametrize(
    ("said", "boundary"),
    [
        (CONTENT_TYPE, BOUNDARY.encode()),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', b"a b"),
        ("multipart/form-data;boundary=x", b"x"),
    ],
)
def test_a_boundary_is_found_in_the_content_type(said: str, boundary: bytes) -> None:
    assert boundary_of(said) == boundary


@pytest.mark.parametrize(
    "said",
    [
        None,
        "",
        "application/json",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=x; boundary=y",
        'multipart/form-data; boundary="x y "',
        "multipart/form-data; boundary=" + "x" * 71,
        r'multipart/form-data; boundary="x\"y"',
        "multipart/form-data; boundary=x, application/json",
    ],
)
def test_a_content_type_that_leaves_the_boundary_in_doubt_is_refused(said: str | None) -> None:
    with pytest.raises(BadRequest) as caught:
        boundary_of(said)
    assert caught.value.code == "invalid_form"


def test_what_is_kept_does_not_show_itself() -> None:
    scanner, _ = scanned(form([Part("prompt", b"secret plans")]))
    assert "secret" not in repr(scanner.fields)
