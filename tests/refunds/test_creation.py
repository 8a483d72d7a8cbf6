"""Refunds as a merchant asks for them (C4, C5, C11, C12, A6, A7, A8, A9, I13, R10, S13)."""

import asyncio
import json
from dataclasses import replace

import pytest

from app.idempotency.service import fingerprint_of
from app.payments.models import DisputeState
from app.payments.refundable import RefundableStore
from app.refunds.models import RefundStatus
from app.refunds.service import NewRefund
from tests.payments.test_races import Meddling, OneGateway
from tests.stepped import AMOUNT
from tests.world import new_key

UNKNOWN = "pmt_01KAQ7X2V8M3TZB5C6D9EFGHJK"


async def test_a_refund_in_part_and_then_the_rest(desk, shop):
    payment = await desk.paid()
    first = await desk.refund(payment, 20_000, reason="One ticket returned", metadata={"seat": "12A"})
    assert first.status == 201, first.body
    assert first.data["status"] == "processed"
    assert (first.data["amount"], first.data["currency"], first.data["origin"]) == (20_000, "INR", "api")
    assert (first.data["reason"], first.data["metadata"]) == ("One ticket returned", {"seat": "12A"})
    assert first.data["reference"]
    half = await shop.merchant.payment(payment["id"])
    assert (half["status"], half["amount_refunded"]) == ("partially_refunded", 20_000)
    rest = await desk.refund(payment)
    assert (rest.data["amount"], rest.data["status"]) == (30_000, "processed")
    whole = await shop.merchant.payment(payment["id"])
    assert (whole["status"], whole["amount_refunded"]) == ("refunded", AMOUNT)
    again = await desk.refund(payment)
    assert (again.status, again.code) == (422, "refund_exceeds_captured")
    assert [one["id"] for one in await desk.all(payment)] == [rest.data["id"], first.data["id"]]
    assert await desk.events(rest.data) == ["refund.created", "refund.processed"]
    detail = (await shop.merchant.ask("GET", f"/api/v1/refunds/{first.data['id']}")).data
    assert [entry["event"] for entry in detail["history"]] == ["refund.created", "refund.processed"]
    assert detail["razorpay_data"]["id"] == first.data["gateway_refund_id"]
    await desk.assert_sound(payment)


async def test_c4_i7_i10_forty_refunds_at_once_never_exceed_the_capture(desk):
    payment = await desk.paid()
    answers = await asyncio.gather(*(desk.refund(payment, 3_500) for _ in range(40)))
    made = [answer for answer in answers if answer.status == 201]
    refused = {(answer.status, answer.code) for answer in answers if answer.status != 201}
    assert len(made) == AMOUNT // 3_500
    assert refused == {(422, "refund_exceeds_captured")}
    assert len(await desk.at_processor()) == len(made)
    await desk.assert_sound(payment)


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"amount": 0}, 422, "validation_failed", "amount"),
        ({"amount": -1}, 422, "validation_failed", "amount"),
        ({"amount": 100.5}, 422, "validation_failed", "amount"),
        ({"amount": 20000.0}, 422, "validation_failed", "amount"),
        ({"amount": "20000"}, 422, "validation_failed", "amount"),
        ({"amount": True}, 422, "validation_failed", "amount"),
        ({"amount": 10**13}, 422, "validation_failed", "amount"),
        ({"amount": AMOUNT + 1}, 422, "refund_exceeds_captured", "amount"),
        ({"amount": 99}, 422, "refund_amount_invalid", "amount"),
        ({"amount": 20_000, "currency": "USD"}, 422, "refund_currency_mismatch", "currency"),
        ({"currency": "XXX"}, 422, "refund_currency_mismatch", "currency"),
        ({"amount": 20_000, "speed": "warp"}, 422, "validation_failed", "speed"),
        # C12: there is no way to say where the money should go.
        ({"amount": 20_000, "destination": "upi:me@bank"}, 422, "validation_failed", "destination"),
        ({"amount": 20_000, "status": "processed"}, 422, "validation_failed", "status"),
    ],
)
async def test_c5_c12_n7_a_bad_refund_is_refused_by_name_and_changes_nothing(desk, shop, body, status, code, param):
    payment = await desk.paid()
    before = await shop.stored(payment["id"])
    answer = await desk.refund(payment, **body)
    assert (answer.status, answer.code, answer.json["error"]["param"]) == (status, code, param)
    assert await shop.stored(payment["id"]) == before
    assert await desk.all(payment) == await desk.at_processor() == await desk.sends() == []


async def test_c5_only_a_completed_payment_is_refunded(desk, shop):
    pending = (await shop.create()).data
    failed = (await shop.create()).data
    await shop.pay(failed, outcome="failure")
    await shop.check_after(60)
    authorized = (await shop.create(capture_method="manual")).data
    await shop.verify(authorized, await shop.pay(authorized))
    cancelled = (await shop.create()).data
    await shop.merchant.ask("POST", f"/api/v1/payments/{cancelled['id']}/cancel")
    for payment, status in (
        (pending, "pending"),
        (failed, "failed"),
        (authorized, "authorized"),
        (cancelled, "cancelled"),
    ):
        answer = await desk.refund(payment, 100)
        assert (answer.status, answer.code) == (409, "payment_not_refundable")
        assert answer.json["error"]["details"] == {"status": status}
    unknown = await desk.refund(UNKNOWN, 100)
    assert (unknown.status, unknown.code) == (404, "payment_not_found")
    assert await desk.at_processor() == []


@pytest.mark.parametrize("state", [DisputeState.OPEN, DisputeState.LOST])
async def test_c11_a_refund_while_a_dispute_is_open_or_lost_is_refused(desk, shop, state):
    payment = await desk.paid()
    counters, scope = RefundableStore(shop.wiring.database), shop.merchant.scope

    async def dispute(word):
        await shop.wiring.database.transaction(
            lambda session: counters.set_dispute(scope, payment["id"], state=word, at=shop.clock.now(), session=session)
        )

    await dispute(state)
    answer = await desk.refund(payment, 20_000)
    assert (answer.status, answer.code) == (409, "refund_while_disputed")
    assert await desk.sends() == []
    await dispute(DisputeState.WON)
    assert (await desk.refund(payment, 20_000)).status == 201


async def test_a_refund_needs_a_key(desk, shop):
    payment = await desk.paid()
    answer = await shop.merchant.ask("POST", f"/api/v1/payments/{payment['id']}/refunds", {"amount": 100})
    assert (answer.status, answer.code) == (400, "idempotency_key_required")


async def test_a7_i13_a_repeated_key_gets_the_very_same_bytes_and_makes_one_refund(desk):
    payment = await desk.paid()
    first = await desk.refund(payment, 20_000, key="k-1")
    again = await desk.refund(payment, 20_000, key="k-1")
    assert (again.status, again.body) == (201, first.body)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(await desk.at_processor()) == 1


async def test_a6_thirty_requests_with_one_key_at_once_make_one_refund(desk):
    payment = await desk.paid()
    answers = await asyncio.gather(*(desk.refund(payment, 1_000, key="k-1") for _ in range(30)))
    assert {answer.status for answer in answers} <= {201, 409}
    assert len({answer.data["id"] for answer in answers if answer.status == 201}) == 1
    assert len(await desk.at_processor()) == 1
    await desk.assert_sound(payment)


async def test_a7_the_same_key_with_another_body_is_refused(desk):
    payment = await desk.paid()
    await desk.refund(payment, 20_000, key="k-1")
    other = await desk.refund(payment, 10_000, key="k-1")
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert len(await desk.at_processor()) == 1


async def test_a7_the_same_key_with_another_body_is_refused_also_when_only_the_refund_remembers_it(desk, shop):
    payment = await desk.paid()
    first = await desk.refund(payment, 20_000, key="k-1")
    await shop.wiring.database.collection("idempotency_keys").delete_many({})
    other = await desk.refund(payment, 10_000, key="k-1")
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    same = await desk.refund(payment, 20_000, key="k-1")
    assert (same.status, same.data) == (201, first.data)
    assert len(await desk.at_processor()) == 1


async def test_a8_the_same_key_on_another_payment_or_of_another_merchant_is_another_key(desk, shop):
    one, two = await desk.paid(), await desk.paid()
    ids = {(await desk.refund(payment, 20_000, key="k-1")).data["id"] for payment in (one, two)}
    assert len(ids) == 2
    stranger = await shop.world.merchant(webhooks=False)
    answer = await stranger.ask("POST", f"/api/v1/payments/{one['id']}/refunds", {"amount": 1_000}, key="k-1")
    assert (answer.status, answer.code) == (404, "payment_not_found")


async def test_a9_a_second_holder_of_the_key_finds_the_refund_of_the_first(desk, shop):
    payment = await desk.paid()
    refunds, scope, twins = shop.wiring.refunds.refunds, shop.merchant.scope, []

    async def a_twin_is_answered():
        twins.append(await desk.refund(payment, 20_000, key="k-1"))

    gateway = Meddling(await refunds.gateways.of(scope), "create_refund", a_twin_is_answered)
    sending = replace(refunds.sending, gateways=OneGateway(gateway))
    # The verb itself holds no lease on the key: as if that of the first request had run out.
    first = await replace(refunds, sending=sending).create_refund(
        scope,
        payment["id"],
        NewRefund(20_000),
        key="k-1",
        fingerprint=fingerprint_of(
            "POST", f"/payments/{payment['id']}/refunds", json.dumps({"amount": 20_000}).encode()
        ),
    )
    (twin,) = twins
    assert (twin.status, twin.data["status"]) == (201, "requested")
    assert (first.id, first.status) == (twin.data["id"], RefundStatus.PROCESSED)
    assert [one["id"] for one in await desk.all(payment)] == [twin.data["id"]]
    assert len(await desk.at_processor()) == 1
    await desk.assert_sound(payment)


async def test_i13_a_refusal_frees_the_amount_and_keeps_the_key(desk, shop):
    payment = await desk.paid()
    await desk.policy(refund_balance=1_000)
    refused = await desk.refund(payment, 20_000, key="k-1")
    assert (refused.status, refused.code) == (409, "refund_refused")
    (ended,) = await desk.all(payment)
    assert refused.json["error"]["details"] == {"reason": "refund_limit_crossed", "refund_id": ended["id"]}
    assert (ended["status"], ended["failure"]) == ("failed", "refund_limit_crossed")
    assert await desk.events(ended) == ["refund.created", "refund.failed"]
    await desk.assert_sound(payment)
    await desk.policy(refund_balance=None)
    again = await desk.refund(payment, 20_000, key="k-1")
    assert (again.status, again.json["error"]["details"]) == (409, refused.json["error"]["details"])
    made = await desk.refund(payment, AMOUNT, key="k-2")
    assert (made.status, made.data["status"]) == (201, "processed")
    assert len(await desk.at_processor()) == 1
    assert await desk.work() == []
    await desk.assert_sound(payment)


async def test_r10_a_refund_waits_for_the_key_that_the_processor_takes(desk, shop):
    payment = await desk.paid()
    await shop.fault("POST /v1/payments/{id}/refund", "unauthorized_string", times=1)
    first = await desk.refund(payment, 20_000, key="k-1")
    assert (first.status, first.data["status"]) == (201, "requested")
    assert (await desk.stored(first.data)).sends == 0
    await desk.assert_sound(payment)
    assert await desk.work() == []
    (refund,) = await desk.all(payment)
    assert (refund["id"], refund["status"]) == (first.data["id"], "processed")
    await desk.assert_sound(payment)


async def test_optimum_speed_is_asked_for_and_may_fall_back(desk):
    payment = await desk.paid()
    quick = await desk.refund(payment, 10_000, speed="optimum")
    assert (quick.data["speed"], quick.data["speed_processed"]) == ("optimum", "instant")
    await desk.policy(refund_is_instant=False)
    slow = await desk.refund(payment, 10_000, speed="optimum")
    assert (slow.data["speed"], slow.data["speed_processed"]) == ("optimum", "normal")


async def test_a_refund_that_never_left_can_be_cancelled_and_no_other(desk, shop):
    payment = await desk.paid()
    sent = (await desk.refund(payment, 10_000)).data
    answer = await shop.merchant.ask("POST", f"/api/v1/refunds/{sent['id']}/cancel")
    assert (answer.status, answer.code) == (409, "refund_not_cancellable")
    await shop.fault("* /v1/*", "error_before", times=None)
    waiting = None
    for number in range(20):
        waiting = (await desk.refund(payment, 1_000, key=f"k-{number}")).data
        if (await desk.stored(waiting)).sends == 0:
            break
    assert waiting["status"] == "requested"
    cancelled = await shop.merchant.ask("POST", f"/api/v1/refunds/{waiting['id']}/cancel")
    assert (cancelled.status, cancelled.data["status"]) == (200, "cancelled")
    assert await desk.events(waiting) == ["refund.created", "refund.cancelled"]
    again = await shop.merchant.ask("POST", f"/api/v1/refunds/{waiting['id']}/cancel")
    assert (again.status, again.code) == (409, "refund_not_cancellable")
    await shop.heal()
    await desk.work()
    assert (await desk.stored(waiting)).status is RefundStatus.CANCELLED
    await desk.assert_sound(payment)


async def test_s13_another_merchants_refund_looks_like_none(desk, shop):
    payment = await desk.paid()
    refund = (await desk.refund(payment, 10_000)).data
    stranger = await shop.world.merchant(webhooks=False)
    for method, path, code in (
        ("GET", f"/refunds/{refund['id']}", "refund_not_found"),
        ("POST", f"/refunds/{refund['id']}/cancel", "refund_not_found"),
        ("GET", f"/payments/{payment['id']}/refunds", "payment_not_found"),
        ("POST", f"/payments/{payment['id']}/refunds", "payment_not_found"),
    ):
        answer = await stranger.ask(method, f"/api/v1{path}", key=new_key())
        assert (answer.status, answer.code) == (404, code)
    assert (await stranger.ask("GET", "/api/v1/refunds")).data["items"] == []
    assert (await stranger.ask("GET", f"/api/v1/refunds?payment_id={payment['id']}")).data["items"] == []


async def test_refunds_are_listed_by_what_they_are(desk, shop):
    one, two = await desk.paid(), await desk.paid()
    await desk.policy(refund_seconds=3600)
    pending = (await desk.refund(one, 10_000)).data
    await desk.policy(refund_seconds=0)
    done = (await desk.refund(two, 10_000)).data

    async def listed(query):
        return [one["id"] for one in (await shop.merchant.ask("GET", f"/api/v1/refunds?{query}")).data["items"]]

    assert await listed("") == [done["id"], pending["id"]]
    assert await listed("limit=1") == [done["id"]]
    assert await listed("status=pending") == [pending["id"]]
    assert await listed(f"payment_id={two['id']}") == [done["id"]]
    assert await listed(f"gateway_refund_id={pending['gateway_refund_id']}") == [pending["id"]]
    assert await listed("created_from=2020-01-01T00:00:00Z") == [done["id"], pending["id"]]
    assert await listed("created_before=2020-01-01T00:00:00Z") == []
