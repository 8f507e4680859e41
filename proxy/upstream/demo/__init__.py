"""The stand-in upstream of a first run: no model, fixed words, honest counts, in the wire formats of the official SDKs.

``server`` speaks HTTP, ``words`` decides what is said and how it is counted, one file per dialect writes it down.
"""

from __future__ import annotations

from proxy.upstream.demo.server import DemoServer

__all__ = ["DemoServer"]
