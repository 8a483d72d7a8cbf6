"""A product of its own for every test, whose mail and short messages go to a postbox."""

from dataclasses import dataclass

import pytest

from postbox import RunningPostbox
from tests.notices.post import carriers_of, listening
from tests.stepped import Stepped, stepped

ASHA = {"email": "asha.canary@example.org", "contact": "+919812345670"}
MERCHANT = "/api/v1/merchant"


@dataclass(frozen=True, slots=True)
class Office:
    """Where somebody pays, and the postbox that shows who was told."""

    shop: Stepped
    post: RunningPostbox

    @property
    def scope(self):
        return self.shop.merchant.scope

    async def set(self, **notices):
        answer = await self.shop.merchant.ask_as_owner("PATCH", MERCHANT, {"notices": notices})
        assert answer.status == 200, answer.body
        return answer.data["notices"]

    async def sell(self, **fields):
        """Let Asha pay, and do everything that follows."""
        payment = (await self.shop.create(**fields)).data
        assert (await self.shop.verify(payment, await self.shop.pay(payment, **ASHA))).status == 200
        await self.shop.drain()
        return payment

    async def give_back(self, payment, amount):
        path = f"/api/v1/payments/{payment['id']}/refunds"
        answer = await self.shop.merchant.ask("POST", path, {"amount": amount}, key="a-refund-of-asha")
        assert answer.status == 201, answer.body
        await self.shop.drain()

    async def notices(self):
        return await self.shop.rows("notices")


@pytest.fixture
async def post():
    async with listening() as running:
        yield running


@pytest.fixture
async def office(mongodb_url, database_name, post):
    async with stepped(mongodb_url, f"{database_name}-notices", webhooks_to_private=True, **carriers_of(post)) as shop:
        yield Office(shop, post)
