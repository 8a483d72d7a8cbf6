"""MongoDB: the client with its promises, transactions, and the registry of collections and indexes.

The options follow the measurements in the design notes: with them a fail-over lost no acknowledged write. A write
that raised is *unknown*, never "not applied"; `web.errors` turns the driver's errors into 503 with that meaning.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import pymongo
from pymongo import AsyncMongoClient, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import CollectionInvalid, OperationFailure
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

Document = dict[str, Any]
Session = AsyncClientSession
T = TypeVar("T")

_IN_TRANSACTION: ContextVar[bool] = ContextVar("in_transaction", default=False)
_TRANSACTION_SECONDS = 8.0
_NAMESPACE_EXISTS = 48
_OPTIONS: Mapping[str, Any] = {
    "w": "majority",
    "journal": True,
    "wTimeoutMS": 5000,
    "readConcernLevel": "majority",
    "readPreference": "primary",
    "retryWrites": True,
    "retryReads": True,
    "serverSelectionTimeoutMS": 4000,
    "connectTimeoutMS": 1000,
    "socketTimeoutMS": 8000,
    "heartbeatFrequencyMS": 1000,
    "waitQueueTimeoutMS": 2000,
    "maxPoolSize": 64,
    "tz_aware": True,
    "appname": "payment-gateway-api",
}


class NetworkInsideTransaction(AssertionError):
    """A call to the outside began inside a transaction, whose callback may run more than once: a defect of ours."""


class IndexMissing(RuntimeError):
    """A unique index that an invariant rests on is not there: the service must not serve (failure row G11)."""


@dataclass(frozen=True, slots=True)
class Index:
    """One index of a collection. `partial` is a filter: only documents that match are indexed."""

    name: str
    keys: Sequence[tuple[str, int]]
    unique: bool = False
    partial: Mapping[str, Any] | None = None
    expire_after_seconds: int | None = None

    def model(self) -> IndexModel:
        """Return the driver's description of this index."""
        options: dict[str, Any] = {"name": self.name, "unique": self.unique}
        if self.partial is not None:
            options["partialFilterExpression"] = dict(self.partial)
        if self.expire_after_seconds is not None:
            options["expireAfterSeconds"] = self.expire_after_seconds
        return IndexModel(list(self.keys), **options)


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as its room's `store.py` declares it."""

    name: str
    indexes: tuple[Index, ...] = ()
    validator: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Database:
    """One database of one cluster. Rooms get it from wiring and reach only their own collections.

    `transaction_seconds` bounds a transaction with all its repetitions; the driver alone would go on for two minutes.
    """

    client: AsyncMongoClient[Document]
    name: str
    transaction_seconds: float = _TRANSACTION_SECONDS
    _collections: dict[str, AsyncCollection[Document]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        name: str,
        listeners: Sequence[CommandListener] = (),
        transaction_seconds: float = _TRANSACTION_SECONDS,
    ) -> "Database":
        """Return a database that connects at its first use. Options in the URL win over the house's."""
        chosen = {option.lower() for option, _ in parse_qsl(urlsplit(url).query)}
        options = {option: value for option, value in _OPTIONS.items() if option.lower() not in chosen}
        client: AsyncMongoClient[Document] = AsyncMongoClient(url, event_listeners=list(listeners), **options)
        return cls(client=client, name=name, transaction_seconds=transaction_seconds)

    @property
    def db(self) -> AsyncDatabase[Document]:
        """Return the driver's database."""
        return self.client[self.name]

    def collection(self, name: str) -> AsyncCollection[Document]:
        """Return the driver's collection with the client's concerns."""
        # Kept, because the driver makes a new one at each call, which every request would pay for.
        known = self._collections.get(name)
        if known is None:
            known = self._collections[name] = self.db[name]
        return known

    async def transaction(self, work: Callable[[Session], Awaitable[T]]) -> T:
        """Run the work in one transaction and return its result.

        The work may run more than once (the driver retries transient errors), so it has no effect but its writes:
        a network call inside raises `NetworkInsideTransaction`.

        Raises:
            pymongo.errors.PyMongoError: the outcome is unknown unless the error says otherwise.
        """
        async with self.client.start_session() as session:

            async def guarded(inner: Session) -> T:
                token = _IN_TRANSACTION.set(True)
                try:
                    return await work(inner)
                finally:
                    _IN_TRANSACTION.reset(token)

            # Every command inside, the commit too, carries to the server what is left of the time (G9).
            with pymongo.timeout(self.transaction_seconds):
                return await session.with_transaction(
                    guarded,
                    read_concern=ReadConcern("snapshot"),
                    write_concern=WriteConcern(w="majority", j=True),
                    read_preference=ReadPreference.PRIMARY,
                )

    async def ensure(self, collections: Iterable[Collection]) -> None:
        """Create what is missing of the collections, their validators and indexes; change nothing else."""
        existing = set(await self.db.list_collection_names())
        for declared in collections:
            if declared.name not in existing:
                await self._create(declared)
            if declared.validator:
                await self.db.command("collMod", declared.name, validator=dict(declared.validator))
            if declared.indexes:
                await self.collection(declared.name).create_indexes([index.model() for index in declared.indexes])

    async def verify(self, collections: Iterable[Collection]) -> None:
        """Check that every declared unique index exists and is unique.

        Raises:
            IndexMissing: names the first one that is absent.
        """
        for declared in collections:
            present = await self.collection(declared.name).index_information()
            for index in declared.indexes:
                if index.unique and not present.get(index.name, {}).get("unique", False):
                    message = f"the unique index {index.name} of collection {declared.name} is missing"
                    raise IndexMissing(message)

    async def ping(self) -> None:
        """Ask the primary for a sign of life. Raises PyMongoError."""
        await self.db.command("ping")

    async def close(self) -> None:
        """Close every connection."""
        await self.client.close()

    async def _create(self, declared: Collection) -> None:
        try:
            await self.db.create_collection(declared.name)
        except CollectionInvalid:
            return
        except OperationFailure as error:
            # Another process won the race for this collection; its indexes are ensured either way.
            if error.code != _NAMESPACE_EXISTS:
                raise


def refuse_inside_transaction() -> None:
    """Raise NetworkInsideTransaction when called within a transaction's work; every outgoing call asks first."""
    if _IN_TRANSACTION.get():
        message = "a call to the outside began inside a transaction"
        raise NetworkInsideTransaction(message)
