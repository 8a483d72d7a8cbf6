"""The outbox through real brokers: the same jobs on both, and a broker that vanishes or forgets loses nothing (R1)."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field

import pytest

from app.outbox.dispatch import BrokerLost, Dispatcher
from app.outbox.drain import Drain
from app.outbox.models import Lane, job
from app.outbox.store import OFFERED, OutboxStore
from app.outbox.taskiq_broker import TaskiqBroker
from app.outbox.wake import Wake
from tests.logs import captured_logs
from tests.outbox.brokers import RabbitMQ, Redis
from tests.outbox.conftest import OTHER, SHOP


@dataclass(slots=True)
class Watched:
    """A broker, and what went through it."""

    broker: TaskiqBroker
    published: list[str] = field(default_factory=list)
    received: list[str] = field(default_factory=list)

    async def publish(self, lane, item_id):
        await self.broker.publish(lane, item_id)
        self.published.append(item_id)

    async def consume(self, lane, on_message, *, width, stopping):
        async def note(item_id):
            self.received.append(item_id)
            await on_message(item_id)

        await self.broker.consume(lane, note, width=width, stopping=stopping)

    async def close(self):
        await self.broker.close()


@dataclass(slots=True)
class Run:
    """A worker on a broker, its handler's effects, and a gate at which the handler waits."""

    box: object
    watched: Watched
    effects: dict[str, int] = field(default_factory=dict)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    written: int = 0

    async def handle(self, item):
        await self.gate.wait()
        self.effects[item.id] = self.effects.get(item.id, 0) + 1

    async def write(self, number):
        """Write jobs of two merchants."""
        for scope in (SHOP, OTHER):
            subjects = range(self.written, self.written + number // 2)
            await self.box.add(*(job("refund.send", f"ref_{subject}") for subject in subjects), scope=scope)
        self.written += number // 2

    async def write_until_carried(self):
        """Write jobs until one comes back that was sent: a broker that has just begun may not take the first ones."""
        sent_before = len(self.watched.published)
        async with asyncio.timeout(120):
            while set(self.watched.received).isdisjoint(self.watched.published[sent_before:]):
                await self.write(2)
                await self.all_done()

    async def lapse(self):
        """Let every offer be over that nobody has fetched, as after a while it is."""
        await self.box.items.update_many({"owner": OFFERED}, [{"$set": {"due_at": "$$NOW"}}])

    async def all_done(self):
        async with asyncio.timeout(60):
            while await self.box.items.count_documents({"state": {"$ne": "done"}}):
                await asyncio.sleep(0.02)

    async def write_and_send(self, number, *, at_least):
        """Write jobs, and wait until so many of them were sent."""
        sent_before = len(self.watched.published)
        await self.write(number)
        async with asyncio.timeout(30):
            while len(self.watched.published) - sent_before < at_least:
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(box, url):
    """Let a worker drain the outbox through the broker until the block ends."""
    run = Run(box, Watched(TaskiqBroker.of(url)))
    # No offer ends by itself, however long a slow machine takes to send the others.
    store = OutboxStore(box.database, offer_seconds=600)
    runner = box.runner(refund_send=run.handle, handler_seconds=60, store=store)
    wake = Wake(store)
    drain = Drain(runner, wake, dispatcher=Dispatcher(runner, wake, run.watched, box.outbox.clock, rest_seconds=2))
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(drain.work_until(stopping, idle_seconds=0.1))
        try:
            yield run
        finally:
            run.gate.set()
            stopping.set()


@pytest.fixture(params=[Redis, RabbitMQ])
async def server(request, tmp_path):
    broker = request.param(tmp_path)
    if not broker.is_installed():
        pytest.skip(f"{broker.PROGRAM} is not installed")
    broker.start()
    try:
        await broker.is_up()
        yield broker
    finally:
        broker.kill()


async def test_r1_p2_the_same_jobs_run_on_both_brokers_and_one_that_forgets_or_dies_loses_and_doubles_nothing(
    server, box
):
    with captured_logs() as logs:
        async with running(box, server.url) as run:
            run.gate.set()
            await run.write_until_carried()
            before = len(run.watched.received)
            await run.write(40)
            await run.all_done()
            carried = set(run.watched.received[before:])
            assert len(carried) > 20
            assert carried <= set(run.effects)

            # Flushed: what waits in the broker while every handler is busy is forgotten.
            run.gate.clear()
            await run.write_and_send(60, at_least=50)
            forgotten = await server.flush()
            assert forgotten
            for message in forgotten:
                sent = json.loads(message)
                assert (sent["args"], sent["kwargs"], sent["labels"]) == ([sent["task_id"]], {}, {})
            run.gate.set()
            await run.lapse()
            await run.all_done()

            # Killed: what waits is gone, and what is written meanwhile can't be sent.
            run.gate.clear()
            await run.write_and_send(60, at_least=50)
            server.kill()
            await run.write(20)
            run.gate.set()
            await run.lapse()
            await run.all_done()

            # Back again, and used again.
            server.start()
            await server.is_up()
            await run.write_until_carried()
    assert len(run.effects) == await box.items.count_documents({}) >= 180
    # Nothing was even tried twice: no lease ran out, so whoever claimed an item was the only one.
    assert set(run.effects.values()) == {1}
    assert {line["event"] for line in logs} == {"outbox_broker_lost"}


async def test_n4_a_message_that_carries_no_id_of_ours_is_ignored(tmp_path):
    server = Redis(tmp_path)
    if not server.is_installed():
        pytest.skip(f"{server.PROGRAM} is not installed")
    server.start()
    broker, stopping, received = TaskiqBroker.of(server.url), asyncio.Event(), []

    async def note(item_id):
        received.append(item_id)
        stopping.set()

    try:
        await server.is_up()
        for sent in ("$ne", "pmt_01KAQ7X2V8M3TZB5C6D9EFGHJK", {"$gt": ""}, 7, None):
            envelope = {"task_id": "x", "task_name": "outbox.work", "labels": {}, "args": [sent], "kwargs": {}}
            await server.push(Lane.BULK, json.dumps(envelope).encode())
        for garbage in (b"\xff", b"[]", b"{}", json.dumps(envelope | {"task_name": "other"}).encode()):
            await server.push(Lane.BULK, garbage)
        await broker.publish(Lane.BULK, "job_01KAQ7X2V8M3TZB5C6D9EFGHJK")
        async with asyncio.timeout(30):
            await broker.consume(Lane.BULK, note, width=1, stopping=stopping)
        await broker.close()
    finally:
        server.kill()
    assert received == ["job_01KAQ7X2V8M3TZB5C6D9EFGHJK"]


async def test_r1_a_broker_that_was_never_there_is_lost_at_once():
    def impossible(lane, width):
        raise ValueError

    for broker in (
        TaskiqBroker.of("amqp://127.0.0.1:9/"),
        TaskiqBroker.of("redis://127.0.0.1:9/"),
        TaskiqBroker(impossible),
    ):
        async with asyncio.timeout(20):
            with pytest.raises(BrokerLost):
                await broker.publish(Lane.BULK, "job_1")
        await broker.close()
    for url in ("amqp://127.0.0.1:9/", "redis://127.0.0.1:9/"):
        async with asyncio.timeout(20):
            with pytest.raises(BrokerLost):
                await TaskiqBroker.of(url).consume(Lane.BULK, print, width=1, stopping=asyncio.Event())
