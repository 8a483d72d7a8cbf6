"""Offering work to a broker that loses, repeats or refuses: every item is worked on, by one at a time (R1, P5)."""

import asyncio
import contextlib
import random

import pytest
from pymongo.errors import AutoReconnect

from app.kit.clock import MovableClock
from app.outbox.dispatch import BrokerLost, Dispatcher
from app.outbox.drain import Drain
from app.outbox.models import ItemState, Lane, job
from app.outbox.store import OFFERED, OutboxStore
from app.outbox.wake import Wake
from tests.logs import captured_logs
from tests.outbox.conftest import OTHER, SHOP

LANE = Lane.PAYMENTS


class Pipe:
    """A broker in memory that may be down, and may lose what it is given."""

    def __init__(self):
        self.messages = {lane: asyncio.Queue() for lane in Lane}
        self.sent, self.is_down, self.is_closed = [], False, False

    async def publish(self, lane, item_id):
        if self.is_down:
            raise BrokerLost
        self.sent.append(item_id)
        await self.messages[lane].put(item_id)

    async def consume(self, lane, on_message, *, width, stopping):
        while not stopping.is_set():
            if self.is_down:
                raise BrokerLost
            with contextlib.suppress(TimeoutError):
                await on_message(await asyncio.wait_for(self.messages[lane].get(), timeout=0.05))

    async def close(self):
        self.is_closed = True


@pytest.fixture
def pipe():
    return Pipe()


def dispatcher_of(box, pipe, *, store=None, clock=None, **how):
    async def work(item):
        done.append(item)

    done = []
    runner = box.runner(refund_send=work, store=store or box.store)
    dispatcher = Dispatcher(runner, Wake(box.store), pipe, clock or MovableClock(), **how)
    return dispatcher, done


async def test_what_is_due_is_offered_once_and_leased_to_nobody(box, pipe):
    items = [await box.job(subject=f"ref_{number}") for number in range(3)]
    dispatcher, _ = dispatcher_of(box, pipe)
    assert await dispatcher.claim_next(LANE) is None
    assert pipe.sent == [item.id for item in items]
    assert await dispatcher.claim_next(LANE) is None
    assert len(pipe.sent) == 3
    offered = await box.stored(items[0])
    assert (offered.attempts, offered.fence, offered.state) == (0, 0, ItemState.WAITING)


async def test_whoever_gets_the_message_first_claims_the_item_and_a_repeated_message_does_nothing(box, pipe):
    item = await box.job()
    dispatcher, done = dispatcher_of(box, pipe)
    await dispatcher.claim_next(LANE)
    await asyncio.gather(*(dispatcher._work(LANE, item.id) for _ in range(6)))
    await dispatcher._work(LANE, "job_nowhere")
    assert [one.id for one in done] == [item.id]
    assert (await box.stored(item)).state is ItemState.DONE


async def test_r1_an_item_whose_message_was_lost_is_worked_on_here_and_not_offered_for_ever(box, pipe):
    item = await box.job()
    dispatcher, _ = dispatcher_of(box, pipe, store=OutboxStore(box.database, offer_seconds=0))
    # Nobody fetches it, and the offer is over at once.
    claimed = await dispatcher.claim_next(LANE)
    assert pipe.sent == [item.id]
    assert claimed.owner != OFFERED
    assert (claimed.item.id, claimed.item.attempts, claimed.item.fence) == (item.id, 1, 1)
    await dispatcher.runner.run(claimed)
    assert (await box.stored(item)).state is ItemState.DONE


async def test_r1_without_a_broker_everything_is_worked_on_here_until_it_is_tried_again(box, pipe):
    clock = MovableClock()
    for number in range(3):
        await box.job(subject=f"ref_{number}")
    dispatcher, _ = dispatcher_of(box, pipe, clock=clock, rest_seconds=5)
    pipe.is_down = True
    with captured_logs() as logs:
        claimed = [await dispatcher.claim_next(LANE) for _ in range(3)]
    assert all(one is not None and one.owner != OFFERED for one in claimed)
    assert [line["event"] for line in logs] == ["outbox_broker_lost"]  # the others were not even offered
    pipe.is_down = False
    await box.job(subject="ref_late")
    assert (await dispatcher.claim_next(LANE)).item.subject == "ref_late"
    clock.advance(seconds=5)
    await box.job(subject="ref_later")
    assert await dispatcher.claim_next(LANE) is None
    assert len(pipe.sent) == 1


async def test_r1_a_message_that_was_said_to_be_lost_and_arrives_makes_no_second_claim(box, pipe):
    item = await box.job()
    dispatcher, done = dispatcher_of(box, pipe)
    pipe.is_down = True
    claimed = await dispatcher.claim_next(LANE)
    await dispatcher._work(LANE, item.id)
    assert done == []
    await dispatcher.runner.run(claimed)
    assert len(done) == 1


async def test_p5_a_broker_without_turns_gets_no_more_than_it_can_pass_on(box, pipe):
    await box.add(*(job("refund.send", f"ref_a{number}") for number in range(30)))
    dispatcher, done = dispatcher_of(box, pipe, window=4)
    assert await dispatcher.claim_next(LANE) is None
    assert len(pipe.sent) == 4
    late = await box.job(subject="ref_b", scope=OTHER)
    for item_id in pipe.sent[:2]:
        await dispatcher._work(LANE, item_id)
    assert await dispatcher.claim_next(LANE) is None
    # Two were fetched, so two more are offered, and the other merchant's is one of them.
    assert len(pipe.sent) == 6
    assert late.id in pipe.sent
    assert {item.scope for item in done} == {SHOP}


async def test_a_fetched_item_makes_room_and_wakes_the_lane(box, pipe):
    item = await box.job()
    dispatcher, _ = dispatcher_of(box, pipe)
    await dispatcher.claim_next(LANE)
    await dispatcher._work(LANE, item.id)
    assert dispatcher.wake._bells[LANE].is_set()


@pytest.mark.parametrize("trouble", [AutoReconnect("a secret"), ValueError("a secret")])
async def test_trouble_with_one_message_reaches_nobody(box, pipe, trouble):
    class Troubled:
        async def claim_item(self, item_id):
            raise trouble

    dispatcher = Dispatcher(Troubled(), Wake(box.store), pipe, MovableClock())
    with captured_logs() as logs:
        await dispatcher._work(LANE, "job_1")
    assert [line["event"] for line in logs] in (["worker_database_trouble"], ["worker_defect"])


async def test_r1_a_whole_worker_goes_on_through_a_broker_that_comes_and_goes(box, pipe):
    dispatcher, done = dispatcher_of(
        box, pipe, store=OutboxStore(box.database, offer_seconds=0.3), clock=box.outbox.clock, rest_seconds=0.05
    )
    stopping, rng = asyncio.Event(), random.Random(5)  # noqa: S311  jitter, no secret
    drain = Drain(dispatcher.runner, dispatcher.wake, dispatcher=dispatcher)
    with captured_logs():
        async with asyncio.TaskGroup() as group, asyncio.timeout(30):
            group.create_task(drain.work_until(stopping, idle_seconds=0.05))
            for number in range(20):
                pipe.is_down = rng.random() < 0.5
                await box.add(*(job("refund.send", f"ref_{number}{letter}") for letter in "abc"))
                if rng.random() < 0.3:
                    while not pipe.messages[LANE].empty():
                        pipe.messages[LANE].get_nowait()
                await asyncio.sleep(0.02)
            while await box.items.count_documents({"state": "waiting"}):
                await asyncio.sleep(0.02)
            stopping.set()
    assert pipe.is_closed
    assert len(done) == len({item.id for item in done}) == 60
