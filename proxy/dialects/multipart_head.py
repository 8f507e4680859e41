"""The head of a multipart form and of its parts, read so that no other reader can read them otherwise.

RFC 7578 leaves names, escapes and encodings to taste, and every server has its own. What two of them could understand
differently is refused here: a form is forwarded as it came, and must mean to the upstream what it meant to us.
"""

from __future__ import annotations

import re

import msgspec

from proxy.domain.errors import BadRequest

# RFC 2046, 5.1.1: what a boundary is made of.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=?-](?:[0-9A-Za-z'()+_,./:=? -]{0,68}[0-9A-Za-z'()+_,./:=?-])?")
_PARAMETER = re.compile(r""";[ \t]*([A-Za-z0-9*_-]+)=(?:"([^"\\]*)"|([^\s";,\\]+))[ \t]*""")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*)")
_NAME = re.compile(r"[A-Za-z0-9_.\[\]-]{1,128}")
_AS_IT_IS = frozenset({"7bit", "8bit", "binary"})  # transfer encodings that encode nothing (RFC 2045, 6.2)
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii"})
_DISPOSITION, _TYPE, _ENCODING = "content-disposition", "content-type", "content-transfer-encoding"


class PartHead(msgspec.Struct, frozen=True):
    """What a part says of itself. ``is_file``: it has a file name, whatever that is."""

    name: str
    is_file: bool
    is_text: bool  # nothing stands against reading it as UTF-8


def bad_form(what: str, param: str | None = None) -> BadRequest:
    """Make the error for a form that cannot be passed on; ``what`` holds nothing of it."""
    return BadRequest(f"The form {what}.", code="invalid_form", param=param)


def boundary_of(content_type: str | None) -> bytes:
    """Find what separates the parts. Raises ``BadRequest`` when the body is no form, or does not say it clearly."""
    kind, _, _ = (content_type or "").partition(";")
    if kind.strip().lower() != "multipart/form-data":
        raise BadRequest(
            "This path takes a form: send it as multipart/form-data, with its boundary in Content-Type.",
            code="invalid_form",
        )
    found = [value for name, value in _parameters(content_type or "") if name == "boundary"]
    if len(found) != 1 or not _BOUNDARY.fullmatch(found[0]):
        raise bad_form("names no boundary in its Content-Type, or none that RFC 2046 allows")
    return found[0].encode("ascii")


def part_head(block: bytes) -> PartHead:
    """Read the header lines of a part, without their empty line. Raises ``BadRequest``."""
    headers: dict[str, str] = {}
    for line in block.split(b"\r\n"):
        field = _FIELD.fullmatch(line)
        if field is None:
            raise bad_form("has a part with a header that is none")
        name = field[1].decode("ascii").lower()
        if name in headers:
            raise bad_form("has a part with the same header twice")
        headers[name] = field[2].decode("utf-8", "replace").rstrip()
    if headers.get(_ENCODING, "binary").lower() not in _AS_IT_IS:
        raise bad_form("has a part with a Content-Transfer-Encoding, which RFC 7578 has done away with")
    name, is_file = _disposition(headers.get(_DISPOSITION, ""))
    return PartHead(name, is_file, _is_text(headers.get(_TYPE, "")))


def _disposition(value: str) -> tuple[str, bool]:
    """Give the name of a part, and whether it is a file."""
    if value.partition(";")[0].strip().lower() != "form-data":
        raise bad_form("has a part without `Content-Disposition: form-data`")
    parameters = _parameters(value)
    names = [name for name, _ in parameters]
    if len(names) != len(set(names)) or "name*" in names:
        raise bad_form("has a part whose Content-Disposition says a thing twice")
    name = dict(parameters).get("name", "")
    if not _NAME.fullmatch(name) or name == "_charset_":
        raise bad_form("has a part without a plain name of letters, digits and _ . - [ ]")
    return name, "filename" in names or "filename*" in names


def _parameters(value: str) -> list[tuple[str, str]]:
    """List the parameters behind the first word, names in lower case. Raises ``BadRequest`` for what is in doubt.

    A backslash is: some take it for an escape and some for itself, so that a file's name could hide a parameter.
    """
    at = len(value.partition(";")[0])
    found: list[tuple[str, str]] = []
    while at < len(value):
        parameter = _PARAMETER.match(value, at)
        if parameter is None:
            raise bad_form(r"has a header that readers may differ about; leave \ and quotes out of file names")
        found.append((parameter[1].lower(), parameter[2] if parameter[2] is not None else parameter[3]))
        at = parameter.end()
    return found


def _is_text(content_type: str) -> bool:
    if not content_type:
        return True
    kind, charset = content_type.partition(";")[0].strip().lower(), "utf-8"
    for name, value in _parameters(content_type):
        charset = value.lower() if name == "charset" else charset
    return kind == "text/plain" and charset in _UTF_8
