"""How things may be called in ``directory.yaml``, and in the claims of a token that names them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from proxy.config.masking import shown
from proxy.config.quantities import as_text

_NAME = re.compile(r"[a-z0-9-]{1,64}")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST = 128


def is_person(text: str) -> bool:
    """Tell whether a user may be called so."""
    return 0 < len(text) <= _LONGEST and text.isprintable() and " " not in text


def is_id(text: str) -> bool:
    """Tell whether a key or a service may be called so."""
    return bool(_ID.fullmatch(text))


def _name(value: object) -> str:
    text = as_text(value, "a name")
    if not _NAME.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a name; use a-z, 0-9 and -, at most 64 characters")
    return text


def _person(value: object) -> str:
    text = as_text(value, "a name or address")
    if not is_person(text):
        raise ValueError(f"{shown(text)} is not a user; write an address or a name without spaces")
    return text


def _id(value: object) -> str:
    text = as_text(value, "an id")
    if not is_id(text):
        raise ValueError(f"{shown(text)} is not an id; use letters, digits, '.', '_' and '-', at most 64 characters")
    return text


Name = Annotated[str, BeforeValidator(_name)]
Person = Annotated[str, BeforeValidator(_person)]
Id = Annotated[str, BeforeValidator(_id)]
