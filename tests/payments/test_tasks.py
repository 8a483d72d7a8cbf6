"""The worker's looks at payments nobody told us about (B2, D8)."""

import asyncio

from app.payments.models import OrderState, PaymentStatus
from tests.stepped import AMOUNT


async def test_b2_without_any_event_all_money_is_found_within_fifteen_minutes(shop):
    created = [(await shop.create()).data for _ in range(6)]
    for payment in created:
        await shop.pay(payment)
    for _ in range(15):
        await shop.check_after(60)
    for payment in created:
        assert (await shop.stored(payment["id"])).amount_captured == AMOUNT


async def test_money_that_comes_between_two_looks_is_found_by_the_next(shop):
    payment = (await shop.create()).data
    assert await shop.check_after(60) == 1
    assert await shop.check_after(120) == 0
    await shop.pay(payment)
    assert await shop.check_after(120) == 1
    assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED


async def test_p11_two_workers_never_look_at_the_same_payment_at_once(shop):
    for _ in range(5):
        await shop.create()
    shop.clock.advance(seconds=60)
    looked = await asyncio.gather(*(shop.wiring.checks.check_next() for _ in range(12)))
    assert sum(looked) == 5


async def test_p3_a_check_whose_worker_died_is_made_by_another_when_its_lease_is_over(shop):
    await shop.create()
    shop.clock.advance(seconds=60)
    assert await shop.wiring.payments.store.claim_due_check(at=shop.clock.now()) is not None
    assert await shop.check_after(59) == 0
    assert await shop.check_after(1) == 1


async def test_a_check_that_fails_is_tried_again(shop):
    payment = (await shop.create()).data
    await shop.pay(payment)
    await shop.fault("GET /v1/orders/{id}/payments", "error_before", times=None)
    assert await shop.check_after(60) == 1
    assert (await shop.stored(payment["id"])).status is PaymentStatus.PENDING
    await shop.heal()
    assert await shop.check_after(60) == 1
    stored = await shop.stored(payment["id"])
    assert (stored.status, stored.checks) == (PaymentStatus.COMPLETED, 2)


async def test_a_refused_order_is_not_looked_at_again(shop):
    await shop.fault("POST /v1/orders", "error_before", times=1)
    await shop.fault("POST /v1/orders", "error_before", times=None, status=400)
    answer = await shop.create()
    assert answer.status == 503
    await shop.check_after(60)
    payment_id = answer.json["error"]["details"]["payment_id"]
    stored = await shop.stored(payment_id)
    assert (stored.order_state, stored.status) == (OrderState.REFUSED, PaymentStatus.FAILED)
    assert await shop.check_after(86_400) == 0


async def test_a_cancelled_payment_without_order_is_left_alone(shop):
    await shop.fault("POST /v1/orders", "error_before", times=None)
    payment_id = (await shop.create()).json["error"]["details"]["payment_id"]
    await shop.merchant.ask("POST", f"/api/v1/payments/{payment_id}/cancel")
    await shop.heal()
    assert await shop.check_after(60) == 1
    assert await shop.orders() == []
    assert await shop.check_after(86_400) == 0


async def test_i5_an_order_refused_after_the_cancellation_leaves_the_payment_cancelled(shop):
    await shop.fault("POST /v1/orders", "error_before", times=None)
    payment_id = (await shop.create(key="k-cancel")).json["error"]["details"]["payment_id"]
    await shop.merchant.ask("POST", f"/api/v1/payments/{payment_id}/cancel")
    await shop.heal()
    await shop.fault("POST /v1/orders", "error_before", times=None, status=400)
    assert (await shop.create(key="k-cancel")).code == "payment_refused"
    stored = await shop.stored(payment_id)
    assert (stored.status, stored.order_state) == (PaymentStatus.CANCELLED, OrderState.REFUSED)


async def test_an_unpaid_payment_expires_on_time(shop):
    payment = (await shop.create()).data
    await shop.check_after(86_400)
    stored = await shop.stored(payment["id"])
    assert (stored.status, stored.history[-1].event) == (PaymentStatus.EXPIRED, "payment.expired")
    for _ in range(8):
        await shop.check_after(86_400)
    assert await shop.check_after(30 * 86_400) == 0


async def test_a_check_that_was_brought_forward_meanwhile_stays_where_it_is(shop):
    payment = (await shop.create()).data
    store, scope = shop.wiring.payments.store, shop.merchant.scope
    shop.clock.advance(seconds=60)
    leased_at = shop.clock.now()
    await store.claim_due_check(at=leased_at)
    await store.schedule_check(scope, payment["id"], at=leased_at)
    await store.schedule_check(scope, payment["id"], at=None, checks=1, leased_at=leased_at)
    assert await shop.check_after(0) == 1
