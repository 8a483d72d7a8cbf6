"""More than an instance can do, on real sockets: an early no, nobody hangs, what matters most goes on (P9, N2)."""

import asyncio
import contextlib
import dataclasses
import json
import secrets
from collections import Counter

import pytest

from app.kit.signing import sign_hex
from app.main import create_app
from app.web.middleware import Edge
from app.web.shedding import Room
from app.wiring import wire
from tests.api.conftest import open_door

SLOTS, WAITING = 2, 3


@pytest.fixture
async def shop(world):
    return await world.merchant(webhooks=False)


@contextlib.asynccontextmanager
async def narrow(world, **changed):
    """Serve the world's product by another instance that takes little on, and can be asked more at one time."""
    narrow = {"max_concurrent_requests": SLOTS, "max_waiting_requests": WAITING, "max_wait_seconds": 0.2, **changed}
    settings = world.settings.model_copy(update=narrow)
    wiring = wire(settings)
    wiring.health.indexes_verified = True
    try:
        async with open_door(create_app(settings, wiring=wiring)) as url:
            yield dataclasses.replace(world, url=url, wiring=wiring)
    finally:
        await wiring.close()


def port_of(world):
    return int(world.url.rpartition(":")[2])


def sample(world, name, lane="requests"):
    return world.wiring.metrics.registry.get_sample_value(name, {"lane": lane})


async def test_p9_a_flood_ends_in_answers_and_early_refusals_and_nothing_else(world, shop):
    async with narrow(world) as crowded:

        async def ask():
            return await crowded.ask("GET", "/api/v1/payments", bearer=shop.secret)

        async with asyncio.timeout(60):
            answers = await asyncio.gather(*(ask() for _ in range(90)))
        seen = Counter(answer.status for answer in answers)
        assert set(seen) <= {200, 503}
        assert seen[200] >= SLOTS
        refused = [answer for answer in answers if answer.status == 503]
        assert {answer.code for answer in refused} == {"overloaded"}
        assert {int(answer.headers["Retry-After"]) for answer in refused} <= {1, 2, 3, 4, 5}
        assert sample(crowded, "http_requests_shed_total") == seen[503]
        # It is over at once when the flood is.
        assert (await ask()).status == 200
        assert sample(crowded, "http_slots_taken") == 0


@contextlib.asynccontextmanager
async def slow_senders(world, number, path="/api/v1/payments"):
    """Let clients promise a body and send half of it."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    opened = [await asyncio.open_connection("127.0.0.1", port_of(world)) for _ in range(number)]
    for _, writer in opened:
        writer.write(head.encode() + b'{"amount"')
    try:
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.close()


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_p9_with_every_slot_taken_probes_and_events_of_the_processor_are_served(world, shop):
    async with narrow(world, max_waiting_requests=0) as crowded, slow_senders(crowded, SLOTS, "/api/v1/auth/signin"):
        await until(lambda: sample(crowded, "http_slots_taken") == SLOTS)
        assert (await crowded.ask("GET", "/api/v1/payments", bearer=shop.secret)).status == 503
        for path in ("/health", "/health/live", "/health/ready", "/metrics"):
            assert (await crowded.ask("GET", path)).status == 200
        event = json.dumps({"entity": "event", "event": "payment.captured", "payload": {}}).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Razorpay-Signature": sign_hex(event, secret=shop.webhook_secret),
            "X-Razorpay-Event-Id": f"evt_{secrets.token_hex(6)}",
        }
        taken = await crowded.ask("POST", f"/api/v1/webhooks/razorpay/{shop.id}", raw=event, headers=headers)
        assert taken.status == 200


async def test_p9_open_streams_hold_no_slot(world, shop):
    payment = await shop.create_payment()
    async with narrow(world) as crowded, contextlib.AsyncExitStack() as streams:
        path = payment["checkout_url"].removeprefix(world.settings.public_address)
        for _ in range(3 * SLOTS):
            stream = await streams.enter_async_context(crowded.session.get(f"{crowded.url}{path}/events"))
            assert stream.status == 200
            assert await stream.content.readline()
        await until(lambda: sample(crowded, "http_slots_taken") == 0)
        assert (await crowded.ask("GET", "/api/v1/payments", bearer=shop.secret)).status == 200


async def test_n2_a_body_that_does_not_arrive_is_answered_and_its_connection_closed(world, shop):
    settings = world.settings.model_copy(update={"max_concurrent_requests": SLOTS, "max_waiting_requests": 0})
    app = create_app(settings, wiring=world.wiring)
    for layer in app.user_middleware:
        if isinstance(layer.kwargs.get("edge"), Edge):
            edge = layer.kwargs["edge"]
            layer.kwargs["edge"] = dataclasses.replace(edge, body_seconds=0.2, room=Room(SLOTS, 0))
    async with open_door(app) as url:
        quick = dataclasses.replace(world, url=url)
        async with slow_senders(quick, SLOTS, "/api/v1/auth/signin") as readers, asyncio.timeout(20):
            for reader in readers:
                said = await reader.read()
                assert said.startswith(b"HTTP/1.1 408")
                assert b"body_too_slow" in said
        assert (await quick.ask("GET", "/api/v1/payments", bearer=shop.secret)).status == 200
