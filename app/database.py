"""MongoDB: the client with its promises, transactions, and the registry of collections and indexes.

The options follow the measurements in the design notes: with them a fail-over lost no acknowledged write. A write
that raised is *unknown*, never "not applied"; `web.errors` turns the driver's errors into 503 with that meaning.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import pymongo
from pymongo import AsyncMongoClient, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.asynchronous.pool import AsyncConnection, Pool
from pymongo.errors import AutoReconnect, CollectionInvalid, OperationFailure, PyMongoError
from pymongo.monitoring import CommandListener
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference, SecondaryPreferred
from pymongo.write_concern import WriteConcern

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Document = dict[str, Any]
Session = AsyncClientSession
T = TypeVar("T")

_IN_TRANSACTION: ContextVar[bool] = ContextVar("in_transaction", default=False)
TRANSACTION_SECONDS = 8.0
_REPORT_SECONDS = 30.0
_NAMESPACE_EXISTS = 48
STALENESS_SECONDS = 90
"""How far behind the primary a member may be that is asked for reports; the driver allows no less."""
_OPTIONS: Mapping[str, Any] = {
    "w": "majority",
    "journal": True,
    "wTimeoutMS": 5000,
    "readConcernLevel": "majority",
    "readPreference": "primary",
    "retryWrites": True,
    "retryReads": True,
    # The driver looks twice a second whether this is over: with it a 503 takes four seconds at most (G5).
    "serverSelectionTimeoutMS": 3500,
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


class WriteThroughReports(AssertionError):
    """A transaction began on the database as reports see it: a defect of ours. What is old must decide nothing."""


class DatabaseUnreachable(RuntimeError):
    """No primary answered at the address, or it turned us away; the message is a sentence without the password."""


class IndexMissing(RuntimeError):
    """A unique index that an invariant rests on is not there: the service must not serve (failure row G11)."""


def exactly(text: str) -> Document:
    """Return the condition that a field is this text, so that an index of texts alone is used for it.

    Such an index has `partial={"field": {"$type": "string"}}`, and the database does not conclude from the text by
    itself that what it looks for is one.
    """
    return {"$eq": text, "$type": "string"}


def known_to(kind: "type[DataclassInstance]", document: Mapping[str, Any]) -> Document:
    """Return what of a document, or of a part of one, this class has fields for; newer code may add more (P6)."""
    return {each.name: document[each.name] for each in fields(kind) if each.name in document}


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


BY_MERCHANT = ("tenant", "mode")
"""The shard key of what grows with a merchant's business: one merchant's is on one shard, and so is a transaction."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as its room's `store.py` declares it.

    `shard_key` says how it is divided once there is more than one shard; a collection without one does not grow with
    the business, or belongs to no merchant, and stays whole. See docs/guides/scale.md.
    """

    name: str
    indexes: tuple[Index, ...] = ()
    validator: Mapping[str, Any] = field(default_factory=dict)
    shard_key: tuple[str, ...] = ()


class _Pool(Pool):
    """Connections of which no cancellation loses one, and none is kept from a moment in which it could do nothing.

    The driver forgets the socket it is connecting when it is cancelled, as by a client's own close or by a health
    check's time-out: the socket stays open until the garbage collector finds it.

    It also asks a member only once, when it connects, whether it has sessions. One that was between two states, as
    while it starts or rolls back, says no; as primary it would then refuse every transaction on that connection.
    """

    async def connect(self, handler: Any = None) -> AsyncConnection:
        """Return a new connection; a caller who is cancelled waits until there is one to close, or none to come."""
        connecting = asyncio.ensure_future(super().connect(handler))
        # Cancelled twice, nobody is left to hear how it failed, and the loop would complain of that.
        connecting.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            connection = await asyncio.shield(connecting)
        except asyncio.CancelledError:
            await asyncio.wait([connecting], timeout=self.opts.connect_timeout)
            # What goes on after that has its socket in hand, and closes it itself.
            if not connecting.cancel() and not connecting.cancelled() and connecting.exception() is None:
                await connecting.result().close_conn(None)
            raise
        # The driver's own watch on a member says no hello here, and has no sessions.
        if not self.is_sdam and connection.is_repl and not connection.supports_sessions:
            await connection.close_conn(None)
            message = "the member is neither primary nor secondary at the moment"
            raise AutoReconnect(message)
        return connection


@dataclass(frozen=True, slots=True)
class Database:
    """One database of one cluster. Rooms get it from wiring and reach only their own collections.

    `transaction_seconds` bounds a transaction with all its repetitions; the driver alone would go on for two minutes.
    `reads` says which members are asked; see `for_reports`.
    """

    client: AsyncMongoClient[Document]
    name: str
    transaction_seconds: float = TRANSACTION_SECONDS
    reads: SecondaryPreferred | None = None
    _collections: dict[str, AsyncCollection[Document]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        name: str,
        listeners: Sequence[CommandListener] = (),
        transaction_seconds: float = TRANSACTION_SECONDS,
        operation_seconds: float | None = None,
    ) -> "Database":
        """Return a database that connects at its first use. Options in the URL win over the house's.

        `operation_seconds` bounds each operation outside of transactions with all its repetitions, for whoever keeps a
        client waiting (G5); without it, work in the background may take as long as the server goes on answering.
        """
        chosen = {option.lower() for option, _ in parse_qsl(urlsplit(url).query)}
        wanted = dict(_OPTIONS) if operation_seconds is None else {**_OPTIONS, "timeoutMS": operation_seconds * 1000}
        options = {option: value for option, value in wanted.items() if option.lower() not in chosen}
        client: AsyncMongoClient[Document] = AsyncMongoClient(
            url, event_listeners=list(listeners), _pool_class=_Pool, **options
        )
        return cls(client=client, name=name, transaction_seconds=transaction_seconds)

    @property
    def db(self) -> AsyncDatabase[Document]:
        """Return the driver's database."""
        database = self.client[self.name]
        return database if self.reads is None else database.with_options(read_preference=self.reads)

    def for_reports(self) -> "Database":
        """Return the same database as reports may see it: read from a secondary, where there is one that keeps up.

        What it answers is true, held by a majority, and up to `STALENESS_SECONDS` old. It serves what no decision about
        money rests on and nobody asks right after a write: which verbs those are, tests/house/test_reports.py lists.
        """
        return replace(self, reads=SecondaryPreferred(max_staleness=STALENESS_SECONDS), _collections={})

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
        if self.reads is not None:
            message = "a transaction began on the database as reports see it"
            raise WriteThroughReports(message)
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

    async def snapshot(self, read: Callable[[Session], Awaitable[T]]) -> T:
        """Run reads that all see one moment of the database, and return their result. Raises PyMongoError.

        They are reports, which may take longer than a request's other operations.
        """
        with unhurried(_REPORT_SECONDS):
            async with self.client.start_session(snapshot=True) as session:
                return await read(session)

    async def ensure(self, collections: Iterable[Collection]) -> None:
        """Create what is missing of the collections, their validators and indexes; change nothing else."""
        existing = {found["name"]: found["options"] async for found in await self.db.list_collections()}
        for declared in collections:
            if declared.name not in existing:
                await self._create(declared)
            # A change of the validator waits for every open transaction and stops all others: only when it is one.
            if declared.validator and existing.get(declared.name, {}).get("validator") != declared.validator:
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

    async def await_primary(self, *, seconds: float, on_wait: Callable[[str], None]) -> None:
        """Return once the primary answers; `on_wait` hears why not yet, after every look of a few seconds.

        Raises:
            DatabaseUnreachable: it did not within the time, or we may not come in.
        """
        began = time.monotonic()
        where = ", ".join(f"{host}:{port}" for host, port in self.client.topology_description.server_descriptions())
        while True:
            try:
                await self.ping()
            except OperationFailure as error:
                message = f"The database at {where} turned us away (code {error.code}). Correct MONGODB_URL."
                raise DatabaseUnreachable(message) from None
            except PyMongoError as error:
                why = f"No MongoDB primary answers at {where} ({type(error).__name__})."
                if time.monotonic() - began >= seconds:
                    way_out = "Start it, correct MONGODB_URL, or use `make run`, which brings a database along."
                    raise DatabaseUnreachable(f"{why} {way_out}") from None
                on_wait(why)
            else:
                return

    async def ping(self) -> None:
        """Ask the primary for a sign of life. Raises PyMongoError."""
        await self.db.command("ping")

    async def measure_disk(self) -> tuple[int, int]:
        """Return the bytes taken and the size of the disk under the primary; noughts where it does not tell."""
        facts = await self.db.command("dbStats")
        return int(facts.get("fsUsedSize", 0)), int(facts.get("fsTotalSize", 0))

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


def unhurried(seconds: float = 0) -> AbstractContextManager[None]:
    """Return a context whose operations have another bound than `operation_seconds`, all together; 0 means none."""
    return pymongo.timeout(seconds)


def refuse_inside_transaction() -> None:
    """Raise NetworkInsideTransaction when called within a transaction's work; every outgoing call asks first."""
    if _IN_TRANSACTION.get():
        message = "a call to the outside began inside a transaction"
        raise NetworkInsideTransaction(message)
