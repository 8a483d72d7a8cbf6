"""The restore drill: a database full of money is saved, brought back elsewhere, and checked (G12)."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.backups.checking import Verdict
from app.backups.manifest import LEFT_OUT, Manifest
from app.backups.service import How
from app.database import Database
from app.ledger.balances import Balances
from app.local.seed_payments import Seeding, seed_payments
from app.wiring import Wiring, wire
from tests.stepped import Stepped
from tests.world import new_key

Say = Callable[[str], object]
_MOVED = {*LEFT_OUT, "sweeps", "migrations"}
"""What is not to be the same afterwards."""


@dataclass(frozen=True, slots=True)
class Drill:
    """What a drill came to; seconds by step."""

    payments: int
    manifest: Manifest
    seconds: Mapping[str, float]
    verdict: Verdict
    balances_before: Balances
    balances_after: Balances
    differing: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return self.verdict.holds and self.balances_before == self.balances_after and not self.differing


async def drill(shop: Stepped, *, url: str, name: str, count: int, folder: Path, say: Say) -> Drill:
    """Take real payments, add so many made-up ones, save, restore into another database, compare and check.

    The time of the checks is that of the restore command's own.
    """
    seconds: dict[str, float] = {}
    with timed(seconds, "seed"):
        await real_payments(shop)
        await fill(shop, count, say=say)
    with timed(seconds, "backup"):
        written = await shop.wiring.backups.create_backup(folder, keep=None, say=say)
    marks: list[float] = []
    with timed(seconds, "restore and checks"):
        async with wired(shop.wiring, url=url, name=name) as other:

            async def start() -> None:
                await other.start()
                marks.append(time.perf_counter())

            verdict = await other.backups.restore_backup(written.folder, how=How(), start=start, say=say)
            seconds["checks"] = time.perf_counter() - marks[0]
            after = await other.ledger.get_balances(shop.merchant.scope)
            differing = await compared(shop.wiring.database, other.database)
    before = await shop.wiring.ledger.get_balances(shop.merchant.scope)
    seconds["restore"] = seconds.pop("restore and checks") - seconds["checks"]
    payments = await shop.wiring.database.collection("payments").count_documents({})
    return Drill(payments, written.manifest, seconds, verdict, before, after, tuple(differing))


async def real_payments(shop: Stepped) -> None:
    """Let money take every way it can: captured, refunded, authorised, failed, in suspense, open."""
    for amount in (None, None, 20_000, 50_000):
        payment = (await shop.create()).data
        await shop.verify(payment, await shop.pay(payment))
        if amount is not None:
            path = f"/api/v1/payments/{payment['id']}/refunds"
            answer = await shop.merchant.ask("POST", path, {"amount": amount}, key=new_key())
            assert answer.status in {200, 201, 202}, answer.body
    cancelled = (await shop.create()).data
    await shop.merchant.ask("POST", f"/api/v1/payments/{cancelled['id']}/cancel")
    await shop.pay(cancelled)
    await shop.merchant.ask("POST", f"/api/v1/payments/{cancelled['id']}/recheck")
    failed = (await shop.create()).data
    await shop.pay(failed, outcome="failure")
    await shop.merchant.ask("POST", f"/api/v1/payments/{failed['id']}/recheck")
    held = (await shop.create(capture_method="manual")).data
    await shop.verify(held, await shop.pay(held))
    await shop.create(reference="an open order")
    await shop.drain(after_delays=True)


async def fill(shop: Stepped, count: int, *, say: Say = lambda line: None) -> None:
    """Add made-up payments with their books."""
    until = shop.clock.now()
    asked = Seeding(scope=shop.merchant.scope, count=count, days=30, until=until, with_books=True)
    await seed_payments(shop.wiring, asked, say=say)


@asynccontextmanager
async def wired(like: Wiring, *, url: str, name: str) -> AsyncIterator[Wiring]:
    """Join the product on another database, which is gone afterwards."""
    settings = like.settings.model_copy(update={"mongodb_url": url, "database_name": name})
    wiring = wire(settings, clock=like.clock)
    try:
        yield wiring
    finally:
        await wiring.database.client.drop_database(name)
        await wiring.close()


async def compared(one: Database, other: Database) -> list[str]:
    """Return the collections in which two databases differ: documents, options or indexes."""
    names = {*await one.db.list_collection_names(), *await other.db.list_collection_names()}
    differing = []
    for name in sorted(names):
        if await shape(one, name) != await shape(other, name):
            differing.append(f"{name}: options or indexes")
        elif name not in _MOVED and await digest(one, name) != await digest(other, name):
            differing.append(f"{name}: documents")
    return differing


async def shape(database: Database, name: str) -> Any:
    listed = [found["options"] async for found in await database.db.list_collections(filter={"name": name})]
    return listed, await database.collection(name).index_information()


async def digest(database: Database, name: str) -> Any:
    """Return what the server itself makes of all documents of a collection."""
    return (await database.db.command("dbHash", collections=[name]))["collections"]


class timed:  # noqa: N801  it reads as a word
    """Note how long a block takes."""

    def __init__(self, seconds: dict[str, float], name: str) -> None:
        self.seconds, self.name = seconds, name

    def __enter__(self) -> None:
        self.began = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds[self.name] = time.perf_counter() - self.began
