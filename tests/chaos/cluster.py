"""A replica set of three real mongods, whose members know one another and are known by the addresses of the proxy.

So every link can be cut: between two members, or between a member and its clients. With `is_tuned` the set has the
short elections that we recommend; without, MongoDB's defaults, for comparison.
"""

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from app.local.embedded import REPLICA_SET, EmbeddedMongod
from tests.chaos.processes import ProxyClient
from tests.chaos.proxy import HOST

MEMBERS = 3
_START_SECONDS = 60.0
_POLL_SECONDS = 0.05
_ALREADY_INITIALIZED = 23
_TUNED = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
_TUNED_PARAMETERS = (
    # How long beyond its own waiting a member hopes for an answer of the one that it copies from. When that one
    # freezes, the majority's writes wait for this: five seconds by default.
    "oplogNetworkTimeoutBufferSeconds=1",
    # A process that dies within a transaction holds what it wrote until the server ends the transaction.
    "transactionLifetimeLimitSeconds=10",
)
Document = dict[str, Any]


class NoPrimary(RuntimeError):
    """The set has no primary that takes writes."""


@dataclass(slots=True)
class Member:
    """One mongod: its own port, and the gate by which everybody else reaches it."""

    name: str
    mongod: EmbeddedMongod
    is_frozen: bool = False
    _client: "AsyncMongoClient[Document] | None" = None

    @property
    def is_down(self) -> bool:
        """Tell whether it does not run."""
        return self.mongod.exit_status is not None

    async def ask(self, command: str, value: Any = 1, **options: Any) -> Document:
        """Give this member alone a command, past the proxy. Raises PyMongoError."""
        if self._client is None:
            self._client = AsyncMongoClient(
                HOST,
                self.mongod.port,
                directConnection=True,
                serverSelectionTimeoutMS=1000,
                socketTimeoutMS=5000,
                heartbeatFrequencyMS=500,
            )
        return await self._client.admin.command(command, value, **options)

    async def close(self) -> None:
        """End and remove it."""
        if self._client is not None:
            await self._client.close()
        self.send(signal.SIGCONT)
        self.mongod.close()

    def send(self, number: int) -> None:
        """Send a signal to its process, if it runs."""
        if not self.is_down and (pid := self.mongod.pid) is not None:
            os.kill(pid, number)
            self.is_frozen = number == signal.SIGSTOP


@dataclass(slots=True)
class Cluster:
    """The set as a whole. `proxy` is set before `start`."""

    is_tuned: bool = True
    proxy: ProxyClient | None = None
    members: Sequence[Member] = field(default_factory=list)

    @classmethod
    def prepared(cls, *, is_tuned: bool = True, size: int = MEMBERS) -> "Cluster":
        """Return a set with its ports chosen; nothing runs yet."""
        parameters = _TUNED_PARAMETERS if is_tuned else ()
        members = [Member(f"mongo-{number}", EmbeddedMongod.ephemeral(parameters=parameters)) for number in range(size)]
        for member in members:
            member.mongod.prepare()
        return cls(is_tuned=is_tuned, members=members)

    @property
    def targets(self) -> Mapping[str, Sequence[int]]:
        """Return what the proxy has to stand before, by gate."""
        return {member.name: (member.mongod.port,) for member in self.members}

    @property
    def url(self) -> str:
        """Return the connection string by the proxy's addresses."""
        assert self.proxy is not None
        hosts = ",".join(f"{HOST}:{self.proxy.ports[member.name]}" for member in self.members)
        return f"mongodb://{hosts}/?replicaSet={REPLICA_SET}"

    async def start(self) -> None:
        """Start the members, make them a set and return when it takes writes."""
        for member in self.members:
            await self.revive(member)
        assert self.proxy is not None
        hosts = [{"_id": n, "host": f"{HOST}:{self.proxy.ports[m.name]}"} for n, m in enumerate(self.members)]
        config = {"_id": REPLICA_SET, "members": hosts, "settings": _TUNED if self.is_tuned else {}}
        await self._until_initiated(config)
        await self.wait_for_primary(seconds=_START_SECONDS)

    async def close(self) -> None:
        """End and remove every member."""
        for member in self.members:
            await member.close()

    async def find_primary(self) -> Member | None:
        """Return the member that says it takes writes; of two, the one of the later election."""
        answers = await asyncio.gather(*(_hello(member) for member in self.members))
        writable = [(said["electionId"], member) for said, member in answers if said.get("isWritablePrimary")]
        return max(writable, key=lambda pair: pair[0], default=(None, None))[1]

    async def wait_for_primary(self, *, seconds: float = 20.0, other_than: Member | None = None) -> Member:
        """Return the primary as soon as there is one. Raises NoPrimary."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = await self.find_primary()
            if found is not None and found is not other_than:
                return found
            await asyncio.sleep(_POLL_SECONDS)
        raise NoPrimary

    async def revive(self, member: Member) -> None:
        """Start a member that does not run, thaw one that is frozen."""
        assert self.proxy is not None
        if member.mongod.pid is None or member.is_down:
            await asyncio.to_thread(member.mongod.prepare)
            member.mongod.spawn()
            await self.proxy.know(**{member.name.replace("-", "_"): member.mongod.pid})
        elif member.is_frozen:
            member.send(signal.SIGCONT)

    async def step_down(self, *, seconds: int = 5) -> None:
        """Ask the primary to hand over."""
        primary = await self.wait_for_primary()
        with suppress(PyMongoError):  # the connection may end with it
            await primary.ask("replSetStepDown", seconds, secondaryCatchUpPeriodSecs=2)

    async def isolate(self, member: Member, *, from_clients: bool) -> None:
        """Cut a member from the other members in both directions, and from its clients too when asked."""
        assert self.proxy is not None
        others = [other for other in self.members if other is not member]
        for other in others:
            await self.proxy.impose(member.name, source=other.name, is_cut=True)
            await self.proxy.impose(other.name, source=member.name, is_cut=True)
        if from_clients:
            await self.proxy.impose(member.name, is_cut=True)

    async def heal(self) -> None:
        """Bring every member back and lift every rule of the proxy."""
        assert self.proxy is not None
        await self.proxy.heal()
        for member in self.members:
            await self.revive(member)

    async def _until_initiated(self, config: Document) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                await self.members[0].ask("replSetInitiate", config)
            except OperationFailure as error:
                if error.code == _ALREADY_INITIALIZED:
                    return
            except PyMongoError:
                pass
            else:
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise NoPrimary


async def _hello(member: Member) -> tuple[Document, Member]:
    if member.is_down or member.is_frozen:
        return {}, member
    try:
        return await member.ask("hello"), member
    except PyMongoError:
        return {}, member
