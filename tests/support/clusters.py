"""A Redis Cluster for tests, whose slots can be moved and whose nodes can be killed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import redis
from redis.crc import key_slot

from proxy.stores import keys
from tests.support.engines import short_folder
from tests.support.running import free_port
from tests.support.servers import HOST, QUICKLY_MS, Node, wait_for

SLOTS: Final = 16_384


class Cluster:
    """Three masters that share the slots; a fourth node may follow one of them."""

    def __init__(self, folder: Path, kind: str, *, replica_of: str = "", tls: Sequence[str] = ()) -> None:
        """Nodes that do not know of each other yet. ``replica_of`` names an org: its master gets a replica."""
        self._scheme, self._replicated = ("rediss" if tls else "redis"), replica_of
        self.nodes: list[Node] = []
        for number in range(4 if replica_of else 3):
            flags = ["--cluster-enabled", "yes", "--cluster-node-timeout", str(QUICKLY_MS)]
            flags += ["--cluster-port", str(free_port()), "--cluster-replica-validity-factor", "0"]
            flags += ["--tls-cluster", "yes", "--tls-replication", "yes"] if tls else []
            self.nodes.append(Node(f"node{number}", folder, kind, *flags, tls=tls))

    @property
    def url(self) -> str:
        """The store's URL, which names two of the nodes."""
        return f"{self._scheme}+cluster://{HOST}:{self.nodes[0].port},{HOST}:{self.nodes[1].port}"

    def form(self) -> None:
        """Start the nodes, share the slots, and wait until all agree."""
        masters = self.nodes[:3]
        for node in self.nodes:
            node.engine.spawn()
        for node in self.nodes:
            node.engine.wait()
        for number, node in enumerate(masters):
            node.ask("CLUSTER", "ADDSLOTSRANGE", SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            bus = node.ask("CONFIG", "GET", "cluster-port")[1].decode()
            masters[0].ask("CLUSTER", "MEET", HOST, node.port, bus)
        wait_for(lambda: all(self._agrees(node) for node in self.nodes))
        if self._replicated:
            owner = self.owner(self._replicated)
            self.nodes[3].ask("CLUSTER", "REPLICATE", owner.ask("CLUSTER", "MYID").decode())
            wait_for(lambda: self.nodes[3].info("replication").get("master_link_status") == "up")
            wait_for(lambda: all(b"slave" in _nodes_of(node) for node in self.nodes))

    def owner(self, org: str) -> Node:
        """The node that serves an org now; waits for one."""
        found: list[Node] = []

        def somebody() -> bool:
            found.extend(node for node in self.nodes if node.engine.pid is not None and _serves(node, org))
            return bool(found)

        wait_for(somebody)
        return found[0]

    def move(self, org: str, to: Node, *, pause_s: float = 0.0, at_once: int = 10) -> None:
        """Move an org's slot to another node, some keys at a time, as ``redis-cli --cluster reshard`` does."""
        source = self.begin_move(org, to)
        while names := self._keys(source, org, at_once):
            self.migrate(source, to, names)
            time.sleep(pause_s)
        self._assign(org, to)

    def begin_move(self, org: str, to: Node) -> Node:
        """Open the slot on both sides; returns the node that had it."""
        source, slot = self.owner(org), slot_of(org)
        to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.ask("CLUSTER", "MYID").decode())
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", to.ask("CLUSTER", "MYID").decode())
        return source

    def migrate(self, source: Node, to: Node, names: Sequence[str]) -> None:
        """Move these keys of an open slot."""
        source.ask("MIGRATE", HOST, to.port, "", 0, 5000, "KEYS", *names)

    def finish_move(self, org: str, source: Node, to: Node) -> None:
        """Move what is left, and give the slot to its new node."""
        while names := self._keys(source, org, 100):
            self.migrate(source, to, names)
        self._assign(org, to)

    def masters(self) -> list[Node]:
        """The nodes that live and are no replicas."""
        living = (node for node in self.nodes if node.engine.pid is not None)
        return [node for node in living if node.info("replication")["role"] == "master"]

    def master_of(self, replica: Node) -> Node:
        """The node that a replica follows."""
        port = replica.info("replication")["master_port"]
        return next(node for node in self.nodes if node.port == port)

    def _assign(self, org: str, to: Node) -> None:
        name = to.ask("CLUSTER", "MYID").decode()
        for node in (to, *(node for node in self.masters() if node is not to)):
            node.ask("CLUSTER", "SETSLOT", slot_of(org), "NODE", name)

    def _keys(self, node: Node, org: str, most: int) -> list[str]:
        return [name.decode() for name in node.ask("CLUSTER", "GETKEYSINSLOT", slot_of(org), most)]

    def _agrees(self, node: Node) -> bool:
        known = b"cluster_known_nodes:%d\r" % len(self.nodes)
        state: bytes = _raw(node, "CLUSTER", "INFO")
        return b"cluster_state:ok" in state and known in state and b"cluster_slots_ok:16384" in state


@contextmanager
def running_cluster(kind: str, *, replica_of: str = "", tls: Sequence[str] = ()) -> Iterator[Cluster]:
    """A cluster that agrees with itself; ended and removed afterwards."""
    with short_folder() as folder, ExitStack() as stack:
        cluster = Cluster(folder, kind, replica_of=replica_of, tls=tls)
        for node in cluster.nodes:
            stack.callback(node.engine.stop)
        cluster.form()
        yield cluster


def slot_of(org: str) -> int:
    """The slot of an org's keys."""
    return key_slot(keys.open_holds(org).encode())


def _serves(node: Node, org: str) -> bool:
    try:
        node.ask("EXISTS", keys.open_holds(org))
    except redis.RedisError:
        return False
    return True


def _raw(node: Node, *command: str) -> Any:
    """The answer as it came: redis-py would parse these."""
    with node.client() as client:
        client.response_callbacks.clear()
        return client.execute_command(*command)


def _nodes_of(node: Node) -> bytes:
    return bytes(_raw(node, "CLUSTER", "NODES"))
