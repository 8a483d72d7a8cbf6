"""What is known of the service's own health, and the facts of its database."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from pymongo.errors import PyMongoError

from app.database import Database
from app.kit.clock import Clock
from app.kit.errors import Kind, Problem

Sampler = Callable[[], Awaitable[None]]
"""Sets gauges from the database, such as payments by status; called before a scrape, at most once per interval."""

_PING_SECONDS = 1.0
_FACTS_SECONDS = 3.0
_SAMPLE_SECONDS = 5.0
_SHOWN_COLLECTIONS = 100
_log = structlog.get_logger("app.health")


class NotReady(Problem):
    """The instance should get no requests now: it starts, it drains, or its database does not answer."""

    code = "not_ready"
    kind = Kind.UNAVAILABLE
    message = "The service is not ready."


@dataclass(frozen=True, slots=True)
class Readiness:
    """The checks behind readiness, each true when it is fine."""

    database: bool
    indexes: bool
    accepting: bool

    @property
    def is_ready(self) -> bool:
        """Tell whether every check is fine."""
        return self.database and self.indexes and self.accepting


@dataclass(frozen=True, slots=True)
class CollectionFacts:
    """What a collection holds; sizes in bytes."""

    name: str
    documents: int
    size_bytes: int
    index_bytes: int
    indexes: Sequence[str]


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What the database says of itself."""

    name: str
    version: str
    replica_set: str | None
    members: Mapping[str, str]
    collections: Sequence[CollectionFacts]


@dataclass(frozen=True, slots=True)
class Sampled:
    """How the last refreshing of the gauges went: whether the database answered, and how many samplers failed."""

    database: bool
    failing: int


@dataclass(slots=True)
class Health:
    """The service's health; the doors move its two flags.

    Attributes:
        database: asked for a sign of life.
        clock: for the age of samples.
        samplers: what to refresh before a scrape.
        indexes_verified: set by the door once every unique index was found.
        is_draining: set by the door when it was told to stop; readiness then says no, and load balancers turn away.
    """

    database: Database
    clock: Clock
    samplers: Sequence[Sampler] = ()
    indexes_verified: bool = False
    is_draining: bool = False
    _sampled: Sampled = field(default=Sampled(database=False, failing=0), init=False)
    _sampled_at: float | None = field(default=None, init=False)
    _sampling: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def is_database_up(self) -> bool:
        """Tell whether the primary answers within a second."""
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await self.database.ping()
        except (PyMongoError, TimeoutError):
            return False
        return True

    async def check_readiness(self) -> Readiness:
        """Return every check; a draining instance does not ask its database any more."""
        return Readiness(
            database=self.is_draining or await self.is_database_up(),
            indexes=self.indexes_verified,
            accepting=not self.is_draining,
        )

    async def read_database_facts(self) -> DatabaseFacts:
        """Return version, replica set and collections. Raises PyMongoError or TimeoutError after three seconds."""
        async with asyncio.timeout(_FACTS_SECONDS):
            db = self.database.db
            hello = await db.command("hello")
            build = await db.command("buildInfo")
            names = sorted(await db.list_collection_names(filter={"type": "collection"}))
            collections = [await self._collection_facts(name) for name in names[:_SHOWN_COLLECTIONS]]
        primary = hello.get("primary")
        return DatabaseFacts(
            name=self.database.name,
            version=str(build["version"]),
            replica_set=hello.get("setName"),
            members={host: "primary" if host == primary else "secondary" for host in hello.get("hosts", ())},
            collections=collections,
        )

    async def sample(self) -> Sampled:
        """Refresh the gauges unless that was done a moment ago; tell how that went.

        A failing sampler costs its gauges only. A database that does not answer is asked no more: a scrape that waits
        for every sampler in vain would be late, and a scraper takes that for a dead instance.
        """
        async with self._sampling:
            now = self.clock.monotonic()
            if self._sampled_at is not None and now - self._sampled_at < _SAMPLE_SECONDS:
                return self._sampled
            self._sampled_at = now
            is_up = await self.is_database_up()
            ends = [await self._run(sampler) for sampler in self.samplers] if is_up else [False] * len(self.samplers)
            self._sampled = Sampled(database=is_up, failing=ends.count(False))
            return self._sampled

    async def _run(self, sampler: Sampler) -> bool:
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await sampler()
        except (PyMongoError, TimeoutError) as error:
            _log.warning("sampler_failed", error=type(error).__name__)
            return False
        return True

    async def _collection_facts(self, name: str) -> CollectionFacts:
        # `$collStats` counts by metadata: its cost does not grow with the collection.
        cursor = await self.database.collection(name).aggregate([{"$collStats": {"storageStats": {}}}])
        stats: list[dict[str, Any]] = await cursor.to_list()
        storage = stats[0]["storageStats"]
        return CollectionFacts(
            name=name,
            documents=int(storage.get("count", 0)),
            size_bytes=int(storage.get("size", 0)),
            index_bytes=int(storage.get("totalIndexSize", 0)),
            indexes=sorted(storage.get("indexSizes", {})),
        )
