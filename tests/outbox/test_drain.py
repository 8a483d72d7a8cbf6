"""The worker's lanes: woken by the change stream, by polling when it is broken; they share nothing and stop cleanly."""

import asyncio
import contextlib
import itertools
import time

import pytest
from pymongo.errors import AutoReconnect

from app.outbox.drain import WIDTHS, Drain
from app.outbox.models import ItemState, Lane, job
from app.outbox.store import OutboxStore
from app.outbox.wake import Wake
from tests.logs import captured_logs

HOUR = 3600


@contextlib.asynccontextmanager
async def draining(box, runner, *, wake=None, idle_seconds=HOUR):
    """Let the lanes work until the block ends."""
    stopping = asyncio.Event()
    drain = Drain(runner, wake or Wake(box.store))
    async with asyncio.TaskGroup() as group:
        group.create_task(drain.work_until(stopping, idle_seconds=idle_seconds))
        try:
            async with asyncio.timeout(20):
                yield stopping
        finally:
            stopping.set()


async def until_done(box, number):
    while await box.items.count_documents({"state": "done"}) < number:
        await asyncio.sleep(0.005)


class Deaf(OutboxStore):
    """A store whose change stream ends without a word, as of a dropped collection, or breaks, again and again."""

    ends = itertools.cycle([None, AutoReconnect("a secret")])

    async def watch_waiting(self):
        end = next(self.ends)
        if end is not None:
            raise end
        for nothing in ():
            yield nothing


async def listening(box, wake, lane=Lane.PAYMENTS):
    """Write items until one rings, so that the stream is known to be open."""
    for number in range(200):
        await box.job("ping.send", f"x_{number}", lane=lane)
        rang = asyncio.get_running_loop().time()
        await wake.rest(lane, 0.1)
        if asyncio.get_running_loop().time() - rang < 0.1:
            return
    pytest.fail("the stream did not open")


async def test_the_stream_rings_for_what_is_written_and_replayed(box):
    wake = Wake(box.store)
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(wake.watch())
        await listening(box, wake)
        item = await box.job()
        await wake.rest(Lane.PAYMENTS, 5)
        claimed = await box.store.claim_item(item.id, owner="lse_1")
        await box.store.finish_item(item.scope, claimed, ItemState.PARKED, at=item.created_at)
        while not wake._bells[Lane.BULK].is_set():
            # Which lane a replay is of, the stream does not tell: it rings for all of them.
            with contextlib.suppress(Exception):
                await box.outbox.replay_item(item.scope, item.id)
            await asyncio.sleep(0.01)
        watching.cancel()


async def test_a_ring_while_nobody_rests_is_kept_for_the_next(box):
    wake = Wake(box.store)
    wake.ring(Lane.BULK)
    started = time.monotonic()
    await wake.rest(Lane.BULK, HOUR)
    assert time.monotonic() - started < 5
    await wake.rest(Lane.BULK, 0.01)


async def test_new_work_wakes_a_lane_that_would_have_rested_for_an_hour(box):
    seen, woken = set(), 0

    async def work(item):
        seen.add(item.id)

    async with draining(box, box.runner(refund_send=work)):
        while woken < 3:
            # Before it rests it looks once more, which needs no ring; and the stream may not be open yet.
            await asyncio.sleep(0.1)
            item = await box.job()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    while item.id not in seen:
                        await asyncio.sleep(0.005)
                    woken += 1


async def test_r1_without_the_stream_polling_does_everything(box):
    async def work(item):
        pass

    deaf = Wake(Deaf(box.database), reopen_seconds=0.01)
    with captured_logs() as logs:
        async with draining(box, box.runner(refund_send=work), wake=deaf, idle_seconds=0.02):
            await box.add(*(job("refund.send", f"ref_{number}") for number in range(30)))
            await until_done(box, 30)
    assert {line["event"] for line in logs} == {"outbox_stream_broken"}
    assert "a secret" not in str(logs)


async def test_lanes_work_side_by_side_up_to_their_width_and_do_not_wait_for_each_other(box):
    busy, most = dict.fromkeys(Lane, 0), dict.fromkeys(Lane, 0)
    free = asyncio.Event()

    async def held(item):
        busy[item.lane] += 1
        most[item.lane] = max(most[item.lane], busy[item.lane])
        if item.lane is not Lane.PAYMENTS:
            await free.wait()
        busy[item.lane] -= 1

    for lane in Lane:
        await box.add(*(job("refund.send", f"ref_{lane}{number}", lane=lane) for number in range(20)))
    async with draining(box, box.runner(refund_send=held)):
        await until_done(box, 20)
        while most[Lane.WEBHOOKS] < WIDTHS[Lane.WEBHOOKS] or most[Lane.BULK] < WIDTHS[Lane.BULK]:
            await asyncio.sleep(0.005)
        free.set()
        await until_done(box, 60)
    assert (most[Lane.WEBHOOKS], most[Lane.BULK]) == (8, 2)
    assert most[Lane.PAYMENTS] <= 8


async def test_stopping_lets_what_is_under_way_end_and_starts_no_more(box):
    begun, free = [], asyncio.Event()

    async def slow(item):
        begun.append(item)
        await free.wait()

    await box.add(*(job("refund.send", f"ref_{number}") for number in range(30)))
    async with draining(box, box.runner(refund_send=slow)) as stopping:
        while len(begun) < WIDTHS[Lane.PAYMENTS]:
            await asyncio.sleep(0.005)
        stopping.set()
        await asyncio.sleep(0.05)
        free.set()
    assert len(begun) == await box.items.count_documents({"state": "done"}) == WIDTHS[Lane.PAYMENTS]


async def test_trouble_around_an_item_ends_no_lane(box):
    class Troubled:
        """A runner whose first claims and first pieces of work go wrong."""

        def __init__(self, runner):
            self.runner = runner
            self.claims = [AutoReconnect("a secret"), ValueError("a secret")]
            self.runs = [AutoReconnect("a secret"), ValueError("a secret")]

        async def claim_next(self, lane):
            if lane is Lane.PAYMENTS and self.claims:
                raise self.claims.pop()
            return await self.runner.claim_next(lane)

        async def run(self, claimed):
            if self.runs:
                raise self.runs.pop()
            await self.runner.run(claimed)

    async def work(item):
        pass

    await box.add(*(job("refund.send", f"ref_{number}") for number in range(5)))
    with captured_logs() as logs:
        async with draining(box, Troubled(box.runner(refund_send=work)), idle_seconds=0.02):
            await until_done(box, 3)
            await box.pass_time()
            await until_done(box, 5)
    events = [line["event"] for line in logs]
    assert sorted(events) == ["worker_database_trouble", "worker_database_trouble", "worker_defect", "worker_defect"]
