"""Secrets are named in the configuration, never written into it: ``env:NAME`` or ``file:PATH``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import PlainValidator, ValidationInfo

from proxy.config.look import Look
from proxy.config.masking import shown
from proxy.domain.upstream import Secret

MAX_SECRET_BYTES = 64 << 10
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a file may refer to: its own folder and the environment. ``read`` collects the files that were read."""

    folder: Path
    environ: Mapping[str, str]
    look: Look = field(default_factory=Look)
    read: list[Path] = field(default_factory=list)

    def path(self, text: str) -> Path:
        """Resolve a path of the file: relative ones start at the file's own folder."""
        return (self.folder / Path(text).expanduser()).absolute()


@dataclass(frozen=True, slots=True)
class Reference:
    """A secret by name. ``secret`` is None when its environment variable is not set."""

    name: str
    secret: Secret | None


def surroundings(info: ValidationInfo) -> Surroundings:
    """Return the surroundings of the file that is being read."""
    context = info.context or {}
    found: Surroundings = context["surroundings"]
    return found


def reference(value: object, info: ValidationInfo) -> Reference:
    """Resolve ``env:NAME`` or ``file:PATH``. ``ValueError`` for anything else, never quoting it."""
    kind, _, name = value.partition(":") if isinstance(value, str) else ("", "", "")
    around = surroundings(info)
    if kind == "env" and _NAME.fullmatch(name):
        text = around.environ.get(name, "").strip()
        return Reference(name, Secret(_one_line(text, f"the environment variable {name}")) if text else None)
    if kind == "file" and name:
        return Reference(name, Secret(_secret_of(around, name)))
    raise ValueError("secrets are not written here; write env:NAME or file:PATH, and the secret there")


def _secret_of(around: Surroundings, name: str) -> str:
    path = around.path(name)
    around.read.append(path)
    try:
        raw = around.look.read(path)
        text = raw.decode("utf-8").strip()
    except OSError as error:
        raise ValueError(f"the file {shown(name)} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {shown(name)} holds no text") from None
    if not text or len(raw) > MAX_SECRET_BYTES:
        raise ValueError(f"the file {shown(name)} is {'larger than 64 KiB' if text else 'empty'}")
    return _one_line(text, f"the file {shown(name)}")


def _one_line(text: str, where: str) -> str:
    """Check what goes into a header: visible ASCII on one line."""
    if not all("!" <= char <= "~" for char in text):
        raise ValueError(f"the secret in {where} holds spaces, line breaks or characters that no header takes")
    return text


SecretReference = Annotated[Reference, PlainValidator(reference)]
