"""The adapter against the simulator over HTTP: the same wire, the same sentences, the same faults."""

import asyncio

import aiohttp
import pytest

from app.gateways.port import (
    AlreadyCaptured,
    AttemptStatus,
    CaptureMethod,
    CredentialsRefused,
    DuplicateReceipt,
    GatewayError,
    NeverSent,
    OrderRequest,
    OutcomeUnknown,
    Refused,
    UnknownAtGateway,
)
from app.gateways.razorpay.events import RazorpayEventReader
from app.kit.money import Money
from tests.gateways.razorpay.host import answer, playing
from tests.gateways.razorpay.rig import RUPEES_500, Rig
from tests.gateways.razorpay.samples import OUR_ID

FIVE_DAYS = 5 * 86_400


async def test_an_order_is_created_once_and_found_again(rig: Rig) -> None:
    assert await rig.gateway.find_order(receipt=OUR_ID) is None
    made = await rig.order()

    assert (made.receipt, made.amount, made.status, made.amount_paid) == (OUR_ID, RUPEES_500, "created", 0)
    assert await rig.gateway.get_order(made.id) == made
    assert await rig.gateway.find_order(receipt=OUR_ID) == made
    assert await rig.gateway.list_order_payments(made.id) == ()
    with pytest.raises(DuplicateReceipt) as caught:
        await rig.order()
    assert caught.value.order_id == made.id


async def test_a_card_payment_is_captured_by_itself_and_its_callback_is_true(rig: Rig) -> None:
    made = await rig.order()
    paid = await rig.pay(made, method="card", card_number="4100280000001007", email="someone@example.com")

    (attempt,) = await rig.gateway.list_order_payments(made.id)

    assert (attempt.status, attempt.amount, attempt.captured) == (AttemptStatus.CAPTURED, RUPEES_500, True)
    assert (attempt.order_id, attempt.method) == (made.id, "card")
    assert attempt.fee is not None
    assert "someone@example.com" not in repr(attempt)
    assert await rig.gateway.get_payment(attempt.id) == attempt
    assert (await rig.gateway.get_order(made.id)).amount_paid == RUPEES_500.minor
    signature = paid["razorpay_signature"]
    assert rig.gateway.is_callback_signature(signature, order_id=made.id, payment_id=attempt.id)
    assert not rig.gateway.is_callback_signature(signature, order_id="order_other", payment_id=attempt.id)


async def test_c2_a_manual_capture_happens_once_and_for_the_whole_amount(rig: Rig) -> None:
    made = await rig.order(method=CaptureMethod.MANUAL)
    await rig.pay(made, method="upi")
    (attempt,) = await rig.gateway.list_order_payments(made.id)
    assert attempt.status is AttemptStatus.AUTHORIZED

    with pytest.raises(Refused):
        await rig.gateway.capture_payment(attempt.id, Money(49999, "INR"))
    captured = await rig.gateway.capture_payment(attempt.id, RUPEES_500)

    assert (captured.status, captured.captured) == (AttemptStatus.CAPTURED, True)
    with pytest.raises(AlreadyCaptured):
        await rig.gateway.capture_payment(attempt.id, RUPEES_500)


async def test_b7_a_failed_attempt_may_still_be_authorised(rig: Rig) -> None:
    made = await rig.order()
    failed = await rig.pay(made, method="card", outcome="failure", error_reason="insufficient_funds")
    (attempt,) = await rig.gateway.list_order_payments(made.id)
    assert attempt.status is AttemptStatus.FAILED
    assert attempt.failure is not None
    assert attempt.failure.reason == "insufficient_funds"

    await rig.control("POST", f"/payments/{failed['payment']['id']}/authorize")

    (attempt,) = await rig.gateway.list_order_payments(made.id)
    assert (attempt.status, attempt.failure) == (AttemptStatus.CAPTURED, None)


async def test_c1_an_authorisation_that_lapses_is_refunded_and_was_never_ours(rig: Rig) -> None:
    made = await rig.order(method=CaptureMethod.MANUAL)
    await rig.pay(made, method="card")
    await rig.control("POST", "/clock/advance", seconds=FIVE_DAYS + 60)

    (attempt,) = await rig.gateway.list_order_payments(made.id)

    assert (attempt.status, attempt.captured) == (AttemptStatus.REFUNDED, False)


@pytest.mark.parametrize(
    ("mode", "kind", "is_made"),
    [
        ("error_before", OutcomeUnknown, False),
        ("error_after", OutcomeUnknown, True),
        ("reset_before", OutcomeUnknown, False),
        ("reset_after", OutcomeUnknown, True),
        ("html_502", OutcomeUnknown, False),
        ("truncated_json", OutcomeUnknown, True),
        ("empty_200", OutcomeUnknown, True),
        ("huge_body", OutcomeUnknown, True),
        ("wrong_amount", OutcomeUnknown, True),
        ("wrong_currency", OutcomeUnknown, True),
        ("contradictory", OutcomeUnknown, True),
        ("conflict_409", OutcomeUnknown, False),
        ("rate_limit", NeverSent, False),
        ("unauthorized_string", CredentialsRefused, False),
    ],
)
async def test_a3_r3_r5_r7_after_every_fault_the_truth_is_found_by_the_receipt(
    rig: Rig, mode: str, kind: type[GatewayError], *, is_made: bool
) -> None:
    await rig.control("POST", "/faults", route="POST /v1/orders", mode=mode, times=1)

    with pytest.raises(GatewayError) as caught:
        await rig.order()

    assert type(caught.value) is kind
    found = await rig.gateway.find_order(receipt=OUR_ID)
    assert (found is not None) is is_made
    assert found is None or found.amount == RUPEES_500


async def test_r4_the_simulator_counts_at_most_a_tenth_more_calls(rig: Rig) -> None:
    fault = await rig.control("POST", "/faults", route="GET /v1/orders/{id}", mode="rate_limit")
    for _ in range(100):
        with pytest.raises(NeverSent):
            await rig.gateway.get_order("order_DESlLckIVRkHWj")

    (rule,) = (await rig.control("GET", "/faults"))["items"]
    assert rule["id"] == fault["id"]
    assert 100 < rule["hits"] <= 110


async def test_an_id_nobody_has_is_unknown_there(rig: Rig) -> None:
    for verb in (
        rig.gateway.get_order("order_DESlLckIVRkHWj"),
        rig.gateway.get_order("nonsense"),
        rig.gateway.get_payment("pay_DESlfW9H8K9uqM"),
        rig.gateway.list_order_payments("order_DESlLckIVRkHWj"),
        rig.gateway.capture_payment("pay_DESlfW9H8K9uqM", RUPEES_500),
    ):
        with pytest.raises(UnknownAtGateway):
            await verb


async def test_a13_a_refused_amount_names_its_field(rig: Rig) -> None:
    with pytest.raises(Refused) as caught:
        await rig.gateway.create_order(OrderRequest(OUR_ID, Money(99, "INR"), CaptureMethod.AUTOMATIC))

    assert (caught.value.reason, caught.value.field) == ("input_validation_failed", "amount")


async def test_r10_a_wrong_key_is_an_alarm(rig: Rig) -> None:
    stranger = rig.as_merchant("rzp_test_stranger", "no")

    with pytest.raises(CredentialsRefused):
        await stranger.find_order(receipt=OUR_ID)


async def test_b8_the_simulators_events_are_signed_and_readable(rig: Rig) -> None:
    reader = RazorpayEventReader()
    async with playing(answer({})) as receiver:
        auth = aiohttp.encode_basic_auth(rig.simulator.key_id, rig.simulator.key_secret)
        endpoint = {"url": receiver.url, "secret": "hush", "events": ["payment.captured", "order.paid"]}
        async with rig.session.post(
            f"{rig.simulator.url}/v1/webhooks", json=endpoint, headers={"Authorization": auth}
        ) as response:
            assert response.status == 200, await response.text()
        made = await rig.order()
        await rig.pay(made, method="card", card_number="4100280000001007")
        async with asyncio.timeout(60):
            while len(receiver.received) < 2:
                await asyncio.sleep(0.01)

    events = []
    for delivery in receiver.received:
        signature = delivery.headers["x-razorpay-signature"]
        assert reader.is_signed(delivery.body, signature, secrets=("hush",))
        assert not reader.is_signed(delivery.body + b" ", signature, secrets=("hush",))
        events.append(reader.read(delivery.body))

    assert {event.type for event in events} == {"payment.captured", "order.paid"}
    assert {event.payments[0].order_id for event in events} == {made.id}
    assert {event.order_receipt for event in events} == {None, OUR_ID}
    assert all(event.payments[0].amount == RUPEES_500 for event in events)
    assert {event.payments[0].raw["card"]["last4"] for event in events} == {"1007"}
