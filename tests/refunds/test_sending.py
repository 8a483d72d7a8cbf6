"""A refund whose answer is lost, late or a lie is one refund all the same (C6, C7, C8, A2, A12, R3, R5, P3)."""

import asyncio
from dataclasses import replace

import pytest

from app.gateways.port import DuplicateReceipt, Refused
from app.payments.problems import ProcessorOutcomeUnknown
from app.refunds.models import RefundStatus
from app.refunds.problems import RefundRefused
from app.refunds.service import NewRefund
from tests.payments.test_races import Meddling, OneGateway
from tests.refunds.desk import LIST_ROUTE, REFUND_ROUTE
from tests.stepped import AMOUNT

S = RefundStatus


async def one_send_apart(desk, payment):
    """Hold that every send was the very same, and that there is one refund."""
    sends = await desk.sends()
    (refund,) = await desk.all(payment)
    assert {one["idempotency_key"] for one in sends} == {refund["id"]}
    assert len({one["body_sha256"] for one in sends}) == 1
    (theirs,) = await desk.at_processor()
    assert theirs["receipt"] == theirs["notes"]["refund_id"] == refund["id"]
    assert theirs["notes"]["payment_id"] == payment["id"]
    await desk.assert_sound(payment)
    return refund, sends


@pytest.mark.parametrize("mode", ["reset_after", "error_after", "truncated_json", "empty_200", "html_502"])
async def test_c6_r3_r5_an_answer_that_is_lost_is_looked_up_and_never_sent_twice(desk, shop, mode):
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, mode)
    answer = await desk.refund(payment, 20_000)
    assert answer.status == 201, answer.body
    if answer.data["status"] == "requested":
        # It never arrived (the mode answers instead of the processor), so the worker sends it.
        assert await desk.work() == []
    refund, sends = await one_send_apart(desk, payment)
    assert (refund["status"], len(sends)) == ("processed", 2 if answer.data["status"] == "requested" else 1)


async def test_c6_i9_a_refund_whose_answer_and_list_are_lost_is_sent_again_the_very_same_and_is_one(desk, shop):
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, "reset_after", times=2)
    await shop.fault(LIST_ROUTE, "error_before", times=None)
    answer = await desk.refund(payment, 20_000, key="k-1")
    assert (answer.status, answer.data["status"]) == (201, "requested")
    stored = await desk.stored(answer.data)
    assert (stored.sends, (await shop.stored(payment["id"])).refunds_reserved) == (1, 20_000)
    # Nothing leaves again before the list was looked at.
    with pytest.raises(ProcessorOutcomeUnknown):
        await desk.work("refund.send")
    assert len(await desk.sends()) == 1
    again = await desk.refund(payment, 20_000, key="k-1")
    assert (again.status, again.body) == (201, answer.body)
    await shop.heal()
    await desk.list_lag(3600)
    # The list is behind, so the same bytes go out under the same key, and the processor knows them.
    assert await desk.work("refund.send") == []
    await desk.list_lag(0)
    refund, sends = await one_send_apart(desk, payment)
    assert (refund["status"], len(sends)) == ("processed", 2)


async def test_c7_a_refund_still_in_progress_is_waited_for_under_the_same_key(desk, shop):
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, "conflict_409")
    answer = await desk.refund(payment, 20_000)
    assert (answer.status, answer.data["status"]) == (201, "requested")
    await desk.check_after(60)
    refund, sends = await one_send_apart(desk, payment)
    assert (refund["status"], len(sends)) == ("processed", 2)


async def test_c8_a_processor_that_ignores_its_keys_makes_one_refund_because_we_look_first(desk, shop):
    payment = await desk.paid()
    await shop.fault(LIST_ROUTE, "error_before", times=3)
    await shop.fault(REFUND_ROUTE, "reset_after")
    await shop.fault(REFUND_ROUTE, "ignore_idempotency", times=None)
    answer = await desk.refund(payment, 20_000)
    assert answer.data["status"] == "requested"
    await shop.heal()
    await shop.fault(REFUND_ROUTE, "ignore_idempotency", times=None)
    assert await desk.work("refund.send") == []
    refund, sends = await one_send_apart(desk, payment)
    assert (refund["status"], len(sends)) == ("processed", 1)


async def test_c8_a_receipt_that_the_processor_has_already_means_that_the_refund_is_there(desk, shop):
    """A processor without keys whose list is behind refuses our receipt: that is no refusal of the refund."""
    payment = await desk.paid()
    await desk.list_lag(3600)
    await shop.fault(REFUND_ROUTE, "reset_after")
    answer = await desk.refund(payment, 20_000)
    assert answer.data["status"] == "requested"
    sending, scope = shop.wiring.refunds.sending, shop.merchant.scope
    gateway = await sending.gateways.of(scope)

    class Keyless:
        def __getattr__(self, name):
            return getattr(gateway, name)

        async def create_refund(self, payment_id, *, body, key):
            raise DuplicateReceipt(None)

    keyless = replace(sending, gateways=OneGateway(Keyless()))
    with pytest.raises(ProcessorOutcomeUnknown):
        await keyless.send_refund(scope, await desk.stored(answer.data))
    await desk.list_lag(0)
    assert await desk.work("refund.send") == []
    refund, sends = await one_send_apart(desk, payment)
    assert (refund["status"], len(sends)) == ("processed", 1)


async def test_c6_a_no_after_a_lost_answer_is_not_believed_before_lists_must_show_the_truth(desk, shop):
    """The first refund took all; a key-less second try is refused just because of it."""
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, "reset_after")
    await shop.fault(LIST_ROUTE, "error_before", times=None)
    answer = await desk.refund(payment, AMOUNT)
    assert answer.data["status"] == "requested"
    sending, scope = shop.wiring.refunds.sending, shop.merchant.scope
    gateway = await sending.gateways.of(scope)

    class Blind:
        def __getattr__(self, name):
            return getattr(gateway, name)

        async def list_payment_refunds(self, payment_id):
            return ()

        async def create_refund(self, payment_id, *, body, key):
            raise Refused("refund_limit_crossed", status=400)

    blind = replace(sending, gateways=OneGateway(Blind()))
    for _ in range(2):
        with pytest.raises(ProcessorOutcomeUnknown):
            await blind.send_refund(scope, await desk.stored(answer.data))
    await shop.heal()
    assert await desk.work("refund.send") == []
    refund, sends = await one_send_apart(desk, payment)
    assert (refund["status"], len(sends)) == ("processed", 1)


async def test_c6_a_no_after_a_lost_answer_is_believed_in_the_end(desk, shop):
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, "error_before")
    answer = await desk.refund(payment, AMOUNT)
    assert answer.data["status"] == "requested"
    await desk.policy(refund_balance=1)
    with pytest.raises(ProcessorOutcomeUnknown):
        await desk.work("refund.send")
    shop.clock.advance(seconds=16 * 60)
    assert await desk.work("refund.send") == []
    stored = await desk.stored(answer.data)
    assert (stored.status, stored.failure) == (S.FAILED, "refund_limit_crossed")
    await desk.assert_sound(payment)


async def test_a2_a_refund_whose_maker_died_before_sending_is_sent_by_the_worker(desk, shop):
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, "error_before")
    refund = (await desk.refund(payment, 20_000)).data
    rows = shop.wiring.database.collection("refunds")
    await rows.update_one({"_id": refund["id"]}, {"$set": {"sends": 0, "sent_at": None, "sent_before": None}})
    assert await desk.work() == []
    assert (await desk.stored(refund)).status is S.PROCESSED
    assert await desk.work() == []
    await desk.assert_sound(payment)


async def test_a2_the_same_key_goes_on_where_its_first_request_died(desk, shop):
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, "error_before")
    first = await desk.refund(payment, 20_000, key="k-1")
    await shop.wiring.database.collection("idempotency_keys").delete_many({})
    again = await desk.refund(payment, 20_000, key="k-1")
    assert (again.status, again.data["id"], again.data["status"]) == (201, first.data["id"], "processed")
    await desk.assert_sound(payment)


async def test_p3_a_refund_that_somebody_is_sending_is_left_to_them_until_their_lease_is_over(desk, shop):
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, "error_before")
    refund = (await desk.refund(payment, 20_000)).data
    store, scope = shop.wiring.refunds.store, shop.merchant.scope
    assert await store.claim_send(scope, refund["id"], owner="lse_other", at=shop.clock.now()) is not None
    assert await desk.work() == ["refund.send"]
    assert await desk.check_after(60) == 1
    assert (await desk.stored(refund)).status is S.REQUESTED
    rows = shop.wiring.database.collection("refunds")
    await rows.update_one({"_id": refund["id"]}, {"$currentDate": {"leased_until": True}})
    await asyncio.sleep(0.01)
    assert await desk.work() == []
    assert (await desk.stored(refund)).status is S.PROCESSED


async def test_p3_a_holder_whose_lease_went_to_another_can_not_end_the_refund_by_a_late_no(desk, shop):
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, "error_before")
    refund = (await desk.refund(payment, 20_000)).data
    sending, scope = shop.wiring.refunds.sending, shop.merchant.scope
    gateway = await sending.gateways.of(scope)
    rows = shop.wiring.database.collection("refunds")
    await desk.policy(refund_balance=1)

    async def taken_over():
        await rows.update_one({"_id": refund["id"]}, {"$set": {"owner": "lse_other"}})

    shop.clock.advance(seconds=16 * 60)
    late = replace(sending, gateways=OneGateway(Meddling(gateway, "create_refund", taken_over)))
    with pytest.raises(ProcessorOutcomeUnknown):
        await late.send_refund(scope, await desk.stored(refund))
    assert (await desk.stored(refund)).status is S.REQUESTED
    await desk.assert_sound(payment)


async def test_i13_who_meets_a_refund_that_another_heard_a_no_for_hears_it_too(desk, shop):
    payment = await desk.paid()
    refunds, scope = shop.wiring.refunds.refunds, shop.merchant.scope
    await shop.fault(REFUND_ROUTE, "error_before")
    refund = (await desk.refund(payment, 20_000, key="k-1")).data
    stored = await desk.stored(refund)
    await desk.policy(refund_balance=1)
    shop.clock.advance(seconds=16 * 60)

    class AfterAnother:
        async def of(self, scope):
            with pytest.raises(RefundRefused):
                await refunds.sending.send_refund(scope, stored)
            return await refunds.gateways.of(scope)

    late = replace(refunds, sending=replace(refunds.sending, gateways=AfterAnother()))
    with pytest.raises(RefundRefused) as heard:
        await late.create_refund(scope, payment["id"], NewRefund(20_000), key="k-1", fingerprint=stored.fingerprint)
    assert heard.value.details == {"reason": "refund_limit_crossed", "refund_id": refund["id"]}
    await desk.assert_sound(payment)


async def test_a_slow_processor_is_not_asked_again_for_what_it_may_have_done(desk, shop):
    payment = await desk.paid()
    sending = shop.wiring.refunds.sending
    gateway = await sending.gateways.of(shop.merchant.scope)
    await shop.fault(REFUND_ROUTE, "error_before")
    refund = (await desk.refund(payment, 20_000)).data

    async def six_seconds_pass():
        shop.clock.advance(seconds=6)

    await shop.fault(REFUND_ROUTE, "reset_after")
    slow = replace(sending, gateways=OneGateway(Meddling(gateway, "create_refund", six_seconds_pass)))
    with pytest.raises(ProcessorOutcomeUnknown):
        await slow.send_refund(shop.merchant.scope, await desk.stored(refund))
    assert await desk.work() == []
    await one_send_apart(desk, payment)


async def test_r7_an_answer_of_another_amount_proves_nothing(desk, shop):
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, "wrong_amount")
    answer = await desk.refund(payment, 20_000)
    assert answer.status == 201
    await desk.work()
    refund, sends = await one_send_apart(desk, payment)
    assert (refund["status"], refund["amount"], len(sends)) == ("processed", 20_000, 1)


async def test_r10_a_wrong_key_met_by_the_worker_holds_the_refund_until_it_is_right(desk, shop):
    payment = await desk.paid()
    await shop.fault(REFUND_ROUTE, "error_before")
    refund = (await desk.refund(payment, 20_000)).data
    await shop.fault(LIST_ROUTE, "unauthorized_string")
    await shop.fault(REFUND_ROUTE, "unauthorized_string")
    assert await desk.check_after(60) == 1
    assert (await desk.stored(refund)).status is S.REQUESTED
    assert await desk.check_after(60) == 1
    assert (await desk.stored(refund)).status is S.REQUESTED
    await shop.heal()
    await desk.check_after(60)
    assert (await desk.stored(refund)).status is S.PROCESSED
    await desk.assert_sound(payment)
