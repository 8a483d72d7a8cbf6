"""One merchant's client and the product in one process: what a crash ends, and what comes back after it."""

import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import httpx2

from app.kit.clock import MovableClock
from app.kit.scope import Mode, Scope
from app.kit.signing import sign_hex
from app.outbox.models import Lane
from app.wiring import Wiring
from app.worker import lanes_of

PASSWORD = "correct horse battery"
API = "/api/v1"


@dataclass(slots=True)
class Shop:
    """What survives the crash, because the merchant and the customer have it: keys, ids, and what was paid."""

    tenant: str
    bearer: str
    webhook_secret: str
    account: dict[str, str]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def scope(self) -> Scope:
        return Scope(self.tenant, Mode.TEST)

    @classmethod
    def unborn(cls) -> "Shop":
        """Return a shop whose merchant has yet to sign up."""
        return cls("", "", "", {})

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of_json(cls, text: str) -> "Shop":
        return cls(**json.loads(text))


@dataclass(slots=True)
class Actor:
    """The product in this process, a client that talks to it, and the processor's control API."""

    wiring: Wiring
    clock: MovableClock
    client: httpx2.AsyncClient
    session: aiohttp.ClientSession
    simulator_url: str
    shop: Shop

    async def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None, bearer: str = "") -> Any:
        """Ask the API and return status and data, or status and the error's code."""
        headers = {"Authorization": f"Bearer {bearer or self.shop.bearer}"} if bearer or self.shop.bearer else {}
        if key:
            headers["Idempotency-Key"] = key
        answer = await self.client.request(method, API + path, json=body, headers=headers)
        said = answer.json()
        return answer.status_code, said["data"] if answer.is_success else said["error"]["code"]

    async def insist(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, bearer: str = ""
    ) -> Any:
        """Ask where nothing is tried to go wrong."""
        status, data = await self.ask(method, path, body, key=key, bearer=bearer)
        assert status < 300, (method, path, status, data)
        return data

    async def simulate(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the simulator's control API."""
        async with self.session.request(method, f"{self.simulator_url}/_sim{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def at_processor(self, path: str) -> list[Any]:
        """Return a list of the processor, as the merchant's account shows it."""
        account = self.shop.account
        headers = {"Authorization": aiohttp.encode_basic_auth(account["key_id"], account["key_secret"])}
        async with self.session.get(f"{self.simulator_url}/v1{path}?count=100", headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return (await answer.json())["items"]

    async def deliver(self, *names: str) -> None:
        """Hand over the announced events of these names, as the processor would."""
        account = self.shop.account["account_id"]
        for event in (await self.simulate("GET", f"/webhooks/events?account_id={account}"))["items"]:
            if event["event"] in names:
                await self.receive(event["body"].encode(), event_id=event["id"])

    async def receive(self, body: bytes, *, event_id: str) -> None:
        """Hand over one event with its signature."""
        answer = await self.client.post(
            f"{API}/webhooks/razorpay/{self.shop.tenant}",
            content=body,
            headers={
                "Content-Type": "application/json",
                "X-Razorpay-Signature": sign_hex(body, secret=self.shop.webhook_secret),
                "X-Razorpay-Event-Id": event_id,
            },
        )
        assert answer.status_code == 200, answer.text

    async def work(self, *lanes: str) -> None:
        """Do all work of the worker that is due, or that of the named lanes."""
        turns = 0
        while any([await lane.work() for lane in lanes_of(self.wiring) if not lanes or lane.name in lanes]):
            turns += 1
            assert turns < 500, "the worker never comes to rest"
        if not lanes or "outbox" in lanes:
            await self.drain()

    async def drain(self) -> None:
        """Work on every item of the outbox that is due."""
        for lane in Lane:
            while await self.wiring.drain.runner.run_next(lane):
                pass

    async def sign_up(self, account: Mapping[str, str]) -> None:
        """Make the shop: a merchant with an account at the processor and an API key."""
        email = f"crash-{secrets.token_hex(6)}@example.com"
        signup = {"email": email, "password": PASSWORD, "full_name": "An Owner", "merchant_name": "A Shop"}
        await self.insist("POST", "/auth/signup", signup)
        tokens = await self.insist("POST", "/auth/signin", {"email": email, "password": PASSWORD})
        token = tokens["access_token"]
        keys = {"key_id": account["key_id"], "key_secret": account["key_secret"]}
        await self.insist("PUT", "/merchant/processor", keys, bearer=token)
        rotated = await self.insist("POST", "/merchant/webhook-secret/rotate", bearer=token)
        made = await self.insist("POST", "/api-keys", {"name": "crash"}, bearer=token)
        self.shop.tenant = tokens["user"]["merchant_id"]
        self.shop.bearer = made["secret"]
        self.shop.webhook_secret = rotated["secret"]
        self.shop.account = dict(account)
        self.shop.facts["owner"] = token

    async def pay(self, payment: Mapping[str, Any], **how: Any) -> Any:
        """Pay as a customer would, and return what the checkout gives the page."""
        wish = {"method": "card", "outcome": "success"} | how
        return await self.simulate("POST", f"/orders/{payment['order_id']}/pay", wish)


Step = Callable[[Actor], Awaitable[None]]


@contextlib.asynccontextmanager
async def acting(wiring: Wiring, app: Any, simulator_url: str, shop: Shop) -> AsyncIterator[Actor]:
    """Open the connections of one process's life; a shop without a merchant gets one."""
    clock = wiring.clock
    assert isinstance(clock, MovableClock)
    clock.moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    wiring.passwords.pool = ThreadPoolExecutor(max_workers=1)
    transport = httpx2.ASGITransport(app=app)
    async with (
        httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
        aiohttp.ClientSession() as session,
    ):
        actor = Actor(wiring, clock, client, session, simulator_url, shop)
        if not shop.tenant:
            await actor.sign_up(await actor.simulate("POST", "/accounts", {}))
        yield actor
    await wiring.close()
