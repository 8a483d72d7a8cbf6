"""A product of its own for every test, with a payment to dispute."""

from dataclasses import dataclass
from typing import Any

import pytest

from app.kit.signing import sign_hex
from tests.stepped import Stepped, stepped


@dataclass
class Desk:
    """A merchant with one captured payment, and the bank on the other side."""

    shop: Stepped
    payment: dict[str, Any]
    gateway_payment_id: str

    async def open(self, **how: Any) -> dict[str, Any]:
        """Let a bank dispute the payment."""
        path = f"/_sim/payments/{self.gateway_payment_id}/dispute"
        return (await self.shop.world.simulate("POST", path, how)).json

    async def decide(self, gateway_id: str, decision: str) -> None:
        answer = await self.shop.world.simulate("POST", f"/_sim/disputes/{gateway_id}/{decision}", {})
        assert answer.status == 200, answer.body

    async def tell(self, *names: str) -> None:
        """Deliver the announced events of these names, and apply them."""
        account = self.shop.merchant.account["account_id"]
        listed = await self.shop.world.simulate("GET", f"/_sim/webhooks/events?account_id={account}")
        for event in listed.json["items"]:
            if event["event"] in names:
                await self.receive(event["body"].encode(), event_id=event["id"])
        await self.apply()

    async def receive(self, body: bytes, *, event_id: str) -> None:
        """Deliver one event, signed."""
        answer = await self.shop.world.ask(
            "POST",
            f"/api/v1/webhooks/razorpay/{self.shop.merchant.id}",
            raw=body,
            headers={
                "Content-Type": "application/json",
                "X-Razorpay-Signature": sign_hex(body, secret=self.shop.merchant.webhook_secret),
                "X-Razorpay-Event-Id": event_id,
            },
        )
        assert answer.status == 200, answer.body

    async def apply(self) -> None:
        """Apply whatever waits in the inbox."""
        while await self.shop.wiring.inbox.apply_next():
            pass

    async def ask(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Any:
        return await self.shop.merchant.ask(method, f"/api/v1{path}", body, key=key)

    async def only(self) -> dict[str, Any]:
        """Return the one dispute there is, in full."""
        [shown] = (await self.ask("GET", "/disputes")).data["items"]
        return (await self.ask("GET", f"/disputes/{shown['id']}")).data

    async def refund(self, key: str) -> Any:
        return await self.ask("POST", f"/payments/{self.payment['id']}/refunds", {"amount": 100}, key=key)

    async def checked(self, seconds: float) -> None:
        """Move the time, and look at every dispute that is due then."""
        self.shop.clock.advance(seconds=seconds)
        while await self.shop.wiring.disputes.checks.check_next():
            pass

    async def entries(self) -> list[tuple[str, int, str, str]]:
        """Return what disputes caused in the books: kind, amount, debited and credited account."""
        rows = self.shop.wiring.database.collection("ledger_entries").find({"cause.kind": {"$regex": "^dispute"}})
        found = []
        async for row in rows.sort([("_id", 1)]):
            sides = {leg["side"]: leg["account"] for leg in row["legs"]}
            found.append((row["cause"]["kind"], int(row["legs"][0]["amount"]), sides["debit"], sides["credit"]))
        return found

    async def told(self) -> list[str]:
        """Return the events of disputes in the order in which they were written."""
        rows = self.shop.wiring.database.collection("outbox").find({"name": {"$regex": "^dispute"}})
        return [row["name"] async for row in rows.sort([("sequence", 1)])]


@pytest.fixture
async def desk(mongodb_url, database_name):
    async with stepped(mongodb_url, database_name) as shop:
        payment = (await shop.create()).data
        paid = await shop.pay(payment)
        assert (await shop.verify(payment, paid)).data["status"] == "completed"
        yield Desk(shop, payment, paid["razorpay_payment_id"])
