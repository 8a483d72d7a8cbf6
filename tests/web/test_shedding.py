"""Slots: only so much at one time, a short queue, and an early no beyond that (P9, N2)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.web.middleware import Edge
from app.web.shedding import Lane, Room, Slots, rooms_of

JSON = {"content-type": "application/json"}
BODY = b'{"amount": 100, "name": "n"}'
THINGS = "/api/v1/things"


def sample(world: Any, name: str, lane: Lane = Lane.REQUESTS) -> float | None:
    return world.metrics.registry.get_sample_value(name, {"lane": lane.value})


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


class Gate:
    """An endpoint's work that takes until it is opened."""

    def __init__(self) -> None:
        self.inside = 0
        self.most = 0
        self.opened = asyncio.Event()

    async def __call__(self) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.opened.wait()
        finally:
            self.inside -= 1


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def full(make_world: Callable[..., Any], gate: Gate) -> Any:
    """An application with room for two at work and one behind them, whose work takes until the gate opens."""
    world = make_world(Edge(room=Room(at_work=2, waiting=1, wait_seconds=20)))
    world.effects.before = gate
    return world


def ask(client: httpx2.AsyncClient, path: str = THINGS) -> asyncio.Task[Any]:
    return asyncio.create_task(client.post(path, content=BODY, headers=JSON))


def scope_of(method: str, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
    """Return what a server passes on of a request: for clients that no client library can play."""
    return {
        "type": "http",
        "method": method,
        "path": THINGS,
        "raw_path": THINGS.encode(),
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"authorization", b"Bearer mer_1"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
        "scheme": "http",
        "http_version": "1.1",
        "asgi": {"version": "3.0"},
    }


async def test_p9_what_finds_neither_slot_nor_place_in_the_queue_is_turned_away_at_once(full: Any, gate: Gate) -> None:
    async with full.client() as client:
        tasks = [ask(client) for _ in range(3)]
        await until(lambda: gate.inside == 2 and sample(full, "http_requests_waiting") == 1)
        refused = await ask(client)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "overloaded"
        assert 1 <= int(refused.headers["retry-after"]) <= 5
        assert refused.headers["x-request-id"]
        assert sample(full, "http_slots_taken") == 2
        assert sample(full, "http_requests_shed_total") == 1
        gate.opened.set()
        assert [(await task).status_code for task in tasks] == [201, 201, 201]
        assert gate.most == 2
        assert (await ask(client)).status_code == 201
    assert sample(full, "http_slots_taken") == 0
    assert sample(full, "http_requests_waiting") == 0
    assert len(full.effects.done) == 4


async def test_p9_nobody_who_is_turned_away_has_a_body_read_or_is_asked_who_they_are(full: Any, gate: Gate) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(1)
        yield BODY

    async with full.client() as client:
        tasks = [ask(client) for _ in range(3)]
        await until(lambda: gate.inside == 2 and sample(full, "http_requests_waiting") == 1)
        before = len(full.guard.asked)
        refused = await client.post(THINGS, content=body(), headers=JSON)
        assert refused.status_code == 503
        assert len(full.guard.asked) == before
        gate.opened.set()
        await asyncio.gather(*tasks)
    # The client of these tests always reads what it sends; the server took none of it.
    assert len(full.effects.done) == 3


async def test_p9_whoever_waits_for_too_long_is_told_to_come_again(make_world: Any, gate: Gate) -> None:
    world = make_world(Edge(room=Room(at_work=1, waiting=5, wait_seconds=0.05)))
    world.effects.before = gate
    async with world.client() as client:
        first = ask(client)
        await until(lambda: gate.inside == 1)
        late = await asyncio.gather(*(ask(client) for _ in range(3)))
        assert [answer.status_code for answer in late] == [503] * 3
        assert sample(world, "http_requests_waiting") == 0
        gate.opened.set()
        assert (await first).status_code == 201


async def test_turned_away_requests_are_told_of_once_and_not_line_by_line(full: Any, gate: Gate) -> None:
    async with full.client() as client:
        tasks = [ask(client) for _ in range(3)]
        await until(lambda: gate.inside == 2 and sample(full, "http_requests_waiting") == 1)
        await asyncio.gather(*(ask(client) for _ in range(20)))
        gate.opened.set()
        await asyncio.gather(*tasks)
    shed = [line for line in full.lines if line.get("status") == 503]
    assert {line["level"] for line in shed} == {"debug"}
    (told,) = [line for line in full.lines if line["event"] == "requests_shed"]
    assert (told["level"], told["lane"]) == ("warning", "requests")


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics", "/health"])
async def test_p9_probes_and_scrapers_are_answered_however_full_it_is(full: Any, gate: Gate, path: str) -> None:
    async with full.client() as client:
        tasks = [ask(client) for _ in range(3)]
        await until(lambda: gate.inside == 2)
        # There is no such route in this small application; what matters is who answers.
        assert (await client.get(path)).status_code == 404
        gate.opened.set()
        await asyncio.gather(*tasks)


async def test_a_failed_request_gives_its_slot_back(full: Any) -> None:
    full.effects.before = None
    async with full.client() as client:
        full.effects.fail_with = RuntimeError("a defect")
        assert [(await ask(client)).status_code for _ in range(5)] == [500] * 5
        full.effects.fail_with = None
        assert [(await client.get("/nothing")).status_code for _ in range(5)] == [404] * 5
        assert (await client.post(THINGS, content=b"{", headers=JSON)).status_code == 400
    assert sample(full, "http_slots_taken") == 0


async def test_p9_events_of_the_processor_have_slots_of_their_own() -> None:
    rooms = rooms_of(Room(at_work=100, waiting=7, wait_seconds=1))
    assert rooms == {Lane.REQUESTS: Room(100, 7, 1), Lane.EVENTS: Room(50, 7, 1)}
    assert rooms_of(Room(at_work=1))[Lane.EVENTS].at_work == 1


@pytest.mark.parametrize("path", ["/api/v1/webhooks/razorpay/mer_1", "/webhooks/razorpay/mer_1"])
async def test_p9_a_rush_of_requests_leaves_room_for_events_and_the_other_way_round(
    full: Any, gate: Gate, path: str
) -> None:
    async with full.client() as client:
        tasks = [ask(client) for _ in range(3)]
        await until(lambda: gate.inside == 2)
        assert (await ask(client, path)).status_code == 404
        assert sample(full, "http_requests_shed_total", Lane.EVENTS) is None
        gate.opened.set()
        await asyncio.gather(*tasks)


async def test_n2_a_body_that_does_not_come_is_waited_for_for_a_while_and_keeps_no_slot(make_world: Any) -> None:
    world = make_world(Edge(body_seconds=0.05, room=Room(at_work=1, waiting=0)))
    never = asyncio.Event()

    async def trickle() -> AsyncIterator[dict[str, Any]]:
        yield {"type": "http.request", "body": BODY[:5], "more_body": True}
        await never.wait()

    parts, sent = trickle(), []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = scope_of("POST", (b"content-length", b"%d" % len(BODY)), (b"content-type", b"application/json"))
    await world.app(scope, parts.__anext__, send)
    assert sent[0]["status"] == 408
    assert dict(sent[0]["headers"])[b"connection"] == b"close"
    assert b"body_too_slow" in sent[1]["body"]
    async with world.client() as client:
        assert (await client.post(THINGS, content=BODY, headers=JSON)).status_code == 201


async def test_a_client_who_leaves_the_queue_takes_no_slot_along() -> None:
    slots = Slots(Room(at_work=1, waiting=3, wait_seconds=20))
    assert slots.enter()
    first, second = (asyncio.create_task(slots.wait()) for _ in range(2))
    await until(lambda: slots.waiting == 2)
    first.cancel()
    await asyncio.wait([first])
    assert slots.waiting == 1
    # The slot is handed over in the very moment in which the second leaves too.
    slots.leave()
    second.cancel()
    await asyncio.wait([second])
    assert (slots.taken, slots.waiting) == (0, 0)
    assert slots.enter()


async def test_the_first_who_came_is_the_first_who_gets_a_slot() -> None:
    slots = Slots(Room(at_work=1, waiting=10, wait_seconds=20))
    order = []

    async def work(number: int) -> None:
        assert await slots.wait()
        order.append(number)
        slots.leave()

    assert slots.enter()
    tasks = []
    for number in range(6):
        tasks.append(asyncio.create_task(work(number)))
        await until(lambda: slots.waiting == len(tasks))
    assert not slots.enter()
    slots.leave()
    await asyncio.gather(*tasks)
    assert order == list(range(6))
    assert slots.taken == 0


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from(["come", "leave", "cancel", "turn"]), max_size=60), st.integers(1, 4), st.integers(0, 4)
)
async def test_p9_never_more_at_work_or_waiting_than_there_is_room_for(
    steps: list[str], at_work: int, waiting: int
) -> None:
    slots = Slots(Room(at_work=at_work, waiting=waiting, wait_seconds=20))
    working, queue = 0, []

    async def come() -> bool:
        return slots.enter() or await slots.wait()

    for step in steps:
        match step:
            case "come":
                queue.append(asyncio.create_task(come()))
            case "cancel" if queue:
                queue[len(queue) // 2].cancel()
            case "leave" if working:
                working -= 1
                slots.leave()
            case _:
                pass
        if step == "turn":
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        ended = [task for task in queue if task.done()]
        queue = [task for task in queue if not task.done()]
        working += sum(not task.cancelled() and task.result() for task in ended)
        assert slots.taken <= at_work
        assert working <= slots.taken
        assert slots.waiting <= waiting
    for task in queue:
        task.cancel()
    await asyncio.gather(*queue, return_exceptions=True)
    working += sum(not task.cancelled() and task.result() for task in queue)
    for _ in range(working):
        slots.leave()
    assert (slots.taken, slots.waiting) == (0, 0)


async def test_n2_a_client_who_reads_slowly_holds_no_slot(make_world: Any) -> None:
    world = make_world(Edge(room=Room(at_work=1, waiting=0)))
    reading, stuck = asyncio.Event(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            stuck.set()
            await reading.wait()

    slow = asyncio.create_task(world.app(scope_of("GET"), receive, send))
    await stuck.wait()
    async with world.client() as client:
        assert (await client.get(THINGS)).status_code == 200
    reading.set()
    await slow
    assert sample(world, "http_slots_taken") == 0
