"""A simulator of its own for every test, a client that speaks to it, and a receiver of its webhooks."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from razorpay_simulator import RunningSimulator, SimulatorConfig, serve


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: Any
    raw: bytes


@dataclass(slots=True)
class Wire:
    """Speaks raw HTTP with one account's key."""

    simulator: RunningSimulator
    session: aiohttp.ClientSession
    key_id: str
    key_secret: str

    async def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        headers = {"Authorization": aiohttp.encode_basic_auth(self.key_id, self.key_secret)}
        headers |= options.pop("headers", {})
        if body is not None:
            options["json"] = body
        url = self.simulator.url + path
        async with self.session.request(method, url, headers=headers, allow_redirects=False, **options) as answer:
            raw = await answer.read()
            try:
                value = json.loads(raw)
            except ValueError:
                value = None
            return Answer(answer.status, value, answer.headers, raw)

    async def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = await self(method, path, body, **options)
        assert answer.status == 200, answer.body
        return answer.body

    async def refused(self, method: str, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        answer = await self(method, path, body, **options)
        assert 400 <= answer.status < 500, answer
        return {"status": answer.status, **answer.body["error"]}

    async def order(self, amount: int = 50_000, **more: Any) -> Any:
        return await self.ok("POST", "/v1/orders", {"amount": amount, "currency": "INR", **more})

    async def pay(self, order: Any, **how: Any) -> Any:
        return await self.ok("POST", f"/_sim/orders/{order['id']}/pay", how)

    async def captured(self, amount: int = 50_000, **how: Any) -> Any:
        return (await self.pay(await self.order(amount), **how))["payment"]

    async def advance(self, seconds: float) -> Any:
        return await self.ok("POST", "/_sim/clock/advance", {"seconds": seconds})

    async def event_names(self) -> list[str]:
        events = (await self.ok("GET", f"/_sim/webhooks/events?key_id={self.key_id}"))["items"]
        return [event["event"] for event in events]


@dataclass(slots=True)
class Receiver:
    """A merchant's endpoint: keeps what it gets, answers as told."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answer: Callable[[], Any] | None = None

    @property
    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.got]

    async def handle(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        if self.answer is not None:
            await self.answer()
        return web.Response(status=self.status)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def simulator() -> AsyncIterator[RunningSimulator]:
    config = SimulatorConfig(port=0, quiet=True, webhook_timeout_seconds=30)
    async with serve(config) as running:
        yield running


@pytest.fixture
def call_to(session: aiohttp.ClientSession) -> Callable[..., Wire]:
    def open_wire(running: RunningSimulator, key_id: str | None = None, key_secret: str | None = None) -> Wire:
        return Wire(running, session, key_id or running.key_id, key_secret or running.key_secret)

    return open_wire


@pytest.fixture
def call(simulator: RunningSimulator, call_to: Callable[..., Wire]) -> Wire:
    return call_to(simulator)


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


@pytest.fixture
async def second_receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened
