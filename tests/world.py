"""The whole product in one process, on real sockets: API, worker, simulator, and a real mongod behind them."""

import asyncio
import contextlib
import secrets
import socket
import string
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import aiohttp
import uvicorn
from pymongo.monitoring import CommandListener

from app.config import SIMULATOR_KEY_ID, SIMULATOR_KEY_SECRET, Settings
from app.disputes.models import Source
from app.gateways.settlement import GatewaySettlement, GatewaySettlementStatus
from app.kit.clock import Clock
from app.kit.ids import Prefix
from app.kit.money import Money
from app.kit.scope import Mode, Scope
from app.ledger.models import Account, Cause, CauseKind, transfer
from app.ledger.store import EntryFilter
from app.main import create_app
from app.notices.models import Notice, NoticeKind, NoticeState
from app.notices.sealing import Private
from app.outbox.models import job
from app.outbox.store import ItemFilter
from app.tenants.channels import Channel
from app.web.paging import Window
from app.wiring import Wiring, wire
from app.worker import work_until
from razorpay_simulator import RunningSimulator, SimulatorConfig, serve
from tests.clearing import clear

PASSWORD = "correct horse battery"
EVENTS = (
    "payment.authorized",
    "payment.captured",
    "payment.failed",
    "order.paid",
    "refund.created",
    "refund.processed",
    "refund.failed",
    "refund.speed_changed",
    "settlement.processed",
)


def new_key() -> str:
    """Return an idempotency key that nobody used. Of letters alone: digits may look like a card's number (S18)."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers, raw bytes and JSON."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def code(self) -> str:
        return self.json["error"]["code"]


@dataclass(slots=True)
class Merchant:
    """A merchant with an owner who is signed in, and an API key of theirs."""

    id: str
    email: str
    token: str
    refresh_token: str
    key_id: str
    secret: str
    webhook_secret: str
    account: Mapping[str, str]
    world: "World"

    @property
    def scope(self) -> Scope:
        return Scope(self.id, Mode.TEST)

    async def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None, **options: Any) -> Answer:
        """Ask with the API key."""
        return await self.world.ask(method, path, body, bearer=self.secret, key=key, **options)

    async def ask_as_owner(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Ask with the owner's access token."""
        return await self.world.ask(method, path, body, bearer=self.token, **options)

    async def create_payment(self, **fields: Any) -> dict[str, Any]:
        """Create a payment of ₹500.00."""
        body = {"amount": 50000, "currency": "INR", **fields}
        answer = await self.ask("POST", "/api/v1/payments", body, key=new_key())
        assert answer.status == 201, answer.body
        return answer.data

    async def payment(self, payment_id: str) -> dict[str, Any]:
        answer = await self.ask("GET", f"/api/v1/payments/{payment_id}")
        assert answer.status == 200, answer.body
        return answer.data

    async def wait_for(self, payment_id: str, status: str, *, seconds: float = 15) -> dict[str, Any]:
        """Look until the payment has the status."""
        async with asyncio.timeout(seconds):
            while True:
                payment = await self.payment(payment_id)
                if payment["status"] == status:
                    return payment
                await asyncio.sleep(0.05)

    async def pay(self, payment: Mapping[str, Any], **how: Any) -> dict[str, Any]:
        """Pay as a customer would, at the simulator."""
        answer = await self.world.simulate("POST", f"/_sim/orders/{payment['order_id']}/pay", how or {"method": "card"})
        return answer.json


@dataclass(slots=True)
class World:
    """The running product."""

    url: str
    simulator: RunningSimulator
    wiring: Wiring
    settings: Settings
    session: aiohttp.ClientSession
    _cleanup: list[Any] = field(default_factory=list)

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        bearer: str | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        """Send one request to the API."""
        sent = dict(headers or {})
        if bearer:
            sent["Authorization"] = f"Bearer {bearer}"
        if key:
            sent["Idempotency-Key"] = key
        content: dict[str, Any] = {"data": raw} if raw is not None else {"json": body} if body is not None else {}
        async with self.session.request(method, self.url + path, headers=sent, **content) as answer:
            return await _read(answer)

    async def simulate(self, method: str, path: str, body: Any = None) -> Answer:
        """Send one request to the simulator's control API."""
        async with self.session.request(method, self.simulator.url + path, json=body) as answer:
            return await _read(answer)

    async def merchant(self, *, webhooks: bool = True, has_account: bool = True) -> Merchant:
        """Sign up a merchant; register the webhook at the processor unless told not to.

        It has an account of its own there, or else uses the deployment's.
        """
        # Everybody in a run comes from one address: each merchant begins with the whole of its budget for signing in.
        if self.wiring is not None:  # the stage of the chaos run has the product in other processes
            await clear(self.wiring.database.collection("sign_in_attempts"))
        email = f"owner-{secrets.token_hex(6)}@example.com"
        signup = {"email": email, "password": PASSWORD, "full_name": "An Owner", "merchant_name": "A Shop"}
        assert (await self.ask("POST", "/api/v1/auth/signup", signup)).status == 201
        tokens = (await self.ask("POST", "/api/v1/auth/signin", {"email": email, "password": PASSWORD})).data
        token = tokens["access_token"]
        account = {"key_id": SIMULATOR_KEY_ID, "key_secret": SIMULATOR_KEY_SECRET}
        if has_account:
            account = (await self.simulate("POST", "/_sim/accounts", {})).json
            keys = {"key_id": account["key_id"], "key_secret": account["key_secret"]}
            connected = await self.ask("PUT", "/api/v1/merchant/processor", keys, bearer=token)
            assert connected.status == 200, connected.body
        rotated = await self.ask("POST", "/api/v1/merchant/webhook-secret/rotate", bearer=token)
        made = (await self.ask("POST", "/api/v1/api-keys", {"name": "test"}, bearer=token)).data
        merchant = Merchant(
            id=tokens["user"]["merchant_id"],
            email=email,
            token=token,
            refresh_token=tokens["refresh_token"],
            key_id=made["id"],
            secret=made["secret"],
            webhook_secret=rotated.data["secret"],
            account=account,
            world=self,
        )
        if webhooks:
            await self.register_webhook(merchant)
        return merchant

    async def add_job(self, merchant: Merchant) -> str:
        """Write work into the merchant's outbox that nobody does by itself; return its id."""
        outbox = self.wiring.outbox
        work = [job("test.wait", new_id := f"x_{secrets.token_hex(8)}", delay=timedelta(days=1))]
        await self.wiring.database.transaction(lambda session: outbox.add(merchant.scope, work, session=session))
        found = await outbox.list_items(merchant.scope, where=ItemFilter(subject=new_id), window=Window())
        return found.rows[0].id

    async def add_entry(self, merchant: Merchant) -> str:
        """Book a made-up capture of ₹1.00 into the merchant's books; return the entry's id."""
        ledger, at = self.wiring.ledger, self.wiring.clock.now()
        cause = Cause(CauseKind.CAPTURE, f"pay_{secrets.token_hex(7)}")
        posting = transfer(cause, Money(100, "INR"), debit=Account.PROCESSOR_RECEIVABLE, credit=Account.SUSPENSE)
        await self.wiring.database.transaction(
            lambda session: ledger.post(merchant.scope, [posting], session=session, at=at)
        )
        found = await ledger.list_entries(merchant.scope, where=EntryFilter(cause_id=cause.id), window=Window())
        return found.rows[0].id

    async def add_customer(self, merchant: Merchant, payment_id: str) -> str:
        """Count a completed payment for whoever paid it, as the worker would; return our id of the customer."""
        room = self.wiring.customers
        await room.gathering.gather_payment(merchant.scope, payment_id)
        customer = await room.customers.find_of_payment(merchant.scope, payment_id)
        assert customer is not None
        return customer.id

    async def add_notice(self, merchant: Merchant) -> str:
        """Write down a mail to a customer of the merchant, which nobody sends; return its id."""
        room, now = self.wiring.notices.notices, self.wiring.clock.now()
        notice_id, to = room.ids.new(Prefix.NOTICE), "asha.canary@example.org"
        notice = Notice(
            id=notice_id,
            scope=merchant.scope,
            kind=NoticeKind.PAYMENT_RECEIPT,
            channel=Channel.EMAIL,
            subject="pmt_1",
            key=notice_id,
            recipient=room.secrets.digest(merchant.scope, Channel.EMAIL, to),
            sealed=room.secrets.seal(merchant.scope, notice_id, Private(to, {})),
            state=NoticeState.SENT,
            created_at=now,
            updated_at=now,
            sent_at=now,
        )
        await self.wiring.database.transaction(
            lambda session: room.store.insert_notice(merchant.scope, notice, session=session)
        )
        return notice_id

    async def add_webhook(self, merchant: Merchant) -> dict[str, str]:
        """Let the merchant be told at an address that nobody has; return the ids of endpoint and delivery."""
        made = await merchant.ask_as_owner("POST", "/api/v1/webhook-endpoints", {"url": "https://shop.example/hooks"})
        sent = await merchant.ask_as_owner("POST", f"/api/v1/webhook-endpoints/{made.data['id']}/test")
        return {"endpoint_id": made.data["id"], "delivery_id": sent.data["id"]}

    async def add_dispute(self, merchant: Merchant) -> str:
        """Let a bank dispute a captured payment of the merchant, and learn of it; return our id of the dispute."""
        payment = await merchant.create_payment()
        paid = await merchant.pay(payment, method="card", outcome="success")
        await merchant.ask("POST", f"/api/v1/payments/{payment['id']}/recheck")
        return await self.dispute(merchant, paid["razorpay_payment_id"])

    async def dispute(self, merchant: Merchant, gateway_payment_id: str) -> str:
        """Let a bank dispute what the processor knows by this id, and learn of it; return our id of the dispute."""
        opened = await self.simulate("POST", f"/_sim/payments/{gateway_payment_id}/dispute", {})
        outcomes = self.wiring.disputes.outcomes
        gateway = await outcomes.gateways.of(merchant.scope)
        snapshot = await gateway.get_dispute(opened.json["id"])
        recorded = await outcomes.record_dispute(merchant.scope, snapshot, source=Source.POLL)
        assert recorded.dispute is not None
        return recorded.dispute.id

    async def add_settlement(self, merchant: Merchant) -> str:
        """Let the processor pay to the merchant's bank, and learn of it; return our id of the settlement."""
        snapshot = GatewaySettlement(
            id=f"setl_{secrets.token_hex(6)}",
            amount=Money(48_820, "INR"),
            fees=0,
            tax=0,
            status=GatewaySettlementStatus.PROCESSED,
            utr="1568176960vxp0rj",
            created_at=self.wiring.clock.now(),
        )
        recorded = await self.wiring.settlements.outcomes.record_settlement(merchant.scope, snapshot, is_present=True)
        assert recorded.settlement is not None
        return recorded.settlement.id

    async def register_webhook(self, merchant: Merchant) -> None:
        """Tell the simulator where the merchant's events go."""
        body = {
            "url": f"{self.url}/api/v1/webhooks/razorpay/{merchant.id}",
            "secret": merchant.webhook_secret,
            "events": list(EVENTS),
            "active": True,
        }
        basic = aiohttp.encode_basic_auth(merchant.account["key_id"], merchant.account["key_secret"])
        headers = {"Authorization": basic}
        async with self.session.post(f"{self.simulator.url}/v1/webhooks", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()


async def _read(answer: aiohttp.ClientResponse) -> Answer:
    body = await answer.read()
    is_json = answer.content_type == "application/json"
    return Answer(answer.status, answer.headers, body, await answer.json() if is_json and body else None)


@contextlib.asynccontextmanager
async def running_world(
    mongodb_url: str,
    database_name: str,
    *,
    clock: Clock | None = None,
    has_worker: bool = True,
    listeners: Sequence[CommandListener] = (),
    **overrides: Any,
) -> AsyncIterator[World]:
    """Run the product on free ports until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    async with serve(SimulatorConfig(port=0, quiet=True)) as simulator:
        overrides = {"public_url": f"http://127.0.0.1:{listener.getsockname()[1]}", **overrides}
        settings = Settings(
            _env_file=None,
            environment="test",
            mongodb_url=mongodb_url,
            database_name=database_name,
            razorpay_base_url=simulator.url,
            bcrypt_rounds=4,
            log_level="ERROR",
            # A whole suite asks from one address, and of a machine that has other things to do.
            **{"rate_limits_enabled": False, "max_wait_seconds": 30.0, **overrides},
        )
        wiring = wire(settings, clock=clock, listeners=listeners)
        await wiring.database.await_primary(seconds=30.0, on_wait=lambda _: None)
        await wiring.start()
        stopping = asyncio.Event()
        tasks = [asyncio.create_task(work_until(stopping, wiring, idle_seconds=0.1))] if has_worker else []
        # Idle connections are given up before the server, after five seconds, gives them up in the middle of a request.
        connector = aiohttp.TCPConnector(keepalive_timeout=2)
        async with (
            _served(create_app(settings, wiring=wiring), listener) as url,
            aiohttp.ClientSession(connector=connector) as session,
        ):
            yield World(url=url, simulator=simulator, wiring=wiring, settings=settings, session=session)
            stopping.set()
            await asyncio.gather(*tasks)
        await wiring.database.client.drop_database(database_name)
        await wiring.close()


@contextlib.asynccontextmanager
async def _served(app: Any, listener: socket.socket | None = None) -> AsyncIterator[str]:
    listener = listener or socket.create_server(("127.0.0.1", 0))
    # What uvicorn sets on its own sockets; without it every answer waits for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(
        app, log_config=None, access_log=False, ws="none", proxy_headers=False, timeout_graceful_shutdown=2
    )
    server = _QuietServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()


class _QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self):
        yield
