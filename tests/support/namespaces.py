"""Machines for tests: network namespaces with an interface of their own, whose wires can be cut. Wants root and iproute2.

A namespace belongs to a thread of ours only while it is ``entered``; sockets made and processes or threads started there stay
there for ever. So everything that runs on this machine's own network can be run on another one, callers included.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

_CLONE_NEWNET: Final = 0x40000000
_TAG: Final = "tallygate-"  # with our pid behind it


class Namespace:
    """One machine's network. ``address`` is where the hub sees it; it knows the hub as ``hub``."""

    def __init__(self, name: str, address: str = "", hub: str = "") -> None:
        """``name`` is that of ``ip netns``."""
        self.name, self.address, self.hub = name, address, hub

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be there. Nothing may be awaited inside: other tasks of this thread would be there, too."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            _set_namespace(there)
            try:
                yield
            finally:
                _set_namespace(here)
        finally:
            os.close(here)
            os.close(there)

    def run(self, *command: str) -> None:
        """Run a program there."""
        _run("ip", "netns", "exec", self.name, *command)

    def drop(self, chain: str, direction: str, port: int) -> None:
        """Lose every packet of a TCP port without a word: ``("OUTPUT", "--dport", 6379)`` are requests."""
        self.run("iptables", "-A", chain, "-p", "tcp", direction, str(port), "-j", "DROP")

    def unplug(self) -> None:
        """Take the wire to the hub down."""
        self.run("ip", "link", "set", "wire", "down")

    def heal(self) -> None:
        """Let everything through again."""
        self.run("iptables", "-F")
        self.run("ip", "link", "set", "wire", "up")


@contextmanager
def machines(*names: str) -> Iterator[tuple[Namespace, ...]]:
    """A hub, and machines that are wired to it and not to each other; all are gone afterwards."""
    with ExitStack() as stack:
        _remove_leftovers()
        tag = f"{_TAG}{os.getpid()}"
        hub = stack.enter_context(_namespace(Namespace(f"{tag}-hub")))
        found = [hub]
        for number, name in enumerate(names, 1):
            machine = Namespace(f"{tag}-{name}", f"10.77.{number}.2", f"10.77.{number}.1")
            stack.enter_context(_namespace(machine))
            near, far = f"to{number}", "wire"
            _run("ip", "link", "add", near, "netns", hub.name, "type", "veth", "peer", far, "netns", machine.name)
            for space, link, address in ((hub, near, machine.hub), (machine, far, machine.address)):
                space.run("ip", "address", "add", f"{address}/24", "dev", link)
                space.run("ip", "link", "set", link, "up")
            found.append(machine)
        yield tuple(found)


@contextmanager
def _namespace(space: Namespace) -> Iterator[Namespace]:
    if os.geteuid() != 0:
        pytest.skip("network namespaces want root")
    _run("ip", "netns", "add", space.name)
    try:
        space.run("ip", "link", "set", "lo", "up")
        yield space
    finally:
        _run("ip", "netns", "delete", space.name)


def _remove_leftovers() -> None:
    """Those of tests that were killed."""
    for folder in Path("/run/netns").glob(f"{_TAG}*"):
        owner = folder.name.removeprefix(_TAG).partition("-")[0]
        if not Path(f"/proc/{owner}").exists():
            _run("ip", "netns", "delete", folder.name)


def _set_namespace(descriptor: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
