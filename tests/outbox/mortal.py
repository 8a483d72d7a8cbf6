"""A worker in a process of its own, which a test lets die: `python -m tests.outbox.mortal URL DATABASE`.

Its handler has one effect for each item, in a document of the item's id, and says so on standard output.
"""

import asyncio
import random
import sys

from app.database import Database
from app.kit.clock import SystemClock
from app.kit.ids import RandomIds
from app.outbox.models import Item, Lane
from app.outbox.runner import OutboxRunner
from app.outbox.store import OutboxStore


async def work(url: str, name: str) -> None:
    """Work on one item of the payments' lane."""
    database = Database.connect(url, name=name)

    async def handle(item: Item) -> None:
        effects = database.collection("effects")
        await effects.update_one({"_id": item.id}, {"$inc": {"tries": 1}}, upsert=True)

    runner = OutboxRunner(
        store=OutboxStore(database),
        handlers={"refund.send": handle},
        clock=SystemClock(),
        ids=RandomIds(),
        rng=random.Random(1),  # noqa: S311  jitter, no secret
        on_end=lambda _name, end: sys.stdout.write(f"{end}\n") and None,
    )
    if not await runner.run_next(Lane.PAYMENTS):
        sys.stdout.write("nothing\n")
    await database.close()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
