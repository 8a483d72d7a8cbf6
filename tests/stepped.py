"""The product without its worker, on a clock that the test moves: every step happens when the test says so."""

import asyncio
import contextlib
import random
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import aiohttp

from app.kit.clock import MovableClock, SystemClock
from app.outbox.models import Lane
from app.payments.models import Payment
from app.wiring import Wiring
from tests.world import Answer, Merchant, World, new_key, running_world

AMOUNT = 50_000


class _LongestPauses(random.Random):
    """Dice that always fall the same: by the real ones, what failed is tried again at once now and then."""

    def random(self) -> float:
        return 1.0


@dataclass(slots=True)
class Stepped:
    """One merchant in a product that does nothing by itself."""

    world: World
    clock: MovableClock
    merchant: Merchant

    @property
    def wiring(self) -> Wiring:
        return self.world.wiring

    async def create(self, *, key: str | None = None, **fields: Any) -> Answer:
        """Ask for a payment of ₹500.00."""
        body = {"amount": AMOUNT, "currency": "INR", **fields}
        return await self.merchant.ask("POST", "/api/v1/payments", body, key=key or new_key())

    async def stored(self, payment_id: str) -> Payment:
        """Return the payment as it is stored."""
        return await self.wiring.payments.get_payment(self.merchant.scope, payment_id)

    async def pay(self, payment: Mapping[str, Any], **how: Any) -> Any:
        """Pay as a customer would, and return what the checkout gives the page."""
        return await self.merchant.pay(payment, **({"method": "card", "outcome": "success"} | how))

    async def verify(self, payment: Mapping[str, Any], paid: Mapping[str, Any], **changed: str) -> Answer:
        """Bring the checkout's callback."""
        names = ("razorpay_order_id", "razorpay_payment_id", "razorpay_signature")
        callback = {name: paid[name] for name in names} | changed
        return await self.merchant.ask("POST", f"/api/v1/payments/{payment['id']}/verify", callback)

    async def fault(self, route: str, mode: str, *, times: int | None = 1, **more: Any) -> None:
        """Let calls of this merchant at the processor go wrong."""
        rule = {"route": route, "mode": mode, "times": times, "key_id": self.merchant.account["key_id"], **more}
        answer = await self.world.simulate("POST", "/_sim/faults", rule)
        assert answer.status == 200, answer.body

    async def heal(self) -> None:
        """Let nothing go wrong any more, and wait until the breaker tries again."""
        await self.world.simulate("DELETE", "/_sim/faults")
        self.clock.advance(seconds=6)

    async def at_processor(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the processor with the merchant's own key."""
        account = self.merchant.account
        headers = {"Authorization": aiohttp.encode_basic_auth(account["key_id"], account["key_secret"])}
        url = self.world.simulator.url + path
        async with self.world.session.request(method, url, json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def orders(self) -> list[Any]:
        """Return the merchant's orders at the processor."""
        return (await self.at_processor("GET", "/v1/orders?count=100"))["items"]

    async def check_after(self, seconds: float) -> int:
        """Move the clock and make every check that is due then; return how many there were."""
        self.clock.advance(seconds=seconds)
        checks = 0
        while await self.wiring.checks.check_next():
            checks += 1
        return checks

    async def apply_events(self, *, at_least: int = 0) -> int:
        """Wait for so many events, then apply everything that waits; return how many were applied."""
        inbox = self.wiring.database.collection("inbox_events")
        async with asyncio.timeout(10):
            while await inbox.count_documents({}) < at_least:
                await asyncio.sleep(0.01)
        applied = 0
        while await self.wiring.inbox.apply_next():
            applied += 1
        return applied

    async def drain(self, *, after_delays: bool = False) -> int:
        """Work on every item of the outbox that is due, or on delayed ones too; return how many tries there were."""
        if after_delays:
            items = self.wiring.database.collection("outbox")
            await items.update_many({"state": "waiting"}, [{"$set": {"due_at": "$$NOW"}}])
        runner = replace(self.wiring.drain.runner, rng=_LongestPauses())
        tries = 0
        for lane in Lane:
            while await runner.run_next(lane):
                tries += 1
        return tries

    async def change(self, payment_id: str, **fields: Any) -> None:
        """Change a stored payment behind the product's back, as a crash or another process would have left it."""
        names = {name.replace("__", "."): value for name, value in fields.items()}
        payments = self.wiring.database.collection("payments")
        result = await payments.update_one({"_id": payment_id}, {"$set": names, "$inc": {"version": 1}})
        assert result.matched_count == 1

    async def rows(self, collection: str) -> list[Any]:
        """Return the documents of a collection, oldest first."""
        return [row async for row in self.wiring.database.collection(collection).find().sort("_id")]

    async def entries(self) -> list[tuple[str, str]]:
        """Return what is booked, by cause."""
        return sorted((row["cause"]["kind"], row["cause"]["id"]) for row in await self.rows("ledger_entries"))

    async def events(self, subject: str) -> list[tuple[str, int]]:
        """Return the events about a subject with their sequence, in that order."""
        told = [row for row in await self.rows("outbox") if row["kind"] == "event" and row["subject"] == subject]
        return sorted(((row["name"], row["sequence"]) for row in told), key=lambda event: event[1])

    async def suspense(self) -> list[Any]:
        """Return the money that is no payment's."""
        return (await self.merchant.ask("GET", "/api/v1/suspense")).data["items"]


@contextlib.asynccontextmanager
async def stepped(
    mongodb_url: str, database_name: str, *, webhooks: bool = False, has_account: bool = True, **options: Any
) -> AsyncIterator[Stepped]:
    """Start it and sign one merchant up."""
    # As exact as what the database keeps, so that a time that is read back is the time that was written.
    clock = MovableClock(SystemClock().now())
    name = f"{database_name}-{secrets.token_hex(4)}"
    async with running_world(mongodb_url, name, clock=clock, has_worker=False, **options) as world:
        yield Stepped(world, clock, await world.merchant(webhooks=webhooks, has_account=has_account))
