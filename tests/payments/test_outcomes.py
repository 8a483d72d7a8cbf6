"""Whoever tells it and however often, a payment ends where its money is (B7, B15-B20, C1-C3)."""

import asyncio
from dataclasses import replace

import pytest

from app.gateways.port import AttemptStatus
from app.kit.signing import sign_hex
from app.payments.models import PaymentStatus, Source
from app.payments.problems import PaymentBusy
from app.tenants.models import MoneySettings
from tests.payments.samples import snapshot
from tests.stepped import AMOUNT
from tests.world import new_key


async def manual(shop, **fields):
    """Return a payment that is authorised and waits for its capture."""
    payment = (await shop.create(capture_method="manual", **fields)).data
    paid = await shop.pay(payment)
    assert (await shop.verify(payment, paid)).data["status"] == "authorized"
    return payment, paid


async def capture(shop, payment, body=None, *, key=None):
    path = f"/api/v1/payments/{payment['id']}/capture"
    return await shop.merchant.ask("POST", path, body, key=key or new_key())


async def captures(shop, payment_id):
    entries = (await shop.world.simulate("GET", "/_sim/journal?kind=payment.captured")).json["entries"]
    return len([fact for fact in entries if payment_id in fact.values()])


async def test_b15_a_signature_that_is_not_the_processors_changes_nothing(shop):
    payment = (await shop.create()).data
    paid = await shop.pay(payment)
    # A digest may look as if it held a card number, and is one of the processor's or not, as any other.
    like_a_card = f"c0ffee{4111111111111111}".ljust(64, "a")
    for forged in ("0" * 64, like_a_card, paid["razorpay_signature"].upper(), paid["razorpay_signature"][:-1], "é"):
        answer = await shop.verify(payment, paid, razorpay_signature=forged)
        assert (answer.status, answer.code) == (400, "callback_invalid")
    assert (await shop.stored(payment["id"])).attempts == ()


async def test_b15_the_genuine_callback_of_a_cheaper_order_does_not_pay_a_dearer_one(shop):
    dear, cheap = (await shop.create(amount=90_000)).data, (await shop.create(amount=100)).data
    paid = await shop.pay(cheap)
    as_it_came = await shop.verify(dear, paid)
    relabelled = await shop.verify(dear, paid, razorpay_order_id=dear["order_id"])
    assert {as_it_came.code, relabelled.code} == {"callback_invalid"}
    assert (await shop.stored(dear["id"])).status is PaymentStatus.PENDING


async def test_b15_a_callback_before_the_order_is_known_waits(shop):
    payment = (await shop.create()).data
    paid = await shop.pay(payment)
    await shop.change(payment["id"], order_id=None, order_state="unknown")
    answer = await shop.verify(payment, paid)
    assert (answer.status, answer.code) == (409, "order_not_ready")


@pytest.mark.parametrize(
    ("mode", "status", "code"),
    [
        ("error_before", 503, "processor_outcome_unknown"),
        ("html_502", 503, "processor_outcome_unknown"),
        ("wrong_amount", 200, None),
    ],
)
async def test_b16_a_genuine_callback_is_only_worth_what_the_processor_says(shop, mode, status, code):
    payment = (await shop.create()).data
    paid = await shop.pay(payment)
    await shop.fault("GET /v1/payments/{id}", mode, times=None)
    answer = await shop.verify(payment, paid)
    assert answer.status == status, answer.body
    if code is not None:
        assert answer.code == code
        await shop.heal()
        # The check was brought forward, so the truth needs nobody to come back.
        assert await shop.check_after(0) == 1
        assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED
    else:
        assert answer.data["needs_review"]
        assert answer.data["status"] != "completed"


async def test_b18_callback_webhook_and_poll_at_once_have_one_effect(shop):
    payment = (await shop.create()).data
    paid = await shop.pay(payment)
    path = f"/api/v1/payments/{payment['id']}/recheck"
    answers = await asyncio.gather(
        *(shop.verify(payment, paid) for _ in range(10)),
        *(shop.merchant.ask("POST", path) for _ in range(10)),
    )
    assert {answer.status for answer in answers} == {200}
    stored = await shop.stored(payment["id"])
    assert (stored.status, stored.amount_captured) == (PaymentStatus.COMPLETED, AMOUNT)
    assert len([entry for entry in stored.history if entry.event == "attempt.captured"]) == 1


async def test_b20_of_two_captured_payments_one_counts_and_one_is_kept_apart_once(shop):
    payment = (await shop.create()).data
    await shop.pay(payment, double=True)
    path = f"/api/v1/payments/{payment['id']}/recheck"
    await asyncio.gather(*(shop.merchant.ask("POST", path) for _ in range(6)))
    stored = await shop.stored(payment["id"])
    held = await shop.suspense()
    assert stored.amount_captured == AMOUNT
    assert [item["amount"] for item in held] == [AMOUNT]
    assert held[0]["gateway_payment_id"] != stored.primary.id


async def test_b7_late_money_completes_an_expired_payment_if_the_merchant_takes_it(shop):
    payment = (await shop.create()).data
    await shop.pay(payment, outcome="failure", late_authorization_after_seconds=86_400)
    await shop.check_after(2 * 86_400)
    assert (await shop.stored(payment["id"])).status is PaymentStatus.EXPIRED
    await shop.world.simulate("POST", "/_sim/clock/advance", {"seconds": 90_000})
    await shop.check_after(86_400)
    assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED


async def test_b7_late_money_goes_to_suspense_if_the_merchant_does_not_want_it(shop):
    await shop.merchant.ask_as_owner("PATCH", "/api/v1/merchant", {"late_payments": "suspense"})
    payment = (await shop.create()).data
    await shop.check_after(2 * 86_400)
    assert (await shop.stored(payment["id"])).status is PaymentStatus.EXPIRED
    await shop.pay(payment)
    await shop.check_after(86_400)
    assert (await shop.stored(payment["id"])).status is PaymentStatus.EXPIRED
    assert [item["reason"] for item in await shop.suspense()] == ["paid_after_expiry"]


async def test_c1_an_authorised_payment_that_the_processor_forgot_is_captured_by_us(shop):
    payment = (await shop.create()).data
    paid = await shop.pay(payment, outcome="failure")
    await shop.world.simulate("POST", f"/_sim/payments/{paid['payment']['id']}/authorize", {"may_capture": False})
    await shop.check_after(60)
    assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED


async def test_c1_a_capture_nobody_asked_for_that_is_refused_is_only_remarked(shop):
    payment = (await shop.create()).data
    paid = await shop.pay(payment, outcome="failure")
    await shop.world.simulate("POST", f"/_sim/payments/{paid['payment']['id']}/authorize", {"may_capture": False})
    await shop.fault("POST /v1/payments/{id}/capture", "error_before", status=400, times=1)
    await shop.check_after(60)
    stored = await shop.stored(payment["id"])
    assert stored.status is PaymentStatus.AUTHORIZED
    assert "capture.refused" in [entry.event for entry in stored.history]
    await shop.check_after(7 * 3600)
    assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED


async def test_c2_a_second_capture_is_refused_and_the_first_counts_once(shop):
    payment, paid = await manual(shop)
    answers = await asyncio.gather(*(capture(shop, payment) for _ in range(12)))
    assert {answer.status for answer in answers} <= {200, 409}
    again = await capture(shop, payment)
    assert (again.status, again.code) == (409, "payment_already_captured")
    assert await captures(shop, paid["razorpay_payment_id"]) == 1
    assert (await shop.stored(payment["id"])).amount_captured == AMOUNT


@pytest.mark.parametrize("amount", [AMOUNT - 1, AMOUNT + 1, 1])
async def test_c2_any_amount_but_the_whole_is_refused(shop, amount):
    payment, paid = await manual(shop)
    answer = await capture(shop, payment, {"amount": amount})
    assert (answer.status, answer.code) == (422, "capture_amount_mismatch")
    assert await captures(shop, paid["razorpay_payment_id"]) == 0
    whole = await capture(shop, payment, {"amount": AMOUNT, "currency": "INR"})
    assert whole.data["status"] == "completed"


async def test_c2_a_payment_that_is_not_authorised_can_not_be_captured(shop):
    payment = (await shop.create(capture_method="manual")).data
    answer = await capture(shop, payment)
    assert (answer.status, answer.code, answer.json["error"]["details"]) == (
        409,
        "payment_not_authorized",
        {"status": "pending"},
    )


@pytest.mark.parametrize("mode", ["reset_after", "error_after", "truncated_json"])
async def test_c3_a_capture_whose_answer_was_lost_is_found_and_never_repeated(shop, mode):
    payment, paid = await manual(shop)
    await shop.fault("POST /v1/payments/{id}/capture", mode, times=None)
    await shop.fault("GET /v1/payments/{id}", "error_before", times=None)
    lost = await capture(shop, payment, key="k-lost")
    assert (lost.status, lost.code) == (503, "processor_outcome_unknown")
    await shop.heal()
    assert await shop.check_after(10) == 1
    assert (await shop.stored(payment["id"])).status is PaymentStatus.COMPLETED
    assert await captures(shop, paid["razorpay_payment_id"]) == 1


async def test_c3_what_somebody_captured_before_us_is_fetched(shop):
    payment, paid = await manual(shop)
    await shop.world.simulate("POST", f"/_sim/payments/{paid['razorpay_payment_id']}/capture", {})
    answer = await capture(shop, payment)
    assert (answer.status, answer.data["status"]) == (200, "completed")


async def test_a_refused_capture_says_so(shop):
    payment, _ = await manual(shop)
    await shop.fault("POST /v1/payments/{id}/capture", "error_before", status=400)
    answer = await capture(shop, payment)
    assert (answer.status, answer.code) == (409, "capture_refused")
    assert (await shop.stored(payment["id"])).status is PaymentStatus.AUTHORIZED


async def test_an_unpaid_payment_can_be_cancelled_and_a_paid_one_can_not(shop):
    payment, _ = await manual(shop)
    path = f"/api/v1/payments/{payment['id']}/cancel"
    answer = await shop.merchant.ask("POST", path)
    assert (answer.status, answer.code) == (409, "payment_not_cancellable")
    other = (await shop.create()).data
    path = f"/api/v1/payments/{other['id']}/cancel"
    assert (await shop.merchant.ask("POST", path)).data["status"] == "cancelled"
    again = await shop.merchant.ask("POST", path)
    assert (again.status, again.code) == (409, "payment_not_cancellable")


@pytest.mark.parametrize("verb", ["verify", "capture", "cancel", "recheck"])
async def test_a_payment_that_does_not_exist_is_404(shop, verb):
    body = {"razorpay_order_id": "order_A", "razorpay_payment_id": "pay_A", "razorpay_signature": "a"}
    path = f"/api/v1/payments/pmt_01ARZ3NDEKTSV4RRFFQ69G5FAV/{verb}"
    answer = await shop.merchant.ask("POST", path, body if verb == "verify" else None, key=new_key())
    assert (answer.status, answer.code) == (404, "payment_not_found")


async def test_wrong_credentials_are_the_merchants_to_correct(shop):
    payment, paid = await manual(shop)
    await shop.fault("* /v1/*", "unauthorized_string", times=None)
    assert (await capture(shop, payment)).code == "processor_credentials_refused"
    assert (await shop.verify(payment, paid)).code == "processor_credentials_refused"
    await shop.heal()
    assert (await capture(shop, payment)).status == 200


async def test_b15_a_signed_callback_whose_payment_is_another_orders_is_refused(shop):
    payment, other = (await shop.create()).data, (await shop.create()).data
    paid = await shop.pay(other)
    # Nobody but the processor can sign this; should it ever, the payment it shows still tells whose it is.
    message = f"{payment['order_id']}|{paid['razorpay_payment_id']}".encode()
    signature = sign_hex(message, secret=shop.merchant.account["key_secret"])
    changed = {"razorpay_order_id": payment["order_id"], "razorpay_signature": signature}
    assert (await shop.verify(payment, paid, **changed)).code == "callback_invalid"
    assert (await shop.stored(payment["id"])).attempts == ()


async def test_evidence_of_nobodys_order_matches_nothing(shop):
    outcomes, scope = shop.wiring.outcomes, shop.merchant.scope
    for said in (snapshot(AttemptStatus.CAPTURED), snapshot(AttemptStatus.CAPTURED, order_id=None)):
        recorded = await outcomes.record_evidence(scope, said, source=Source.POLL)
        assert (recorded.match.value, recorded.payment) == ("unmatched", None)


async def test_evidence_that_others_keep_overtaking_is_given_up_and_nothing_is_written(shop):
    payment = (await shop.create()).data
    said = snapshot(AttemptStatus.CAPTURED, order_id=payment["order_id"])
    outcomes = shop.wiring.outcomes

    async def overtaken(scope):
        # Each look at the merchant's choice comes between reading and writing; here somebody writes meanwhile.
        await shop.change(payment["id"], checks=1)
        return MoneySettings()

    await shop.change(payment["id"], status="expired")
    slow = replace(outcomes, settings_of=overtaken)
    with pytest.raises(PaymentBusy):
        await slow.record_evidence(shop.merchant.scope, said, source=Source.POLL)
    assert (await shop.stored(payment["id"])).attempts == ()
