"""A payment that a restored backup does not know is written anew from its order (G12)."""

import asyncio
from dataclasses import replace

from app.gateways.port import CaptureMethod, GatewayOrder
from app.kit.ids import born_at
from app.kit.money import Money
from app.payments.adopting import adopted
from app.payments.models import OrderState, PaymentStatus

PAYMENT_ID = "pmt_01M847BZ7DPRNPQ6YW50C0P4JC"


def order_of(shop, **changes):
    born = shop.clock.now()
    order = GatewayOrder("order_Lost0000000001", PAYMENT_ID, Money(700, "INR"), 0, "created", born, shop.merchant.id)
    return replace(order, **changes)


async def test_g12_the_order_tells_all_that_is_known(shop):
    payment = adopted(shop.merchant.scope, order_of(shop), PAYMENT_ID, at=shop.clock.now())
    assert (payment.id, payment.money, payment.order_id) == (PAYMENT_ID, Money(700, "INR"), "order_Lost0000000001")
    assert (payment.status, payment.order_state) == (PaymentStatus.PENDING, OrderState.READY)
    assert payment.capture_method is CaptureMethod.MANUAL
    # Lists and numbers of a day look for it by its id, however long after that its order was made.
    assert payment.created_at == born_at(PAYMENT_ID)


async def test_g12_workers_side_by_side_write_one_payment(shop):
    scope, intents = shop.merchant.scope, shop.wiring.outcomes.intents
    payment = adopted(scope, order_of(shop), PAYMENT_ID, at=shop.clock.now())
    written = await asyncio.gather(*(intents.adopt_payment(scope, payment) for _ in range(8)))
    assert written == [payment] * 8
    assert [row["_id"] for row in await shop.rows("payments")] == [PAYMENT_ID]


async def test_g12_an_order_that_another_payment_has_makes_no_second_one(shop):
    scope = shop.merchant.scope
    known = (await shop.create()).data
    order = order_of(shop, id=known["order_id"])
    payment = adopted(scope, order, PAYMENT_ID, at=shop.clock.now())
    assert await shop.wiring.outcomes.intents.adopt_payment(scope, payment) is None
    assert [row["_id"] for row in await shop.rows("payments")] == [known["id"]]
