"""Whoever loses a race for a refund writes nothing, and says so when it never ends (C4, A9, B18)."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.gateways.port import GatewayRefund
from app.gateways.port import RefundStatus as Said
from app.kit.money import Money
from app.refunds.models import RefundStatus, Source
from app.refunds.outcomes import Match
from app.refunds.problems import RefundBusy
from app.refunds.service import NewRefund
from app.refunds.writing import NotWritten
from tests.payments.test_races import Meddling, OneGateway
from tests.refunds.desk import REFUND_ROUTE


@dataclass
class Overtaken:
    """A writer that always finds somebody else to have been first."""

    times: int
    writer: Any = None

    async def write(self, *words: Any, **options: Any) -> Any:
        self.times -= 1
        if self.times >= 0:
            return NotWritten.OVERTAKEN
        return await self.writer.write(*words, **options)


def create(shop, refunds, payment):
    new = NewRefund(amount=20_000)
    return refunds.create_refund(shop.merchant.scope, payment["id"], new, key="k-race", fingerprint="f")


async def test_c4_a_reservation_that_is_overtaken_looks_again_and_gives_up_in_the_end(desk, shop):
    payment, refunds = await desk.paid(), shop.wiring.refunds.refunds
    with pytest.raises(RefundBusy):
        await create(shop, replace(refunds, writer=Overtaken(times=99)), payment)
    assert await desk.all(payment) == await desk.at_processor() == []
    made = await create(shop, replace(refunds, writer=Overtaken(times=3, writer=refunds.writer)), payment)
    assert made.status is RefundStatus.PROCESSED
    await desk.assert_sound(payment)


async def test_c4_whoever_waits_too_long_for_the_payments_turn_writes_nothing(desk, shop):
    payment, refunds = await desk.paid(), shop.wiring.refunds.refunds
    hurried = replace(refunds.writer, turn_seconds=0.01)
    async with hurried.turns.turn(payment["id"], within_seconds=1):
        with pytest.raises(RefundBusy):
            await create(shop, replace(refunds, writer=hurried), payment)
    assert await desk.all(payment) == []
    assert (await create(shop, refunds, payment)).status is RefundStatus.PROCESSED


async def test_a_cancellation_that_is_overtaken_looks_again_and_gives_up_in_the_end(desk, shop):
    payment, refunds = await desk.paid(), shop.wiring.refunds.refunds
    await shop.fault(REFUND_ROUTE, "error_before")
    refund = (await desk.refund(payment, 20_000)).data
    rows = shop.wiring.database.collection("refunds")
    await rows.update_one({"_id": refund["id"]}, {"$set": {"sends": 0, "sent_at": None}})
    with pytest.raises(RefundBusy):
        await replace(refunds, writer=Overtaken(times=99)).cancel_refund(shop.merchant.scope, refund["id"])
    once = replace(refunds, writer=Overtaken(times=1, writer=refunds.writer))
    assert (await once.cancel_refund(shop.merchant.scope, refund["id"])).status is RefundStatus.CANCELLED
    await desk.assert_sound(payment)


async def test_a_foreign_refund_of_money_that_is_no_longer_known_as_captured_is_not_counted(desk, shop):
    payment, outcomes = await desk.paid(), shop.wiring.refunds.outcomes

    async def not_completed():
        await shop.change(payment["id"], status="authorized")

    meddled = replace(outcomes, writer=Meddling(outcomes.writer, "write", not_completed))
    snapshot = GatewayRefund(
        id="rfnd_Foreign0000001",
        payment_id=payment["payment_id"],
        amount=Money(7_000, "INR"),
        status=Said.PROCESSED,
        created_at=shop.clock.now(),
    )
    recorded = await meddled.record_refund(shop.merchant.scope, snapshot, source=Source.LIST)
    assert (recorded.match, await desk.all(payment)) == (Match.UNMATCHED, [])


async def test_an_answer_that_says_nothing_of_the_end_lets_the_refund_go(desk, shop):
    payment, refunds = await desk.paid(), shop.wiring.refunds
    gateway = await refunds.sending.gateways.of(shop.merchant.scope)

    class Vague:
        def __getattr__(self, name):
            return getattr(gateway, name)

        async def create_refund(self, payment_id, *, body, key):
            return replace(await gateway.create_refund(payment_id, body=body, key=key), status=Said.UNRECOGNIZED)

    vague = replace(refunds.sending, gateways=OneGateway(Vague()))
    made = await create(shop, replace(refunds.refunds, sending=vague), payment)
    assert (made.status, made.gateway_refund_id is None) == (RefundStatus.REQUESTED, False)
    row = await shop.wiring.database.collection("refunds").find_one({"_id": made.id})
    assert (row["owner"], row["leased_until"]) == (None, None)
    await desk.check_after(60)
    assert (await desk.stored({"id": made.id})).status is RefundStatus.PROCESSED
    assert len(await desk.sends()) == 1
    await desk.assert_sound(payment)
