"""How the end of a refund becomes known, and refunds that somebody else made (C9, C10, B5, B18, D8, I7, I8, R7)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.gateways.port import GatewayRefund
from app.gateways.port import RefundStatus as Said
from app.kit.money import Money
from app.payments.problems import (
    ProcessorCredentialsRefused,
    ProcessorOutcomeUnknown,
    ProcessorUnavailable,
)
from app.refunds.models import RefundStatus, ReviewReason, Source
from app.refunds.outcomes import Match
from app.refunds.problems import RefundBusy, RefundsNotListed
from tests.payments.test_races import Meddling
from tests.refunds.desk import LIST_ROUTE, REFUND_ROUTE
from tests.stepped import AMOUNT

S = RefundStatus
GET_ROUTE = "GET /v1/refunds/{id}"


def said_of(desk, payment, **changes):
    """Return what the processor could say of a refund that is not ours."""
    plain = GatewayRefund(
        id="rfnd_Foreign0000001",
        payment_id=payment["payment_id"],
        amount=Money(7_000, "INR"),
        status=Said.PROCESSED,
        created_at=desk.shop.clock.now(),
    )
    return replace(plain, **changes)


def record(desk, snapshot, **options):
    outcomes = desk.shop.wiring.refunds.outcomes
    # Ids sort by their millisecond, and this clock stands still.
    desk.shop.clock.advance(seconds=0.01)
    return outcomes.record_refund(desk.shop.merchant.scope, snapshot, source=Source.LIST, **options)


async def test_a_pending_refund_is_processed_when_the_event_says_so(told):
    payment = await told.paid()
    await told.policy(refund_seconds=3600)
    refund = (await told.refund(payment, 20_000)).data
    assert (refund["status"], refund["reference"]) == ("pending", None)
    await told.end(refund, "process")
    await told.hear()
    done = await told.stored(refund)
    assert (done.status, bool(done.reference)) == (S.PROCESSED, True)
    assert await told.events(refund) == ["refund.created", "refund.pending", "refund.processed"]
    assert {entry.source for entry in done.history[1:]} <= {"send", "webhook"}
    await told.assert_sound(payment)


@pytest.mark.parametrize(("seconds", "end", "was"), [(3600, "fail", "pending"), (0, "bounce", "processed")])
async def test_c9_a_refund_that_fails_days_later_gives_everything_back_and_the_merchant_hears_of_it(
    told, seconds, end, was
):
    payment = await told.paid()
    await told.policy(refund_seconds=seconds)
    refund = (await told.refund(payment, AMOUNT)).data
    assert refund["status"] == was
    assert (await told.refund(payment, 100)).code == "refund_exceeds_captured"
    await told.hear()
    told.shop.clock.advance(seconds=4 * 86_400)
    await told.end(refund, end)
    await told.hear()
    failed = await told.stored(refund)
    assert (failed.status, failed.failure) == (S.FAILED, "failed_at_bank")
    assert (await told.events(refund))[-1] == "refund.failed"
    shown = await told.shop.merchant.payment(payment["id"])
    assert (shown["status"], shown["amount_refunded"]) == ("completed", 0)
    await told.assert_sound(payment)
    await told.policy(refund_seconds=0)
    assert (await told.refund(payment, AMOUNT)).data["status"] == "processed"
    await told.assert_sound(payment)


@pytest.mark.parametrize(("seconds", "end", "after_days"), [(30 * 86_400, "fail", 4), (0, "bounce", 7)])
async def test_c9_d8_without_any_event_a_look_finds_that_a_refund_failed(desk, seconds, end, after_days):
    payment = await desk.paid()
    await desk.policy(refund_seconds=seconds)
    refund = (await desk.refund(payment, 20_000)).data
    await desk.end(refund, end)
    for _ in range(after_days):
        await desk.check_after(86_400)
    assert (await desk.stored(refund)).status is S.FAILED
    await desk.assert_sound(payment)


async def test_c10_a_refund_made_in_the_dashboard_is_taken_in_by_its_event_and_counted(told):
    payment = await told.paid()
    foreign = await told.made_elsewhere(payment, 30_000)
    await told.hear()
    (refund,) = await told.all(payment)
    assert (refund["origin"], refund["status"], refund["amount"]) == ("processor", "processed", 30_000)
    assert refund["gateway_refund_id"] == foreign["id"]
    names = await told.events(refund)
    assert (names[0], names[-1]) == ("refund.created", "refund.processed")
    assert (await told.refund(payment, 20_001)).code == "refund_exceeds_captured"
    assert (await told.refund(payment)).data["amount"] == 20_000
    await told.hear()
    await told.work()
    assert len(await told.all(payment)) == 2
    await told.assert_sound(payment)


async def test_c10_i7_without_any_event_the_payments_check_finds_it_and_its_list_brings_it_in(desk, shop):
    payment = await desk.paid()
    await desk.made_elsewhere(payment, 30_000)
    await shop.check_after(86_400)
    assert await desk.work("refunds.import") == []
    (refund,) = await desk.all(payment)
    assert (refund["origin"], refund["amount"]) == ("processor", 30_000)
    await desk.assert_sound(payment)


async def test_c10_a_list_that_is_behind_is_asked_again(desk, shop):
    payment = await desk.paid()
    await desk.made_elsewhere(payment, 30_000)
    await desk.list_lag(3600)
    await shop.check_after(86_400)
    with pytest.raises(RefundsNotListed):
        await desk.work("refunds.import")
    await desk.list_lag(0)
    assert await desk.work("refunds.import") == []
    await desk.assert_sound(payment)


async def test_c10_i15_the_trace_of_our_own_refund_costs_no_call(told):
    payment = await told.paid()
    refund = (await told.refund(payment, 20_000)).data
    await told.hear()
    calls = (await told.shop.world.simulate("GET", "/_sim/journal?kind=call")).json["last"]
    assert await told.work() == []
    assert (await told.shop.world.simulate("GET", "/_sim/journal?kind=call")).json["last"] == calls
    assert [one["id"] for one in await told.all(payment)] == [refund["id"]]


async def test_c10_a_foreign_refund_that_failed_before_we_heard_of_it_counts_nothing(desk):
    payment = await desk.paid()
    recorded = await record(desk, said_of(desk, payment, status=Said.FAILED))
    assert (recorded.match, recorded.refund.status) == (Match.APPLIED, S.FAILED)
    assert (await desk.shop.stored(payment["id"])).refunds_reserved == 0


async def test_c10_i7_a_foreign_refund_beyond_what_was_captured_is_counted_and_asks_for_a_review(desk):
    payment = await desk.paid()
    await desk.refund(payment, AMOUNT)
    await record(desk, said_of(desk, payment))
    stored = await desk.shop.stored(payment["id"])
    assert (stored.amount_refunded, stored.amount_refundable) == (AMOUNT + 7_000, 0)
    assert "refunds_exceed_capture" in stored.review


@pytest.mark.parametrize(
    "changes",
    [
        {"payment_id": "pay_NobodysPayment1"},
        {"amount": None},
        {"status": Said.UNRECOGNIZED},
        {"amount": Money(7_000, "USD")},
    ],
)
async def test_r7_b19_what_is_not_ours_or_makes_no_sense_makes_no_refund(desk, changes):
    payment = await desk.paid()
    assert (await record(desk, said_of(desk, payment, **changes))).match is Match.UNMATCHED
    assert await desk.all(payment) == []


async def test_c1_money_that_was_never_captured_goes_back_without_us(told):
    shop = told.shop
    payment = (await shop.create(capture_method="manual")).data
    paid = await shop.pay(payment)
    await shop.verify(payment, paid)
    snapshot = said_of(told, {"payment_id": paid["razorpay_payment_id"]}, amount=Money(AMOUNT, "INR"))
    assert (await record(told, snapshot)).match is Match.UNMATCHED
    attempt = (await shop.stored(payment["id"])).attempts[0]
    assert attempt.id == snapshot.payment_id


async def test_r7_a_snapshot_of_our_refund_with_another_amount_is_noted_and_moves_nothing(desk, shop):
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, "error_before")
    refund = (await desk.refund(payment, 20_000)).data
    snapshot = said_of(desk, payment, receipt=refund["id"])
    assert (await record(desk, snapshot)).match is Match.APPLIED
    stored = await desk.stored(refund)
    assert (stored.status, stored.review) == (S.REQUESTED, (ReviewReason.CONTRADICTORY_AMOUNT,))
    assert (await record(desk, snapshot)).match is Match.UNCHANGED
    shown = (await shop.merchant.ask("GET", f"/api/v1/refunds/{refund['id']}")).data
    assert (shown["needs_review"], shown["review"]) == (True, ["contradictory_amount"])
    await desk.work()
    await desk.assert_sound(payment)


async def test_a_refund_whose_status_nobody_knows_is_not_sent_again_but_looked_at(desk, shop):
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, "reset_after")
    await shop.fault(LIST_ROUTE, "error_before", times=3)
    refund = (await desk.refund(payment, 20_000)).data
    assert refund["status"] == "requested"
    (theirs,) = await desk.at_processor()
    snapshot = said_of(
        desk, payment, id=theirs["id"], receipt=refund["id"], amount=Money(20_000, "INR"), status=Said.UNRECOGNIZED
    )
    await record(desk, snapshot)
    assert await desk.work() == []
    assert (len(await desk.sends()), (await desk.stored(refund)).status) == (1, S.REQUESTED)
    await desk.check_after(60)
    assert (await desk.stored(refund)).status is S.PROCESSED
    await desk.assert_sound(payment)


async def test_a_refusal_that_was_a_lie_is_put_right_by_the_money(desk, shop):
    payment = await desk.paid()
    await desk.policy(refund_balance=1)
    await desk.refund(payment, 20_000)
    (refused,) = await desk.all(payment)
    snapshot = said_of(desk, payment, receipt=refused["id"], amount=Money(20_000, "INR"))
    assert (await record(desk, snapshot)).match is Match.APPLIED
    newest, oldest = await desk.all(payment)
    assert (oldest["status"], newest["status"], newest["origin"]) == ("failed", "processed", "processor")
    assert (await shop.stored(payment["id"])).amount_refunded == 20_000


async def test_b5_b18_i9_twenty_at_once_that_say_the_same_make_one_refund(desk):
    payment = await desk.paid()
    snapshot = said_of(desk, payment)
    recorded = await asyncio.gather(*(record(desk, snapshot) for _ in range(20)))
    assert sorted(one.match for one in recorded) == [Match.APPLIED] + [Match.UNCHANGED] * 19
    assert len({one.refund.id for one in recorded}) == 1
    assert (await desk.shop.stored(payment["id"])).amount_refunded == 7_000


async def test_a_refund_that_others_keep_changing_is_given_up_and_nothing_is_written(desk, shop):
    payment = await desk.paid()
    await desk.policy(refund_seconds=3600)
    refund = (await desk.refund(payment, 20_000)).data
    rows = shop.wiring.database.collection("refunds")
    outcomes = shop.wiring.refunds.outcomes

    async def overtake():
        await rows.update_one({"_id": refund["id"]}, {"$inc": {"version": 1}})

    snapshot = said_of(desk, payment, id=refund["gateway_refund_id"], amount=Money(20_000, "INR"))
    once = replace(outcomes, writer=Meddling(outcomes.writer, "write", overtake))
    always = replace(outcomes, writer=Meddling(outcomes.writer, "write", overtake, times=99))
    with pytest.raises(RefundBusy):
        await always.record_refund(shop.merchant.scope, snapshot, source=Source.LIST)
    assert (await desk.stored(refund)).status is S.PENDING
    recorded = await once.record_refund(shop.merchant.scope, snapshot, source=Source.LIST)
    assert (recorded.match, recorded.refund.status) == (Match.APPLIED, S.PROCESSED)


@pytest.mark.parametrize(
    ("mode", "problem"),
    [
        ("error_before", ProcessorOutcomeUnknown),
        ("unauthorized_string", ProcessorCredentialsRefused),
        ("error_before_404", ProcessorOutcomeUnknown),
    ],
)
async def test_a_look_that_tells_nothing_is_repeated_later(desk, shop, mode, problem):
    payment = await desk.paid()
    await desk.policy(refund_seconds=3600)
    refund = (await desk.refund(payment, 20_000)).data
    status = {"status": 404} if mode.endswith("404") else {}
    await shop.fault(GET_ROUTE, mode.removesuffix("_404"), times=None, **status)
    outcomes, scope = shop.wiring.refunds.outcomes, shop.merchant.scope
    with pytest.raises(problem):
        await outcomes.check_refund(scope, await desk.stored(refund))
    assert await desk.check_after(60) == 1
    await shop.heal()
    await desk.end(refund, "process")
    assert await desk.check_after(120) == 1
    assert (await desk.stored(refund)).status is S.PROCESSED


async def test_an_open_breaker_lets_the_look_wait(desk, shop):
    payment = await desk.paid()
    await desk.policy(refund_seconds=3600)
    refund = await desk.stored((await desk.refund(payment, 20_000)).data)
    await shop.fault("* /v1/*", "error_before", times=None)
    outcomes, scope = shop.wiring.refunds.outcomes, shop.merchant.scope
    problems = set()
    for _ in range(15):
        with pytest.raises((ProcessorOutcomeUnknown, ProcessorUnavailable)) as caught:
            await outcomes.check_refund(scope, refund)
        problems.add(type(caught.value))
    assert ProcessorUnavailable in problems
    await shop.heal()
    assert (await outcomes.check_refund(scope, refund)).status is S.PENDING


@pytest.mark.parametrize(
    ("mode", "problem"),
    [("error_before", ProcessorOutcomeUnknown), ("unauthorized_string", ProcessorCredentialsRefused)],
)
async def test_an_import_that_can_not_see_the_list_is_repeated(desk, shop, mode, problem):
    payment = await desk.paid()
    await desk.made_elsewhere(payment, 30_000)
    await shop.check_after(86_400)
    await shop.fault(LIST_ROUTE, mode, times=None)
    with pytest.raises(problem):
        await desk.work("refunds.import")
    await shop.heal()
    assert await desk.work("refunds.import") == []
    await desk.assert_sound(payment)


async def test_an_import_for_no_payment_finds_nothing(desk, shop):
    outcomes = shop.wiring.refunds.outcomes
    assert await outcomes.import_refunds(shop.merchant.scope, "pmt_01KAQ7X2V8M3TZB5C6D9EFGHJK") == 0


async def test_refunds_that_are_not_through_after_days_are_an_alarm(desk, shop):
    payment = await desk.paid()
    await desk.policy(refund_seconds=30 * 86_400)
    await desk.refund(payment, 20_000)
    await desk.refund(payment, 20_000)
    store = shop.wiring.refunds.store
    assert await store.measure_open(before=shop.clock.now() + timedelta(seconds=1)) == 2
    assert await store.measure_open(before=shop.clock.now() - timedelta(days=5)) == 0
    shop.clock.advance(seconds=6 * 86_400)
    assert b"refunds_overdue 2.0" in (await shop.world.ask("GET", "/metrics")).body
