"""What a merchant does with payment links, and what their customers do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.links.models import Link
from app.links.opening import LinkOpening
from app.payments.models import Payment
from tests.stepped import Stepped
from tests.world import Answer

PATH = "/api/v1/payment-links"
VISIT = "a-visit-of-somebody"


@dataclass(frozen=True, slots=True)
class LinkCounter:
    """One merchant's links."""

    shop: Stepped

    @property
    def opening(self) -> LinkOpening:
        return self.shop.wiring.links.opening

    async def ask(self, method: str, path: str = "", body: Any = None) -> Answer:
        return await self.shop.merchant.ask(method, PATH + path, body)

    async def make(self, **fields: Any) -> dict[str, Any]:
        """Create a link for ₹500.00, or for what the fields say."""
        body = fields if "min_amount" in fields else {"amount": 50_000, **fields}
        answer = await self.ask("POST", body=body)
        assert answer.status == 201, answer.body
        return dict(answer.data)

    async def shown(self, link: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self.ask("GET", f"/{link['id']}")
        assert answer.status == 200, answer.body
        return dict(answer.data)

    async def stored(self, link: Mapping[str, Any]) -> Link:
        """Return the link as it is stored, without what follows from its payment."""
        found = await self.shop.wiring.links.links.store.find_link(self.shop.merchant.scope, link["id"])
        assert found is not None
        return found

    async def open(self, link: Mapping[str, Any], *, amount: int | None = None, visit: str = VISIT) -> Payment:
        """Open the link's page and choose to pay."""
        return await self.opening.open_payment(self.shop.merchant.scope, link["id"], visit=visit, amount=amount)

    async def pay(self, payment: Payment) -> None:
        """Pay at the processor and let the product look."""
        await self.shop.pay({"order_id": payment.order_id})
        await self.look(payment)

    async def look(self, payment: Payment) -> None:
        """Ask the processor about a payment."""
        answer = await self.shop.merchant.ask("POST", f"/api/v1/payments/{payment.id}/recheck")
        assert answer.status == 200, answer.body

    async def payments(self, link: Mapping[str, Any]) -> list[str]:
        """Return the states of the payments that were made through a link, newest first."""
        answer = await self.shop.merchant.ask("GET", f"/api/v1/payments?link_id={link['id']}")
        return [payment["status"] for payment in answer.data["items"]]
