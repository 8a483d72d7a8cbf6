"""A product of its own for every test, in which people pay under a name."""

from dataclasses import dataclass

import pytest

from postbox import RunningPostbox
from tests.notices.post import carriers_of, listening
from tests.stepped import Stepped, stepped

ASHA = {"email": "asha.canary@example.org", "contact": "+919812345670"}
RAVI = {"email": "ravi.canary@example.org", "contact": "+919898989801"}


@dataclass(frozen=True, slots=True)
class Counter:
    """Where people pay, and where it is seen who they are."""

    shop: Stepped
    post: RunningPostbox

    @property
    def room(self):
        return self.shop.wiring.customers

    @property
    def scope(self):
        return self.shop.merchant.scope

    async def sell(self, who, *, drains=True, **fields):
        """Let somebody pay; the outbox is worked on afterwards, unless told not to."""
        # The processor says to the second when somebody paid, and the order of customers is that of their payments.
        await self.shop.world.simulate("POST", "/_sim/clock/advance", {"seconds": 1})
        self.shop.clock.advance(seconds=1)
        payment = (await self.shop.create(**fields)).data
        assert (await self.shop.verify(payment, await self.shop.pay(payment, **who))).status == 200
        if drains:
            await self.shop.drain()
        return payment

    async def give_back(self, payment, amount, key):
        path = f"/api/v1/payments/{payment['id']}/refunds"
        answer = await self.shop.merchant.ask("POST", path, {"amount": amount}, key=key)
        assert answer.status == 201, answer.body
        await self.shop.drain()

    async def send_receipts(self):
        wanted = {"notices": {"email_receipts": True, "sms_receipts": True}}
        answer = await self.shop.merchant.ask_as_owner("PATCH", "/api/v1/merchant", wanted)
        assert answer.status == 200, answer.body

    async def send_link(self, notify):
        """Send somebody a link; the outbox is not worked on."""
        body = {"amount": 50_000, "notify": notify}
        answer = await self.shop.merchant.ask("POST", "/api/v1/payment-links", body)
        assert answer.status == 201, answer.body
        return answer.data

    async def erase(self, customer):
        """Erase somebody, and do everything that follows at once."""
        answer = await self.shop.merchant.ask_as_owner("POST", f"/api/v1/customers/{customer}/erasure")
        assert answer.status == 202, answer.body
        await self.shop.drain()

    async def listed(self):
        return (await self.shop.merchant.ask("GET", "/api/v1/customers")).data["items"]

    async def found(self, **sought):
        answer = await self.shop.merchant.ask("POST", "/api/v1/customers/search", sought)
        assert answer.status == 200, answer.body
        return [customer["id"] for customer in answer.data["items"]]


@pytest.fixture
async def counter(mongodb_url, database_name):
    async with (
        listening() as post,
        stepped(mongodb_url, f"{database_name}-customers", **carriers_of(post)) as shop,
    ):
        yield Counter(shop, post)
