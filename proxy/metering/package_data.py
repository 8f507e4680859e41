"""The one place where this room touches a file: data that ships inside the package, read once at start."""

from __future__ import annotations

from importlib.resources import files


def read_package_data(folder: str, name: str) -> bytes:
    """Bytes of ``proxy/metering/<folder>/<name>``; ``FileNotFoundError`` when the installation is incomplete."""
    return files("proxy.metering").joinpath(folder, name).read_bytes()
