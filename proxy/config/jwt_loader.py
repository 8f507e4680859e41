"""From ``jwt:`` of a directory to a ``Jwt``, its key set read along where it is a file."""

from __future__ import annotations

from pathlib import Path

from proxy.config.directory import Jwt
from proxy.config.jwt_shape import JwtShape
from proxy.config.problems import Problem
from proxy.config.yaml_nodes import locate
from proxy.config.yaml_source import Source


def load_jwt(source: Source, shape: JwtShape, folder: Path | None, problems: list[Problem]) -> Jwt:
    """Give the provider as calls know it; adds to ``problems``. Without a ``folder`` no file is looked at."""
    jwks, document = shape.jwks, None
    ca_file = Path(shape.ca_file).expanduser() if shape.ca_file else None
    if folder is not None:
        ca_file = folder / ca_file if ca_file else None
        if ca_file is not None and not ca_file.is_file():
            problems.append(_problem(source, "ca_file", "there is no such file"))
        if not shape.at_url:
            jwks = str(folder / Path(jwks).expanduser())
            document = _document(source, Path(jwks), problems)
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


def _document(source: Source, path: Path, problems: list[Problem]) -> bytes:
    """The file's bytes, proven to hold keys."""
    from proxy.config import jwk_set  # noqa: PLC0415 - a fifth of a second of cryptography that few directories need

    try:
        with path.open("rb") as file:
            raw = file.read(jwk_set.MAX_BYTES + 1)
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
