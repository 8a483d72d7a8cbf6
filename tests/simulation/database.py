"""A MongoDB in memory: the collections that the product's own stores write to, with unique keys and transactions.

Every command is a point where others come first, where the process may die, and where the answer may be lost. A
transaction reads its own snapshot and fails when somebody else wrote a document that it writes, as WiredTiger's do. The
log keeps every committed change in order: it is the change stream that the invariants are held against.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, TypeVar

from pymongo import ReturnDocument
from pymongo.errors import AutoReconnect, PyMongoError

from app.database import _IN_TRANSACTION, Collection, Index
from tests.simulation.cursor import Cursor, totals_of
from tests.simulation.documents import Query, Rows, born, chosen, updated
from tests.simulation.expressions import ABSENT, Document, NotSpoken, field_of
from tests.simulation.keys import UniqueIndex, conflict, duplicate
from tests.simulation.loop import pause
from tests.simulation.trouble import Trouble

T = TypeVar("T")

_TRIES = 40


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change of one document; changes of one transaction have the same number."""

    number: int
    at: datetime
    collection: str
    before: Document | None
    after: Document | None


@dataclass(slots=True)
class Database:
    """Stands where `app.database.Database` stands; `without` names unique indexes that a mutant forgot."""

    now: Callable[[], datetime]
    declared: Iterable[Collection]
    trouble: Trouble = field(default_factory=Trouble)
    without: frozenset[str] = frozenset()
    on_commit: Callable[[str], None] = lambda _: None
    tables: dict[str, dict[Any, Document]] = field(default_factory=dict)
    uniques: dict[str, list[UniqueIndex]] = field(default_factory=dict)
    log: list[Change] = field(default_factory=list)
    commits: int = 0

    def __post_init__(self) -> None:
        for collection in self.declared:
            self.tables[collection.name] = {}
            self.uniques[collection.name] = [
                UniqueIndex(index) for index in collection.indexes if index.unique and index.name not in self.without
            ]

    def collection(self, name: str) -> "Commands":
        """Return the commands of one collection."""
        return Commands(self, name)

    async def transaction(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Run the work until it commits; an error that is not a lost race ends it, as the driver does."""
        for _ in range(_TRIES):
            session = Transaction(self)
            try:
                return await self._attempt(session, work)
            except PyMongoError as error:
                if not error.has_error_label("TransientTransactionError"):
                    raise
        raise conflict()

    async def _attempt(self, session: "Transaction", work: Callable[[Any], Awaitable[T]]) -> T:
        _IN_TRANSACTION.set(True)
        try:
            result = await work(session)
            await pause()
        finally:
            _IN_TRANSACTION.set(False)
        if self.trouble.loses_command():
            message = "the commit never arrived"
            raise AutoReconnect(message)
        session.commit()
        if self.trouble.loses_answer():
            message = "the commit was never confirmed"
            raise AutoReconnect(message)
        return result

    def rows(self, name: str) -> Rows:
        """Return the documents of a collection as they are committed."""
        return self.tables[name]

    def put(self, name: str, identity: Any, document: Document | None) -> None:
        """Write one document outside any transaction. Raises DuplicateKeyError."""
        for index in self.uniques[name]:
            key = index.key_of(document, self.now())
            if key is not None and index.held.get(key, identity) != identity:
                raise duplicate(index.declared)
        self.commits += 1
        self._apply(name, identity, document)
        self.on_commit(name)

    def apply_all(self, writes: Mapping[tuple[str, Any], Document | None]) -> None:
        """Commit the writes of a transaction together. Raises a write conflict when a key was taken meanwhile."""
        for (name, identity), document in writes.items():
            for index in self.uniques[name]:
                key = index.key_of(document, self.now())
                holder = index.held.get(key, identity) if key is not None else identity
                if holder != identity and (name, holder) not in writes:
                    raise conflict()
        self.commits += 1
        for (name, identity), document in writes.items():
            self._apply(name, identity, document)
        for name in dict.fromkeys(name for name, _ in writes):
            self.on_commit(name)

    def _apply(self, name: str, identity: Any, document: Document | None) -> None:
        table = self.tables[name]
        before = table.get(identity)
        now = self.now()
        for index in self.uniques[name]:
            old, new = index.key_of(before, now), index.key_of(document, now)
            if old is not None and old != new and index.held.get(old) == identity:
                del index.held[old]
            if new is not None:
                index.held[new] = identity
        if document is None:
            table.pop(identity, None)
        else:
            table[identity] = document
        self.log.append(Change(self.commits, now, name, before, document))


@dataclass(slots=True)
class Transaction:
    """One try of a transaction: a snapshot, and what it wrote so far. It also plays the driver's session."""

    database: Database
    snapshot: dict[str, dict[Any, Document]] | None = None
    writes: dict[tuple[str, Any], Document | None] = field(default_factory=dict)

    def rows(self, name: str) -> Rows:
        """Return the snapshot's documents with this transaction's own writes on them."""
        return self._view()[name]

    def put(self, name: str, identity: Any, document: Document | None) -> None:
        """Write within the transaction. Raises DuplicateKeyError, or a write conflict when somebody was faster."""
        view = self._view()
        base = self.database.tables[name].get(identity)
        if (name, identity) not in self.writes and base is not view[name].get(identity):
            raise conflict()
        for index in self.database.uniques[name]:
            self._refuse_twin(index, name, identity, document)
        self.writes[name, identity] = document
        if document is None:
            view[name].pop(identity, None)
        else:
            view[name][identity] = document
        self._bases.setdefault((name, identity), base)

    def _refuse_twin(self, index: UniqueIndex, name: str, identity: Any, document: Document | None) -> None:
        now = self.database.now()
        key = index.key_of(document, now)
        if key is None:
            return
        mine = ((other, row) for (table, other), row in self.writes.items() if table == name and other != identity)
        if any(index.key_of(row, now) == key for _, row in mine):
            raise duplicate(index.declared)
        holder = index.held.get(key, identity)
        if holder == identity or (name, holder) in self.writes:
            return
        # Only a twin in the snapshot is a duplicate; one that came later is a race that was lost.
        raise duplicate(index.declared) if index.key_of(self._view()[name].get(holder), now) == key else conflict()

    def commit(self) -> None:
        """Make the writes visible, all at once. Raises a write conflict when somebody was faster."""
        for (name, identity), base in self._bases.items():
            if self.database.tables[name].get(identity) is not base:
                raise conflict()
        if self.writes:
            self.database.apply_all(self.writes)

    _bases: dict[tuple[str, Any], Document | None] = field(default_factory=dict)

    def _view(self) -> dict[str, dict[Any, Document]]:
        if self.snapshot is None:
            self.snapshot = {name: dict(table) for name, table in self.database.tables.items()}
        return self.snapshot


@dataclass(frozen=True, slots=True)
class Commands:
    """The driver's commands on one collection, as far as the product uses them."""

    database: Database
    name: str

    async def find_one(
        self,
        query: Query | Any = None,
        projection: Any = None,
        *,
        sort: Sequence[tuple[str, int]] = (),
        session: Transaction | None = None,
    ) -> Document | None:
        """Return the first match."""
        view = await self._reach(session)
        return next(iter(chosen(view.rows(self.name), _filter(query), self.database.now(), sort=sort)), None)

    def find(self, query: Query | None = None, projection: Any = None, **options: Any) -> Cursor:
        """Return a cursor over the matches."""
        return Cursor(self, query or {}, **options)

    async def count_documents(self, query: Query, *, session: Transaction | None = None, **_: Any) -> int:
        """Count the matches."""
        view = await self._reach(session)
        return len(chosen(view.rows(self.name), query, self.database.now()))

    async def distinct(self, key: str, query: Query | None = None, *, session: Transaction | None = None) -> list[Any]:
        """Return each value of a field once."""
        view = await self._reach(session)
        rows = chosen(view.rows(self.name), query or {}, self.database.now())
        found = (field_of(row, key.split(".")) for row in rows)
        return list(dict.fromkeys(value for value in found if value is not ABSENT))

    async def aggregate(self, pipeline: Sequence[Document], *, session: Transaction | None = None, **_: Any) -> Cursor:
        """Return a cursor over the totals of the matches: all of them in one group, of sums."""
        match, group = pipeline
        if match.keys() != {"$match"} or group.keys() != {"$group"} or group["$group"]["_id"] is not None:
            raise NotSpoken(str(pipeline))
        return Cursor(self, match["$match"], session, totals=group["$group"])

    async def insert_one(self, document: Document, *, session: Transaction | None = None) -> Any:
        """Insert a document. Raises DuplicateKeyError."""
        view = await self._reach(session)
        self._insert(view, document)
        self._answer(session)
        return SimpleNamespace(inserted_id=document["_id"])

    async def insert_many(self, documents: Iterable[Document], *, session: Transaction | None = None, **_: Any) -> Any:
        """Insert documents one by one."""
        view = await self._reach(session)
        for document in documents:
            self._insert(view, document)
        self._answer(session)

    async def update_one(
        self, query: Query, update: Any, *, upsert: bool = False, session: Transaction | None = None, **_: Any
    ) -> Any:
        """Update the first match."""
        view = await self._reach(session)
        found, after = self._update(view, query, update, upsert=upsert)
        self._answer(session)
        upserted = after["_id"] if found is None and after is not None else None
        count = int(found is not None)
        return SimpleNamespace(matched_count=count, modified_count=count, upserted_id=upserted)

    async def update_many(self, query: Query, update: Any, *, session: Transaction | None = None, **_: Any) -> Any:
        """Update every match."""
        view = await self._reach(session)
        found = chosen(view.rows(self.name), query, self.database.now())
        for row in found:
            self._put(view, row, updated(row, update, now=self.database.now()))
        self._answer(session)
        return SimpleNamespace(matched_count=len(found), modified_count=len(found))

    async def find_one_and_update(
        self,
        query: Query,
        update: Any,
        *,
        sort: Sequence[tuple[str, int]] = (),
        upsert: bool = False,
        return_document: bool = ReturnDocument.BEFORE,
        session: Transaction | None = None,
        **_: Any,
    ) -> Document | None:
        """Update the first match and return it, as it was or as it is."""
        view = await self._reach(session)
        found, after = self._update(view, query, update, upsert=upsert, sort=sort)
        self._answer(session)
        return after if return_document is ReturnDocument.AFTER else found

    async def delete_one(self, query: Query, *, session: Transaction | None = None) -> Any:
        """Remove the first match."""
        view = await self._reach(session)
        found = chosen(view.rows(self.name), query, self.database.now())[:1]
        for row in found:
            view.put(self.name, row["_id"], None)
        self._answer(session)
        return SimpleNamespace(deleted_count=len(found))

    async def bulk_write(self, requests: Iterable[Any], *, session: Transaction | None = None, **_: Any) -> Any:
        """Carry out updates and inserts one by one."""
        view = await self._reach(session)
        for request in requests:
            if hasattr(request, "_upsert"):
                self._update(view, request._filter, request._doc, upsert=bool(request._upsert))
            elif hasattr(request, "_doc") and not hasattr(request, "_filter"):
                self._insert(view, request._doc)
            else:
                raise NotSpoken(type(request).__name__)
        self._answer(session)
        return SimpleNamespace()

    async def read(self, query: Query, cursor: Cursor, session: Transaction | None) -> list[Document]:
        """Return what a cursor walks over."""
        view = await self._reach(session)
        rows = chosen(view.rows(self.name), query, self.database.now(), sort=cursor.order)[cursor.skipped :]
        if cursor.totals is not None:
            return totals_of(rows, cursor.totals, self.database.now())
        return rows[: cursor.most] if cursor.most else rows

    async def _reach(self, session: Transaction | None) -> Database | Transaction:
        """Wait for one's turn, and perhaps never get there."""
        await pause()
        if session is not None:
            return session
        if self.database.trouble.loses_command():
            message = "the command never arrived"
            raise AutoReconnect(message)
        return self.database

    def _answer(self, session: Transaction | None) -> None:
        if session is None and self.database.trouble.loses_answer():
            message = "the write was never confirmed"
            raise AutoReconnect(message)

    def _insert(self, view: Database | Transaction, document: Document) -> None:
        if document["_id"] in view.rows(self.name):
            raise duplicate(Index("_id_", [("_id", 1)]))
        view.put(self.name, document["_id"], dict(document))

    def _put(self, view: Database | Transaction, before: Document, after: Document) -> None:
        # An update that changes nothing writes nothing, and so loses no race.
        if after != before:
            view.put(self.name, before["_id"], after)

    def _update(
        self,
        view: Database | Transaction,
        query: Query,
        update: Any,
        *,
        upsert: bool,
        sort: Sequence[tuple[str, int]] = (),
    ) -> tuple[Document | None, Document | None]:
        now = self.database.now()
        found = next(iter(chosen(view.rows(self.name), query, now, sort=sort)), None)
        if found is not None:
            after = updated(found, update, now=now)
            self._put(view, found, after)
            return found, after
        if not upsert:
            return None, None
        after = updated(born(query), update, now=now, is_new=True)
        after.setdefault("_id", f"made-{self.database.commits}-{len(view.rows(self.name))}")
        self._insert(view, after)
        return None, after


def _filter(query: Any) -> Query:
    if query is None:
        return {}
    return query if isinstance(query, Mapping) else {"_id": query}
