"""From ``jwt:`` of a directory to a ``Jwt``, its key set read along where it is a file."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from proxy.config.directory import Jwt
from proxy.config.jwt_shape import JwtShape
from proxy.config.look import Look
from proxy.config.problems import Problem
from proxy.config.yaml_nodes import locate
from proxy.config.yaml_source import Source


class Nearby(NamedTuple):
    """Where the files are that a directory names, and how they are read."""

    folder: Path
    look: Look


def load_jwt(source: Source, shape: JwtShape, nearby: Nearby | None, problems: list[Problem]) -> Jwt:
    """Give the provider as calls know it; adds to ``problems``. Without ``nearby`` no file is looked at."""
    jwks, document = shape.jwks, None
    ca_file = Path(shape.ca_file).expanduser() if shape.ca_file else None
    if nearby is not None:
        ca_file = nearby.folder / ca_file if ca_file else None
        if ca_file is not None and not ca_file.is_file():
            problems.append(_problem(source, "ca_file", "there is no such file"))
        if not shape.at_url:
            jwks = str(nearby.folder / Path(jwks).expanduser())
            document = _document(source, Path(jwks), nearby.look, problems)
    return Jwt(
        issuer=shape.issuer,
        audience=shape.audience,
        jwks=jwks,
        claims=tuple(shape.claims.items()),
        teams=tuple(shape.teams.items()),
        groups=tuple(shape.groups.items()),
        refresh_s=shape.refresh,
        ca_file=ca_file,
        document=document,
    )


def _document(source: Source, path: Path, look: Look, problems: list[Problem]) -> bytes:
    """The file's bytes, proven to hold keys."""
    from proxy.config import jwk_set  # noqa: PLC0415 - a fifth of a second of cryptography that few directories need

    try:
        raw = look.read(path)
        jwk_set.parse(raw)
    except OSError as error:
        problems.append(_problem(source, "jwks", f"cannot be read: {error.strerror}"))
    except ValueError as error:
        problems.append(_problem(source, "jwks", f"the file {error}"))
    else:
        return raw
    return b""


def _problem(source: Source, member: str, message: str) -> Problem:
    return source.problem(locate(source.root, ("jwt", member))[0], f"jwt.{member}", message)
