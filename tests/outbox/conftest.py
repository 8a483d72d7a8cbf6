"""An empty outbox on a real database for every test, with hands that move its times and read it raw."""

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from app.database import Database
from app.kit.clock import SystemClock
from app.kit.ids import RandomIds
from app.kit.scope import Mode, Scope
from app.outbox import leases
from app.outbox.handlers import EVERY_EVENT
from app.outbox.models import Item, Lane, NewItem, job
from app.outbox.runner import OutboxRunner
from app.outbox.service import Outbox
from app.outbox.store import COLLECTIONS, OutboxStore
from tests.clearing import clear

SHOP = Scope("mer_1", Mode.TEST)
NAMES = {"any_event": EVERY_EVENT}
OTHER = Scope("mer_2", Mode.TEST)


@dataclass(frozen=True, slots=True)
class Box:
    """The outbox, and what stands behind it."""

    outbox: Outbox
    ends: list[tuple[str, str]] = field(default_factory=list)

    @property
    def store(self) -> OutboxStore:
        return self.outbox.store

    @property
    def database(self) -> Database:
        return self.store.database

    @property
    def items(self) -> Any:
        return self.database.collection("outbox")

    async def add(self, *items: NewItem, scope: Scope = SHOP) -> None:
        """Write items in a transaction of their own."""
        await self.database.transaction(lambda session: self.outbox.add(scope, items, session=session))

    async def job(self, name: str = "refund.send", subject: str = "ref_1", *, scope: Scope = SHOP, **how: Any) -> Item:
        """Write one job and return it as it is kept."""
        new = job(name, subject, **how)
        await self.add(new, scope=scope)
        document = await self.items.find_one({"tenant": scope.tenant, "mode": scope.mode.value, "key": new.key})
        return await self.outbox.get_item(scope, document["_id"])

    async def stored(self, item: Item) -> Item:
        """Return an item as it is now."""
        return await self.outbox.get_item(item.scope, item.id)

    def runner(
        self, *, seed: int = 1, handler_seconds: float = 5, store: OutboxStore | None = None, **handlers: Any
    ) -> OutboxRunner:
        """Return a runner with these handlers (`refund_send` for `refund.send`, `any_event` for all events)."""
        return OutboxRunner(
            store=store or self.store,
            handlers={NAMES.get(name, name.replace("_", ".")): handler for name, handler in handlers.items()},
            clock=self.outbox.clock,
            ids=self.outbox.ids,
            rng=random.Random(seed),  # noqa: S311  jitter, no secret
            on_end=lambda name, end: self.ends.append((name, end)),
            handler_seconds=handler_seconds,
        )

    async def exhaust(self, runner: OutboxRunner, lane: Lane = Lane.PAYMENTS) -> int:
        """Work until nothing is due; return how many tries that took."""
        tries = 0
        while await runner.run_next(lane):
            tries += 1
        return tries

    async def pass_time(self, **past: float) -> None:
        """Let everything that waits have become due, and every lease have ended, this long ago."""
        past_ms = timedelta(**(past or {"seconds": 1})) // timedelta(milliseconds=1)
        await self.items.update_many({"state": "waiting"}, [{"$set": {"due_at": {"$subtract": ["$$NOW", past_ms]}}}])


@pytest.fixture(scope="session")
async def outbox_database(mongodb_url: str, database_name: str) -> AsyncIterator[Database]:
    database = Database.connect(mongodb_url, name=f"{database_name}-outbox")
    await database.ensure((*COLLECTIONS, *leases.COLLECTIONS))
    yield database
    await database.client.drop_database(database.name)
    await database.close()


@pytest.fixture
async def box(outbox_database: Database) -> Box:
    for declared in (*COLLECTIONS, *leases.COLLECTIONS):
        await clear(outbox_database.collection(declared.name))
    clock = SystemClock()
    return Box(Outbox(OutboxStore(outbox_database), clock, RandomIds(clock)))
