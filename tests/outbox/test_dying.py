"""A worker that is killed at any line: its item comes back with the same id, and has one effect (P1, P2)."""

import asyncio
import os
import subprocess
import sys
from datetime import timedelta

from app.outbox.models import job
from app.outbox.store import LEASE_SECONDS
from tests.house.sources import ROOT

BEFORE_THE_EFFECT = ("outbox.claim", "outbox.claimed", "outbox.handle")
BEFORE_THE_MARK = ("outbox.handled", "outbox.mark")
AFTER_THE_MARK = ("outbox.marked",)
KILLED = 137


async def worker(url, name, point):
    """Let a worker take one item, and die at this point; return how it ended."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.outbox.mortal", url, name),
        cwd=ROOT,
        env={**os.environ, "FAULT_POINT": point},
        stdout=subprocess.DEVNULL,
    )
    return await process.wait()


async def test_p1_p2_wherever_a_worker_dies_its_item_comes_back_with_the_same_id_and_has_one_effect(box, mongodb_url):
    points = (*BEFORE_THE_EFFECT, *BEFORE_THE_MARK, *AFTER_THE_MARK)
    await box.add(*(job("refund.send", f"ref_{number}") for number in range(len(points))))
    ids = {item["_id"] async for item in box.items.find({})}
    effects = box.database.collection("effects")
    try:
        ended = await asyncio.gather(*(worker(mongodb_url, box.database.name, point) for point in points))
        assert ended == [KILLED] * len(points)
        assert await effects.count_documents({}) == len(BEFORE_THE_MARK + AFTER_THE_MARK)
        assert await box.items.count_documents({"state": "done"}) == len(AFTER_THE_MARK)

        async def handle(item):
            await effects.update_one({"_id": item.id}, {"$inc": {"tries": 1}}, upsert=True)

        runner = box.runner(refund_send=handle)
        leased = [row async for row in box.items.find({"owner": {"$ne": None}})]
        assert len(leased) == len(points) - 1 - len(AFTER_THE_MARK)
        assert all(row["due_at"] - row["created_at"] >= timedelta(seconds=LEASE_SECONDS) for row in leased)
        # On a slow machine the first of the leases may end while the last worker still starts.
        ahead = {"$add": ["$$NOW", 3_600_000]}
        await box.items.update_many({"owner": {"$ne": None}}, [{"$set": {"due_at": ahead}}])
        # Only the one that died before its claim left an item free; the others' leases must run out first.
        assert await box.exhaust(runner) == 1
        await box.pass_time()
        await box.exhaust(runner)
        had = {effect["_id"]: effect["tries"] async for effect in effects.find({})}
        assert set(had) == ids
        assert sorted(had.values()) == [1] * len(BEFORE_THE_EFFECT + AFTER_THE_MARK) + [2] * len(BEFORE_THE_MARK)
        assert await box.items.count_documents({"state": "done"}) == len(ids)
    finally:
        await effects.drop()
