"""A shop whose payments are paid, and hands that refund them, do the worker's jobs and look at the processor."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.outbox.handlers import NotYet
from app.refunds.models import Refund
from tests.stepped import AMOUNT, Stepped
from tests.world import EVENTS, Answer, new_key

REFUND_ROUTE = "POST /v1/payments/{id}/refund"
LIST_ROUTE = "GET /v1/payments/{id}/refunds"


@dataclass(slots=True)
class RefundDesk:
    """One merchant, and what the tests of refunds do with it."""

    shop: Stepped

    async def paid(self, **fields: Any) -> dict[str, Any]:
        """Return a completed payment of ₹500.00."""
        payment = (await self.shop.create(**fields)).data
        verified = await self.shop.verify(payment, await self.shop.pay(payment))
        assert verified.data["status"] == "completed", verified.body
        return verified.data

    async def refund(
        self, payment: Mapping[str, Any] | str, amount: Any = None, *, key: str | None = None, **fields: Any
    ) -> Answer:
        """Ask for a refund, of everything that is left when no amount is given."""
        # Ids sort by their millisecond, and this clock stands still.
        self.shop.clock.advance(seconds=0.01)
        payment_id = payment if isinstance(payment, str) else payment["id"]
        body = {**({} if amount is None else {"amount": amount}), **fields}
        path = f"/api/v1/payments/{payment_id}/refunds"
        return await self.shop.merchant.ask("POST", path, body, key=key or new_key())

    async def stored(self, refund: Mapping[str, Any]) -> Refund:
        """Return a refund as it is stored."""
        return await self.shop.wiring.refunds.refunds.get_refund(self.shop.merchant.scope, refund["id"])

    async def all(self, payment: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the refunds of a payment as the API lists them, newest first."""
        found = await self.shop.merchant.ask("GET", f"/api/v1/payments/{payment['id']}/refunds")
        assert found.status == 200, found.body
        return found.data["items"]

    async def at_processor(self) -> list[dict[str, Any]]:
        """Return the merchant's refunds at the processor, newest first."""
        return (await self.shop.at_processor("GET", "/v1/refunds?count=100"))["items"]

    async def sends(self) -> list[dict[str, Any]]:
        """Return what the processor noted of every request for a refund of this merchant."""
        entries = (await self.shop.world.simulate("GET", "/_sim/journal?kind=call")).json["entries"]
        account = self.shop.merchant.account["account_id"]
        return [one for one in entries if one["account"] == account and one["route"] == REFUND_ROUTE.split()[1]]

    async def policy(self, **fields: Any) -> None:
        """Change how this merchant's refunds go at the processor."""
        body = {"key_id": self.shop.merchant.account["key_id"], **fields}
        answer = await self.shop.world.simulate("PUT", "/_sim/accounts/refunds", body)
        assert answer.status == 200, answer.body

    async def list_lag(self, seconds: float) -> None:
        """Let the processor's lists show what was made only so much later."""
        assert (await self.shop.world.simulate("POST", "/_sim/list_lag", {"seconds": seconds})).status == 200

    async def end(self, refund: Mapping[str, Any], how: str) -> None:
        """Let a pending refund end at the processor: `process` or `fail`."""
        path = f"/_sim/refunds/{refund['gateway_refund_id']}/{how}"
        assert (await self.shop.world.simulate("POST", path)).status == 200

    async def made_elsewhere(self, payment: Mapping[str, Any], amount: int) -> dict[str, Any]:
        """Refund a payment in the processor's own dashboard."""
        path = f"/_sim/payments/{payment['payment_id']}/refund"
        answer = await self.shop.world.simulate("POST", path, {"amount": amount})
        assert answer.status == 200, answer.body
        return answer.json

    async def work(self, name: str = "") -> list[str]:
        """Do the jobs of this name that wait, all when none is given; return those that have to wait longer."""
        wiring, later = self.shop.wiring, []
        handlers = wiring.refunds.jobs.handlers()
        query = {"kind": "job", "state": "waiting", "name": name or {"$in": list(handlers)}}
        async for document in wiring.database.collection("outbox").find(query):
            item = await wiring.outbox.get_item(self.shop.merchant.scope, document["_id"])
            try:
                await handlers[item.name](item)
            except NotYet:
                later.append(item.name)
        return later

    async def check_after(self, seconds: float) -> int:
        """Move the clock and make every check of a refund that is due then; return how many there were."""
        self.shop.clock.advance(seconds=seconds)
        checks = 0
        while await self.shop.wiring.refunds.checks.check_next():
            checks += 1
        return checks

    async def events(self, refund: Mapping[str, Any]) -> list[str]:
        """Return the names of the events about a refund, in order."""
        query = {"kind": "event", "subject": refund["id"]}
        found = self.shop.wiring.database.collection("outbox").find(query).sort("sequence", 1)
        return [document["name"] async for document in found]

    async def hear(self) -> int:
        """Wait until every event that the processor has made arrived, and apply them all."""
        inbox = self.shop.wiring.database.collection("inbox_events")
        async with asyncio.timeout(10):
            while await inbox.count_documents({}) < await self._announced():
                await asyncio.sleep(0.01)
        return await self.shop.apply_events()

    async def _announced(self) -> int:
        path = f"/_sim/webhooks/events?key_id={self.shop.merchant.account['key_id']}"
        return len(
            [one for one in (await self.shop.world.simulate("GET", path)).json["items"] if one["event"] in EVENTS]
        )

    async def assert_sound(self, payment: Mapping[str, Any]) -> None:
        """Hold I7, I8, I9 and I10 for one payment: here, in the books and at the processor."""
        scope, wiring = self.shop.merchant.scope, self.shop.wiring
        document = await wiring.database.collection("payments").find_one({"_id": payment["id"]})
        assert document is not None
        rows = [
            row
            async for row in wiring.database.collection("refunds").find(
                {"tenant": scope.tenant, "payment_id": payment["id"], "suspense_id": None}
            )
        ]
        open_or_done = [row for row in rows if row["status"] not in {"failed", "cancelled"}]
        accepted = [row for row in open_or_done if row["status"] in {"pending", "processed"}]
        reserved = sum(row["amount"] for row in open_or_done)
        refunded = sum(row["amount"] for row in accepted)
        assert document["refunds_reserved"] == reserved, "I10"
        assert document["amount_refunded"] == refunded, "I10"
        assert reserved <= document["amount_captured"], "I7"
        theirs = [one for one in await self.at_processor() if one["payment_id"] == payment["payment_id"]]
        alive = {one["id"]: one["amount"] for one in theirs if one["status"] != "failed"}
        assert {row["gateway_refund_id"]: row["amount"] for row in accepted} == alive, "I8, I9"
        assert sum(alive.values()) <= AMOUNT, "I7"
        assert await self._booked(payment) == refunded, "I8"

    async def _booked(self, payment: Mapping[str, Any]) -> int:
        """Return what the books say was given back of a payment."""
        total = 0
        entries = self.shop.wiring.database.collection("ledger_entries")
        async for entry in entries.find({"payment_id": payment["id"]}):
            for leg in entry["legs"]:
                if leg["account"] == "refunds":
                    total += leg["amount"] if leg["side"] == "debit" else -leg["amount"]
        return total
