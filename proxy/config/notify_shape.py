"""The shape of ``notify:``, the webhook that people who keep watch are told by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, PlainValidator, ValidationInfo

from proxy.config.base_url import base_url
from proxy.config.masking import shown
from proxy.config.quantities import as_text
from proxy.config.references import reference, surroundings
from proxy.config.settings import Notify
from proxy.config.shape import Shape
from proxy.domain.upstream import Secret


def _url(value: object, info: ValidationInfo) -> str:
    """A URL, or where it stands: some receivers have their secret in its path."""
    text = as_text(value, "a URL such as https://hooks.example.com/tallygate, or env:NAME")
    if text.startswith(("env:", "file:")):
        named = reference(text, info)
        if named.secret is None:
            raise ValueError(f"the environment variable {named.name} is not set")
        return _checked(named.secret.value, where=f"the URL in {text.partition(':')[2]}")
    return _checked(text)


def _checked(text: str, where: str = "") -> str:
    address, has_query, query = text.partition("?")
    try:
        base_url(address)
    except ValueError as error:
        raise ValueError(f"{where} cannot be used" if where else str(error)) from None
    if not query.isascii() or not query.isprintable() or " " in query or "#" in query or (has_query and not query):
        raise ValueError(f"{where or 'this'} is not a URL with a valid query")
    return text


def _secret(value: object, info: ValidationInfo) -> Secret:
    named = reference(value, info)
    if named.secret is None:
        raise ValueError(f"the environment variable {named.name} is not set")
    return named.secret


def _ca_file(value: object, info: ValidationInfo) -> Path:
    text = as_text(value, "the path of a PEM file")
    path = surroundings(info).path(text) if text and "\0" not in text else None
    if path is None or not path.is_file():
        raise ValueError(f"there is no file {shown(text)}")
    return path


class NotifyShape(Shape):
    """``{url: https://…, secret: env:NAME}``."""

    url: Annotated[str, PlainValidator(_url)]
    secret: Annotated[Secret | None, PlainValidator(_secret)] = None
    ca_file: Annotated[Path | None, BeforeValidator(_ca_file)] = None

    @property
    def notify(self) -> Notify:
        """As the other rooms see it."""
        return Notify(self.url, self.secret, self.ca_file)
