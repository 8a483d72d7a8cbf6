"""A TCP proxy that breaks on command, in a process of its own, so that its faults never slow the clients that measure.

Run as `python -m tests.chaos.proxy PLAN`; the plan is JSON: the control port and the gates, each a listening port in
front of one or more targets. A rule holds for one source of a gate (`*` for all); who connects is found out from the
process that holds the other end, so a partition can cut the members of a set from one another and leave their clients.
"""

import asyncio
import contextlib
import json
import random
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
ANYBODY = "*"
_CHUNK = 64 * 1024
_HELD_POLL_SECONDS = 0.05
_CONNECT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Rule:
    """How a link misbehaves; the defaults are a good one.

    Attributes:
        is_cut: connections are aborted, new ones too.
        is_half_open: connections stay, but nothing arrives until the rule is lifted.
        latency_ms, jitter_ms: how long every chunk is held, in each direction.
        bytes_per_second: the bandwidth of one connection; 0 is unbounded.
        reset_after_bytes: a connection ends when it has carried so much; 0 means never.
        drops_answers: the share of POSTs whose request is delivered and whose answer is dropped (HTTP only).
    """

    is_cut: bool = False
    is_half_open: bool = False
    latency_ms: int = 0
    jitter_ms: int = 0
    bytes_per_second: int = 0
    reset_after_bytes: int = 0
    drops_answers: float = 0.0


_GOOD = Rule()


@dataclass(slots=True)
class Gate:
    """One listening port in front of its targets, with the rules in force and the connections under way."""

    name: str
    port: int
    targets: tuple[int, ...]
    rules: dict[str, Rule] = field(default_factory=dict)
    links: set["Link"] = field(default_factory=set)
    turn: int = 0

    def rule(self, source: str) -> Rule:
        """Return the rule for a source: its own, else everybody's."""
        return self.rules.get(source) or self.rules.get(ANYBODY, _GOOD)

    def impose(self, source: str, rule: Rule) -> None:
        """Put a rule in force, on the connections under way too."""
        self.rules[source] = rule
        for link in list(self.links):
            if self.rule(link.source).is_cut:
                link.abort()

    def heal(self) -> None:
        """Forget every rule."""
        self.rules.clear()


@dataclass(slots=True, eq=False)
class Link:
    """One connection through a gate."""

    gate: Gate
    source: str
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    dice: random.Random
    carried: int = 0
    is_post: bool = False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        """Pass on what one side says until it ends."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while chunk := await reader.read(_CHUNK):
                if not await self._suffer(chunk, is_answer=is_answer):
                    self.abort()
                    return
                writer.write(chunk)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

    async def _suffer(self, chunk: bytes, *, is_answer: bool) -> bool:
        """Do to a chunk what the rule says; tell whether it may pass."""
        while (rule := self.gate.rule(self.source)).is_half_open:
            await asyncio.sleep(_HELD_POLL_SECONDS)
        if not is_answer:
            self.is_post = chunk.startswith(b"POST ") or (self.is_post and not chunk.startswith(b"GET "))
        elif self.is_post and rule.drops_answers and self.dice.random() < rule.drops_answers:
            return False
        if rule.latency_ms or rule.jitter_ms:
            await asyncio.sleep((rule.latency_ms + self.dice.uniform(0, rule.jitter_ms)) / 1000)
        if rule.bytes_per_second:
            await asyncio.sleep(len(chunk) / rule.bytes_per_second)
        self.carried += len(chunk)
        return not (rule.is_cut or (rule.reset_after_bytes and self.carried > rule.reset_after_bytes))

    def abort(self) -> None:
        """End both sides at once, with a reset."""
        for side in (self.client, self.server):
            side.transport.abort()


@dataclass(slots=True)
class Proxy:
    """Every gate, and which process is which source."""

    gates: Mapping[str, Gate]
    dice: random.Random
    pids: dict[str, int] = field(default_factory=dict)

    async def serve(self, control_port: int) -> None:
        """Serve the gates and the control port for ever."""
        async with contextlib.AsyncExitStack() as servers:
            for gate in self.gates.values():
                server = await asyncio.start_server(self._door(gate), HOST, gate.port, backlog=512)
                await servers.enter_async_context(server)
            control = await asyncio.start_server(self._obey, HOST, control_port)
            await servers.enter_async_context(control)
            await control.serve_forever()

    def _door(self, gate: Gate) -> Any:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            source = source_of(writer.get_extra_info("peername")[1], self.pids)
            if gate.rule(source).is_cut:
                writer.transport.abort()
                return
            try:
                server_reader, server_writer = await self._connect(gate)
            except OSError:
                writer.transport.abort()
                return
            link = Link(gate, source, writer, server_writer, self.dice)
            gate.links.add(link)
            try:
                await asyncio.gather(
                    link.carry(reader, server_writer, is_answer=False),
                    link.carry(server_reader, writer, is_answer=True),
                )
            finally:
                gate.links.discard(link)
                link.abort()

        return accept

    async def _connect(self, gate: Gate) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the targets in turn, going on to the next when one refuses."""
        gate.turn += 1
        for number in range(len(gate.targets)):
            port = gate.targets[(gate.turn + number) % len(gate.targets)]
            with contextlib.suppress(OSError, TimeoutError):
                reader, writer = await asyncio.wait_for(asyncio.open_connection(HOST, port), _CONNECT_SECONDS)
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return reader, writer
        raise ConnectionRefusedError

    async def _obey(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one JSON order a line; answer each with `ok`."""
        while line := await reader.readline():
            order = json.loads(line)
            self.pids.update(order.get("pids", {}))
            if order.get("heal"):
                for gate in self.gates.values():
                    gate.heal()
            if "gate" in order:
                self.gates[order["gate"]].impose(order.get("source", ANYBODY), Rule(**order["rule"]))
            writer.write(b"ok\n")
            await writer.drain()
        writer.close()


def source_of(port: int, pids: Mapping[str, int]) -> str:
    """Return the name of the known process whose socket has that local port, or `*`."""
    if not pids:
        return ANYBODY
    mark = f":{port:04X}"
    rows = (row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:])
    inodes = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(mark)}
    return next((name for name, pid in pids.items() if _holds(pid, inodes)), ANYBODY)


def _holds(pid: int, sockets: set[str]) -> bool:
    try:
        return any(str(link.readlink()) in sockets for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def main() -> None:
    """Serve the plan of the command line."""
    import uvloop  # noqa: PLC0415  the harness imports this module for its rules alone

    plan = json.loads(sys.argv[1])
    gates = {each["name"]: Gate(each["name"], each["port"], tuple(each["targets"])) for each in plan["gates"]}
    uvloop.run(Proxy(gates, random.Random(plan["seed"])).serve(plan["control"]))


if __name__ == "__main__":
    main()
