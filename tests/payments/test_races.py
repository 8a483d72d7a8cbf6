"""Whoever loses a race writes nothing and finds out what the winner wrote (A9, B18, P3)."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.gateways.port import AttemptStatus, Gateway
from app.idempotency.service import IdempotencyKeyInUse
from app.kit.clock import MovableClock
from app.kit.money import Money
from app.payments.models import RANK, OrderState, PaymentStatus, Source
from app.payments.problems import (
    PaymentBusy,
    ProcessorCredentialsRefused,
    ProcessorOutcomeUnknown,
    ProcessorUnavailable,
    ReferenceTaken,
)
from app.payments.service import NewPayment
from tests.payments.samples import snapshot
from tests.world import new_key

NEW = NewPayment(money=Money(50_000, "INR"), reference="race-1")


@dataclass
class Meddling:
    """A collaborator that lets somebody else act right before one of its calls."""

    inner: Any
    before: str
    act: Any
    times: int = 1

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name != self.before:
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            if self.times:
                self.times -= 1
                await self.act()
            return await found(*args, **kwargs)

        return call


@dataclass
class OneGateway:
    """Gives everybody the same gateway."""

    gateway: Any

    async def of(self, scope: Any) -> Gateway:
        return self.gateway


def create(shop, payments, new=NEW, key="k-race"):
    return payments.create_payment(
        shop.merchant.scope, new, key=key, fingerprint="f", render=lambda payment: str(payment.order_id).encode()
    )


async def test_a10_a_key_that_is_forgotten_between_two_looks_is_tried_again(shop):
    payments, scope = shop.wiring.payments, shop.merchant.scope
    first = await create(shop, payments, replace(NEW, reference=None))
    (stored,) = (await shop.merchant.ask("GET", "/api/v1/payments")).data["items"]

    async def forget():
        await shop.wiring.database.collection("payments").update_one(
            {"_id": stored["id"]}, {"$unset": {"idempotency": ""}}
        )

    meddled = replace(payments, intents=Meddling(payments.intents, "find_by_key", forget))
    second = await create(shop, meddled, replace(NEW, reference=None))
    assert (second.replayed, first.body != second.body) == (False, True)
    assert await payments.intents.find_by_key(scope, key="k-race") is not None


async def test_a10_a_key_that_is_never_to_be_had_is_given_up(shop):
    payments = shop.wiring.payments
    await create(shop, payments, replace(NEW, reference=None))
    # Another request keeps taking the key and letting it go: here, a store that never finds who has it.

    class Blind:
        def __getattr__(self, name):
            return getattr(payments.intents, name)

        async def find_by_key(self, scope, *, key):
            return None

    with pytest.raises(PaymentBusy):
        await create(shop, replace(payments, intents=Blind()), replace(NEW, reference=None))


async def test_a10_a_reference_of_another_key_is_refused_even_if_that_key_is_free_again(shop):
    payments = shop.wiring.payments
    await create(shop, payments)
    with pytest.raises(ReferenceTaken):
        await create(shop, payments, key="k-other")


async def test_a9_the_order_that_the_janitor_recorded_first_is_the_answer(shop):
    payments, scope = shop.wiring.payments, shop.merchant.scope
    gateway = await payments.gateways.of(scope)
    rows = shop.wiring.database.collection("payments")

    async def janitor():
        row = await rows.find_one({})
        await rows.update_one(
            {"_id": row["_id"]}, {"$set": {"order_state": "ready", "order_id": "order_Janitor0000001"}}
        )

    meddled = replace(payments, gateways=OneGateway(Meddling(gateway, "create_order", janitor)))
    created = await create(shop, meddled)
    assert created.body == b"order_Janitor0000001"


async def test_a9_a_holder_whose_key_another_took_over_waits_for_the_other(shop):
    payments, scope = shop.wiring.payments, shop.merchant.scope
    gateway = await payments.gateways.of(scope)
    rows = shop.wiring.database.collection("payments")

    async def taken_over():
        row = await rows.find_one({})
        await rows.update_one({"_id": row["_id"]}, {"$set": {"idempotency.owner": "lse_other"}})

    meddled = replace(payments, gateways=OneGateway(Meddling(gateway, "create_order", taken_over)))
    with pytest.raises(IdempotencyKeyInUse):
        await create(shop, meddled)


@pytest.mark.parametrize("mode", ["error_before", "unauthorized_string"])
async def test_a2_a_worker_that_can_not_resume_leaves_the_key_to_its_client(shop, mode):
    await shop.fault("POST /v1/orders", "error_before", times=1)
    answer = await shop.create(key="k-resume")
    payment_id = answer.json["error"]["details"]["payment_id"]
    await shop.fault("POST /v1/orders", mode, times=None)
    assert await shop.check_after(60) == 1
    assert (await shop.stored(payment_id)).order_state is OrderState.UNKNOWN
    await shop.heal()
    assert (await shop.create(key="k-resume")).status == 201


async def unknown(shop):
    """Ask for a payment whose order nobody knows of; return it as it is stored."""
    await shop.fault("POST /v1/orders", "error_before", times=1)
    with pytest.raises(ProcessorOutcomeUnknown):
        await create(shop, shop.wiring.payments)
    (row,) = (await shop.merchant.ask("GET", "/api/v1/payments")).data["items"]
    return await shop.stored(row["id"])


async def test_i3_a_worker_and_a_client_never_ask_for_one_order_at_the_same_time(shop):
    """A processor that takes a receipt twice would make two."""
    stored = await unknown(shop)
    payments, scope = shop.wiring.payments, shop.merchant.scope
    gateway = await payments.gateways.of(scope)

    async def the_client_asks_again():
        with pytest.raises(IdempotencyKeyInUse):
            await create(shop, payments)

    await shop.fault("POST /v1/orders", "error_before", times=1)
    worker = replace(payments, gateways=OneGateway(Meddling(gateway, "create_order", the_client_asks_again)))
    with pytest.raises(ProcessorOutcomeUnknown):
        await worker.resume_order(scope, stored)

    async def the_worker_looks():
        with pytest.raises(PaymentBusy):
            await payments.resume_order(scope, stored)

    client = replace(payments, gateways=OneGateway(Meddling(gateway, "create_order", the_worker_looks)))
    created = await create(shop, client)
    assert (created.body.decode(), created.replayed) == ((await shop.stored(stored.id)).order_id, False)
    assert len(await shop.orders()) == 1


async def test_a2_whom_the_worker_was_faster_than_goes_on_at_once_with_its_order(shop):
    stored = await unknown(shop)
    payments, scope = shop.wiring.payments, shop.merchant.scope
    ready = await payments.resume_order(scope, stored)
    # A second look began before the first one ended: it finds the order, and lets go of the key too.
    assert await payments.resume_order(scope, stored) == ready
    assert (await create(shop, payments)).body.decode() == ready.order_id
    assert len(await shop.orders()) == 1


async def test_a9_who_takes_a_key_over_that_was_answered_meanwhile_repeats_the_answer(shop):
    await unknown(shop)
    payments = shop.wiring.payments

    async def another_is_answered():
        await create(shop, payments)
        await shop.wiring.database.collection("payments").update_one({}, {"$set": {"idempotency.leased_at": None}})

    late = replace(payments, intents=Meddling(payments.intents, "take_over_key", another_is_answered))
    repeated = await create(shop, late)
    assert (repeated.replayed, repeated.body) == (True, (await create(shop, payments)).body)
    assert len(await shop.orders()) == 1


async def test_g12_a_payment_without_a_key_is_resumed_by_the_worker_alone(shop):
    stored = await unknown(shop)
    await shop.wiring.database.collection("payments").update_one({}, {"$unset": {"idempotency": ""}})
    await shop.fault("POST /v1/orders", "unauthorized_string", times=1)
    with pytest.raises(ProcessorCredentialsRefused):
        await shop.wiring.payments.resume_order(shop.merchant.scope, stored)
    assert (await shop.wiring.payments.resume_order(shop.merchant.scope, stored)).order_state is OrderState.READY


async def test_i5_a_remark_is_written_with_the_status_that_the_payment_has_then(shop):
    payment = (await shop.create(capture_method="manual")).data
    await shop.verify(payment, await shop.pay(payment))
    store, scope = shop.wiring.payments.store, shop.merchant.scope
    outcomes = shop.wiring.outcomes

    async def the_capture_is_told():
        answer = await shop.merchant.ask("POST", f"/api/v1/payments/{payment['id']}/capture", key=new_key())
        assert answer.status == 200, answer.body

    late = replace(outcomes, store=Meddling(store, "add_history", the_capture_is_told))
    await late.capture_payment(scope, payment["id"], amount=None)
    captured = await shop.stored(payment["id"])
    ranks = [RANK[entry.status] for entry in captured.history]
    assert (ranks, captured.history[-1].event) == (sorted(ranks), "capture.requested")


async def test_an_open_breaker_lets_the_worker_wait_too(shop):
    await shop.fault("* /v1/*", "error_before", times=None)
    for number in range(12):
        await shop.create(key=f"k-{number}")
    (newest,) = (await shop.merchant.ask("GET", "/api/v1/payments?limit=1")).data["items"]
    stored = await shop.stored(newest["id"])
    with pytest.raises(ProcessorUnavailable):
        await shop.wiring.payments.resume_order(shop.merchant.scope, stored)
    await shop.heal()
    assert (await shop.wiring.payments.resume_order(shop.merchant.scope, stored)).order_state is OrderState.READY


async def test_a_cancellation_that_was_overtaken_looks_again(shop):
    payment = (await shop.create()).data
    payments, scope = shop.wiring.payments, shop.merchant.scope

    async def overtake():
        await shop.change(payment["id"], checks=1)

    once = replace(payments, store=Meddling(payments.store, "move_status", overtake))
    assert (await once.cancel_payment(scope, payment["id"])).status is PaymentStatus.CANCELLED
    other = (await shop.create()).data

    async def overtake_other():
        await shop.change(other["id"], checks=1)

    always = replace(payments, store=Meddling(payments.store, "move_status", overtake_other, times=99))
    with pytest.raises(PaymentBusy):
        await always.cancel_payment(scope, other["id"])
    assert (await shop.stored(other["id"])).status is PaymentStatus.PENDING


async def test_a2_a_refusal_that_comes_after_the_order_is_known_changes_nothing(shop):
    payment = (await shop.create()).data
    before, payments = await shop.stored(payment["id"]), shop.wiring.payments

    async def told(*_):
        message = "nothing happened, so nothing is told"
        raise AssertionError(message)

    await payments.intents.record_order_refused(
        shop.merchant.scope, payment["id"], reason="late", at=shop.clock.now(), told=told
    )
    assert await shop.stored(payment["id"]) == before


async def test_an_expiry_that_was_overtaken_by_money_is_none(shop):
    payment = (await shop.create()).data
    outcomes, scope = shop.wiring.outcomes, shop.merchant.scope
    shop.clock.advance(seconds=2 * 86_400)

    async def money():
        said = snapshot(AttemptStatus.CAPTURED, order_id=payment["order_id"])
        await outcomes.record_evidence(scope, said, source=Source.WEBHOOK)

    meddled = replace(outcomes, store=Meddling(outcomes.store, "move_status", money))
    assert (await meddled.check_payment(scope, payment["id"])).status is PaymentStatus.COMPLETED


async def test_a_slow_processor_is_not_asked_again_for_what_it_may_have_done(shop):
    payments = shop.wiring.payments
    gateway = await payments.gateways.of(shop.merchant.scope)
    clock = MovableClock(shop.clock.now())

    async def six_seconds_pass():
        clock.advance(seconds=6)

    await shop.fault("POST /v1/orders", "reset_after")
    slow = replace(payments, clock=clock, gateways=OneGateway(Meddling(gateway, "create_order", six_seconds_pass)))
    with pytest.raises(ProcessorOutcomeUnknown):
        await create(shop, slow)
    assert (await create(shop, payments)).body.startswith(b"order_")
    assert len(await shop.orders()) == 1


async def test_looking_again_at_a_payment_without_order_says_that_it_is_not_ready(shop):
    await shop.fault("POST /v1/orders", "error_before", times=None)
    payment_id = (await shop.create()).json["error"]["details"]["payment_id"]
    answer = await shop.merchant.ask("POST", f"/api/v1/payments/{payment_id}/recheck")
    assert (answer.status, answer.code) == (409, "order_not_ready")


async def test_c1_an_authorisation_that_went_back_is_not_captured(shop):
    payment = (await shop.create()).data
    outcomes, scope = shop.wiring.outcomes, shop.merchant.scope
    for status in (AttemptStatus.AUTHORIZED, AttemptStatus.REFUNDED):
        said = snapshot(status, order_id=payment["order_id"], captured=False)
        await outcomes.record_evidence(scope, said, source=Source.WEBHOOK)
    checked = await outcomes.check_payment(scope, payment["id"])
    assert (checked.status, checked.amount_captured) == (PaymentStatus.AUTHORIZED, 0)


async def test_an_open_breaker_refuses_a_capture_at_once_and_brings_the_check_forward(shop):
    payment = (await shop.create(capture_method="manual")).data
    paid = await shop.pay(payment)
    await shop.verify(payment, paid)
    await shop.fault("* /v1/*", "error_before", times=None)
    path = f"/api/v1/payments/{payment['id']}/capture"
    codes = {(await shop.merchant.ask("POST", path, key=new_key())).code for _ in range(15)}
    assert "processor_unavailable" in codes
    await shop.heal()
    assert await shop.check_after(0) == 1
