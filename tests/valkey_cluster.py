"""Three servers in cluster mode on free ports, for scripts that must stay within their slot."""

import asyncio
import signal
import socket
import time
from pathlib import Path
from typing import Any

from redis import Redis

from server.embedded.program import find_valkey
from server.embedded.store_process import StoreProcess

NODES = 3
SLOTS = 16384
FORM_S = 20.0


class ValkeyCluster:
    """The nodes share the slots evenly; there are no replicas."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._nodes: list[StoreProcess] = []
        self._ports: list[int] = []

    @property
    def url(self) -> str:
        """One node; the others are found through it."""
        return f"redis://127.0.0.1:{self._ports[0]}"

    def pid(self, node: int) -> int:
        """The process of a node."""
        pid = self._nodes[node].pid
        assert pid is not None
        return pid

    def node_of(self, slot: int) -> int:
        """The number of the node that owns a slot now; tests move slots."""
        with Redis(port=self._ports[0]) as client:
            rows = _ask(client, "CLUSTER SLOTS")
        return next(
            self._ports.index(port) for first, last, (_, port, *_) in rows if first <= slot <= last
        )

    async def start(self) -> None:
        """Start the nodes, introduce them to each other, and wait until all slots are served."""
        self._ports = free_ports(NODES)
        buses = free_ports(NODES)
        for number, (port, bus) in enumerate(zip(self._ports, buses, strict=True)):
            await self._start_node(number, port, bus)
        for number, client in enumerate(self._clients()):
            first, last = number * SLOTS // NODES, (number + 1) * SLOTS // NODES - 1
            _ask(client, "CLUSTER ADDSLOTSRANGE", first, last)
            _ask(client, "CLUSTER MEET", "127.0.0.1", self._ports[0], buses[0])
        await self._formed()

    async def stop(self) -> None:
        """Stop the nodes."""
        for node in self._nodes:
            await node.stop()

    def flush(self) -> None:
        """Empty all nodes."""
        for client in self._clients():
            client.flushall()
            client.script_flush()
            client.close()

    def _clients(self) -> list[Redis]:
        return [Redis(port=port) for port in self._ports]

    async def _start_node(self, number: int, port: int, bus: int) -> None:
        place = self._directory / str(number)
        place.mkdir()
        node = StoreProcess("valkey", place, signal.SIGTERM)
        await node.claim()
        options = {
            "dir": str(place),
            "bind": "127.0.0.1",
            "port": str(port),
            "cluster-enabled": "yes",
            "cluster-port": str(bus),
            "cluster-node-timeout": "10000",
            "maxmemory-policy": "noeviction",
            "save": "",
        }
        flags = [part for name, value in options.items() for part in (f"--{name}", value)]
        node.start([find_valkey().path, *flags])
        self._nodes.append(node)
        while True:
            node.check()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            await asyncio.sleep(0.01)

    async def _formed(self) -> None:
        ends_at = time.monotonic() + FORM_S
        clients = self._clients()
        while not all(_is_ok(client) for client in clients):
            assert time.monotonic() < ends_at, "the cluster does not form"
            await asyncio.sleep(0.05)
        for client in clients:
            client.close()


def _ask(client: Redis, *words: str | int) -> Any:
    return client.execute_command(*words)  # type: ignore[no-untyped-call]


def _is_ok(client: Redis) -> bool:
    info = _ask(client, "CLUSTER INFO")
    nodes = int(info.get("cluster_known_nodes", 0))
    return info.get("cluster_state") == "ok" and nodes == NODES


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports
