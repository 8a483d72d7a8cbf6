"""Seeded clients: merchants' servers and their customers, who do all day what they do, and try again as told.

A client invokes one operation at a time. What it got no clear answer to it repeats with the same key, on the other
instance, a few times; then it lets go, as a real one does.
"""

import asyncio
import hashlib
import json
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.chaos.history import History, Type
from tests.chaos.stage import Stage
from tests.world import PASSWORD, Merchant

_TRIES = 6
_PAUSE_SECONDS = 0.4
_CALLBACKS = 0.7
_OTHERS = 0.03
_KEPT = 40
_REFUNDS = re.compile(r"/api/v1/payments/\{\w+\}/refunds")
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one request brought: how the operation ended, the status (0 for a cut connection), the body."""

    type: Type
    status: int
    raw: bytes = b""

    @property
    def data(self) -> Any:
        """Return the envelope's data, None when there is none."""
        return self._json.get("data")

    @property
    def code(self) -> str | None:
        """Return the error's code."""
        return (self._json.get("error") or {}).get("code")

    @property
    def _json(self) -> dict[str, Any]:
        try:
            parsed = json.loads(self.raw)
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}


@dataclass(slots=True)
class Known:
    """A payment as its client knows it."""

    id: str
    order_id: str
    key: str
    body: Body
    merchant: Merchant
    is_paid: bool = False
    needs_capture: bool = False
    refunded: int = 0


@dataclass(slots=True)
class Shared:
    """What all clients share: the stage, the history, what the API can do, and what is under way."""

    stage: Stage
    history: History
    seed: int
    can_refund: bool = False
    signed_out: list[str] = field(default_factory=list)
    unanswered: dict[str, tuple["Merchant", Body]] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    calm: asyncio.Event = field(default_factory=asyncio.Event)

    async def learn_capabilities(self) -> None:
        """Read from the OpenAPI document what there is to be exercised."""
        async with self.stage.session.get(self.stage.api_url(0) + "/openapi.json") as answer:
            paths = (await answer.json())["paths"]
        self.can_refund = any("post" in verbs for path, verbs in paths.items() if _REFUNDS.fullmatch(path))


@dataclass(slots=True)
class Client:
    """One client with dice of its own."""

    number: int
    shared: Shared
    pause_seconds: float
    is_patient: bool = False
    dice: random.Random = field(init=False)
    payments: list[Known] = field(default_factory=list)
    made: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(f"{self.shared.seed}:{self.number}")

    @property
    def merchant(self) -> Merchant:
        """Return whose server this is."""
        merchants = self.shared.stage.merchants
        return merchants[self.number % len(merchants)]

    async def run(self) -> None:
        """Do one thing after another until told to stop."""
        while not self.shared.stopping.is_set():
            action = self._choose()
            await action()
            await asyncio.sleep(self.dice.uniform(0, 2 * self.pause_seconds))

    def _choose(self) -> Callable[[], Awaitable[None]]:
        weights: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (24, self.create),
            (24, self.pay),
            (6, self.capture),
            (20, self.read),
            (5, self.list),
            (8, self.replay),
            (2, self.cancel),
            (1, self.sign_out),
            (10 if self.shared.can_refund else 0, self.refund),
        ]
        actions = [action for _, action in weights]
        return self.dice.choices(actions, [weight for weight, _ in weights])[0]

    async def create(self) -> None:
        """Create a payment, and go on with the same key until there is a clear answer or patience ends."""
        self.made += 1
        name = f"{self.shared.seed}-{self.number}-{self.made}"
        body = {
            "amount": self.dice.randrange(100, 500_000),
            "currency": "INR",
            "reference": f"order-{name}",
            "capture_method": "manual" if self.dice.random() < 0.25 else "automatic",
        }
        created = await self._create(f"key-{name}", body, f="create")
        if created is not None:
            self.payments = [*self.payments, created][-_KEPT:]

    async def _create(self, key: str, body: Body, *, f: str) -> Known | None:
        facts = {"key": key, "reference": body["reference"], "amount": body["amount"]}
        reply = await self.persist(f, "POST", "/api/v1/payments", body, **facts)
        if reply.type is not Type.OK:
            self.shared.unanswered.setdefault(key, (self.merchant, body))
            return None
        self.shared.unanswered.pop(key, None)
        known = Known(reply.data["id"], reply.data["order_id"], key, body, self.merchant)
        known.needs_capture = body["capture_method"] == "manual"
        return known

    async def pay(self) -> None:
        """Pay as a customer does, and bring the callback back, unless the customer closes the tab."""
        unpaid = [known for known in self.payments if not known.is_paid]
        if not unpaid:
            return await self.create()
        known = self.dice.choice(unpaid)
        known.is_paid = True
        wish = self.dice.choices([{}, {"outcome": "failure"}, self._late(), {"double": True}], [80, 10, 6, 4])[0]
        brings_back = self.dice.random() < _CALLBACKS
        how = {"method": self.dice.choice(["card", "upi", "netbanking"]), **wish}
        number = self.shared.history.invoke(self.number, "pay", payment=known.id, order=known.order_id, how=how)
        status, said = await self.shared.stage.simulate("POST", f"/_sim/orders/{known.order_id}/pay", how)
        attempt = (said.get("payment") or {}).get("id")
        self.shared.history.end(number, Type.OK if status == 200 else Type.FAIL, http=status, attempt=attempt)
        if "razorpay_signature" not in said:
            known.is_paid = "late_authorization_after_seconds" in wish
        elif brings_back:
            await asyncio.sleep(self.dice.uniform(0, 0.3))
            names = ("razorpay_payment_id", "razorpay_order_id", "razorpay_signature")
            path = f"/api/v1/payments/{known.id}/verify"
            await self.persist("verify", "POST", path, {name: said[name] for name in names}, payment=known.id)
        return None

    def _late(self) -> Body:
        return {"outcome": "failure", "late_authorization_after_seconds": self.dice.choice([1, 2, 3])}

    async def capture(self) -> None:
        """Capture a payment that waits for it."""
        waiting = [known for known in self.payments if known.is_paid and known.needs_capture]
        if not waiting:
            return await self.read()
        known = self.dice.choice(waiting)
        path = f"/api/v1/payments/{known.id}/capture"
        reply = await self.persist("capture", "POST", path, key=f"capture-{known.id}", payment=known.id)
        known.needs_capture = reply.type is not Type.OK
        return None

    async def refund(self) -> None:
        """Refund a paid payment: whole, in part, or in several parts at once."""
        paid = [known for known in self.payments if known.is_paid and not known.needs_capture]
        if not paid:
            return await self.pay()
        known = self.dice.choice(paid)
        whole = known.body["amount"]
        parts = self.dice.choice([[whole], [max(1, whole // 3)], [max(1, whole // 2)] * 3])
        known.refunded += 1
        path = f"/api/v1/payments/{known.id}/refunds"
        await asyncio.gather(
            *(
                self.persist(
                    "refund",
                    "POST",
                    path,
                    {"amount": amount},
                    key=f"refund-{known.id}-{known.refunded}-{part}",
                    payment=known.id,
                    amount=amount,
                )
                for part, amount in enumerate(parts)
            )
        )
        return None

    async def read(self) -> None:
        """Read a payment; sometimes ask for one of another merchant, which must look like none at all."""
        if not self.payments:
            return await self.create()
        known = self.dice.choice(self.payments)
        path = f"/api/v1/payments/{known.id}"
        if self.dice.random() < _OTHERS:
            merchants = self.shared.stage.merchants
            other = merchants[(merchants.index(self.merchant) + 1) % len(merchants)]
            await self.once("read-other", "GET", path, bearer=other.secret, payment=known.id)
            return None
        await self.once("read", "GET", path, payment=known.id)
        return None

    async def list(self) -> None:
        """List the newest payments."""
        await self.once("list", "GET", "/api/v1/payments?limit=20")

    async def replay(self) -> None:
        """Repeat a creation with its key: the same bytes must come back."""
        if not self.payments:
            return await self.create()
        known = self.dice.choice(self.payments)
        await self._create(known.key, known.body, f="replay")
        return None

    async def retry(self, key: str, merchant: Merchant, body: Body) -> None:
        """Come back, after everything, with a key that got no answer."""
        path = "/api/v1/payments"
        reply = await self.persist("retry", "POST", path, body, key=key, bearer=merchant.secret, merchant=merchant.id)
        if reply.type is Type.OK:
            self.shared.unanswered.pop(key, None)

    async def cancel(self) -> None:
        """Cancel a payment; money that comes all the same is suspense."""
        if self.payments:
            known = self.dice.choice(self.payments)
            await self.once("cancel", "POST", f"/api/v1/payments/{known.id}/cancel", payment=known.id)

    async def sign_out(self) -> None:
        """Sign in and out again; the token must be dead from then on."""
        body = {"email": self.merchant.email, "password": PASSWORD}
        reply = await self.once("sign-in", "POST", "/api/v1/auth/signin", body)
        if reply.type is Type.OK:
            token = reply.data["access_token"]
            ended = await self.once("sign-out", "POST", "/api/v1/auth/signout", bearer=token)
            if ended.type is Type.OK:
                self.shared.signed_out.append(token)

    async def persist(self, f: str, method: str, path: str, body: Body | None = None, **facts: Any) -> Reply:
        """Ask until the answer is clear or patience ends; each request is an operation of its own."""
        instance = self.dice.randrange(len(self.shared.stage.api_ports))
        reply = await self.once(f, method, path, body, instance=instance, **facts)
        for number in range(_TRIES):
            if reply.type is not Type.INFO and reply.status != 409:
                break
            if reply.code in _FINAL_CONFLICTS or (self.shared.stopping.is_set() and not self.is_patient):
                break
            await asyncio.sleep(self.dice.uniform(0.5, 1.5) * _PAUSE_SECONDS)
            reply = await self.once(f, method, path, body, instance=instance + number + 1, **facts)
        return reply

    async def once(
        self,
        f: str,
        method: str,
        path: str,
        body: Body | None = None,
        *,
        bearer: str | None = None,
        instance: int | None = None,
        **facts: Any,
    ) -> Reply:
        """Send one request to one of the instances and note how it ended."""
        instance = self.dice.randrange(len(self.shared.stage.api_ports)) if instance is None else instance
        headers = {"Authorization": f"Bearer {bearer or self.merchant.secret}"}
        if "key" in facts:
            headers["Idempotency-Key"] = facts["key"]
        facts = {"merchant": self.merchant.id, **facts, "instance": instance % 2}
        number = self.shared.history.invoke(self.number, f, **facts)
        url = self.shared.stage.api_url(instance) + path
        try:
            async with self.shared.stage.session.request(method, url, json=body, headers=headers) as answer:
                raw = await answer.read()
                status, retry_after = answer.status, answer.headers.get("Retry-After")
        except (OSError, aiohttp.ClientError, TimeoutError) as error:
            # A refused connection carried nothing; anything else may have had its effect.
            refused = isinstance(error, aiohttp.ClientConnectorError)
            self.shared.history.end(number, Type.INFO, http=0, error=type(error).__name__, refused=refused)
            return Reply(Type.INFO, 0)
        type_ = Type.OK if status < 300 else Type.INFO if status >= 500 else Type.FAIL
        reply = Reply(type_, status, raw)
        self.shared.history.end(number, type_, http=status, retry_after=retry_after, **_told(reply))
        return reply


_FINAL_CONFLICTS = frozenset(
    {
        "payment_already_captured",
        "payment_not_authorized",
        "payment_not_cancellable",
        "capture_refused",
        "reference_taken",
        "refund_exceeds_captured",
        "payment_not_refundable",
    }
)


def _told(reply: Reply) -> dict[str, Any]:
    """Return what of an answer the checks need."""
    if reply.type is not Type.OK:
        return {"code": reply.code}
    told: dict[str, Any] = {"digest": hashlib.sha256(reply.raw).hexdigest()}
    if isinstance(reply.data, dict):
        names = ("id", "status", "order_id", "amount", "amount_captured", "payment_id")
        told |= {name: reply.data[name] for name in names if name in reply.data}
        if "items" in reply.data:
            told["ids"] = [item["id"] for item in reply.data["items"]]
    return told


async def run_load(shared: Shared, *, clients: int, per_second: float, seconds: float, operations: int = 0) -> None:
    """Let the clients work for a while, and until the last fault is over, together at about the given rate.

    They go on, at most as long again, until the given number of operations was begun.
    """
    await shared.learn_capabilities()
    pause = clients / per_second
    tasks = [asyncio.create_task(Client(number, shared, pause).run()) for number in range(clients)]
    await asyncio.sleep(seconds)
    await shared.calm.wait()
    for _ in range(round(seconds)):
        if len(shared.history.operations) >= operations:
            break
        await asyncio.sleep(1)
    shared.stopping.set()
    await asyncio.gather(*tasks)
