"""A product of its own for every test, and a hand that delivers events as the processor would."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

import pytest

from app.kit.signing import sign_hex
from tests.stepped import Stepped, stepped
from tests.world import Answer


@dataclass(slots=True)
class Postman:
    """Delivers events to the merchant's endpoint."""

    shop: Stepped

    async def deliver(
        self,
        event: Any,
        *,
        event_id: str | None = None,
        signature: str | None = None,
        merchant: str | None = None,
        secret: str | None = None,
        signed: bool = True,
    ) -> Answer:
        """Deliver one event, signed with the merchant's secret unless told otherwise."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        key = secret or self.shop.merchant.webhook_secret
        headers = {"Content-Type": "application/json"}
        if event_id is not None:
            headers["X-Razorpay-Event-Id"] = event_id
        if signed:
            headers["X-Razorpay-Signature"] = signature if signature is not None else sign_hex(body, secret=key)
        path = f"/api/v1/webhooks/razorpay/{merchant or self.shop.merchant.id}"
        return await self.shop.world.ask("POST", path, raw=body, headers=headers)

    async def event_of(self, payment_id: str, name: str = "payment.captured", **changed: Any) -> dict[str, Any]:
        """Return the event that the processor would send of its payment as it stands."""
        entity = await self.shop.at_processor("GET", f"/v1/payments/{payment_id}")
        return {
            "entity": "event",
            "account_id": self.shop.merchant.account["account_id"],
            "event": name,
            "contains": ["payment"],
            "payload": {"payment": {"entity": entity | changed}},
            "created_at": 1_767_225_601,
        }

    async def paid(self, **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return a payment whose money is captured at the processor, and the event of it; nobody told us yet."""
        payment = (await self.shop.create(**fields)).data
        how = await self.shop.pay(payment)
        return payment, await self.event_of(how["razorpay_payment_id"])

    async def stored(self) -> list[dict[str, Any]]:
        """Return the events as the API lists them, oldest first."""
        items = (await self.shop.merchant.ask_as_owner("GET", "/api/v1/events?limit=100")).data["items"]
        return items[::-1]

    async def due(self) -> None:
        """Make every waiting event due now, as time would."""
        events = self.shop.wiring.database.collection("inbox_events")
        await events.update_many({"state": "received"}, [{"$set": {"next_attempt_at": "$$NOW"}}])


def new_event_id() -> str:
    """Return an event id nobody has used."""
    return secrets.token_hex(7)


@pytest.fixture
async def shop(mongodb_url, database_name):
    async with stepped(mongodb_url, database_name) as running:
        yield running


@pytest.fixture
def postman(shop):
    return Postman(shop)
