"""Refunds, lists and disputes against the simulator over HTTP: what is lost, ignored, late, foreign or moves."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.gateways.contest import Contest, EvidenceKind
from app.gateways.port import (
    DisputeStatus,
    DuplicateReceipt,
    GatewayPayment,
    Listed,
    OutcomeUnknown,
    RefundRequest,
    RefundStatus,
    Refused,
    UnknownAtGateway,
)
from app.kit.money import Money
from tests.gateways.razorpay.rig import Rig
from tests.gateways.razorpay.samples import OUR_REFUND_ID

REFUND_ROUTE = "POST /v1/payments/{id}/refund"
RUPEES_200 = Money(20000, "INR")


async def captured(rig: Rig) -> str:
    """Return the id of a captured payment."""
    paid = await rig.pay(await rig.order(), method="upi")
    return str(paid["payment"]["id"])


def body(rig: Rig, receipt: str = OUR_REFUND_ID) -> bytes:
    return rig.gateway.refund_body(RefundRequest(receipt, RUPEES_200, notes={"refund_id": receipt}))


async def refund(rig: Rig, payment_id: str) -> Any:
    return await rig.gateway.create_refund(payment_id, body=body(rig), key=OUR_REFUND_ID)


async def test_c6_a_refund_asked_for_twice_under_its_key_is_one_refund(rig: Rig) -> None:
    made = await rig.order()
    paid = await rig.pay(made, method="upi")
    payment_id = paid["payment"]["id"]
    body = rig.gateway.refund_body(
        RefundRequest(OUR_REFUND_ID, Money(20000, "INR"), notes={"refund_id": OUR_REFUND_ID})
    )

    first = await rig.gateway.create_refund(payment_id, body=body, key=OUR_REFUND_ID)
    second = await rig.gateway.create_refund(payment_id, body=body, key=OUR_REFUND_ID)

    assert first == second
    assert (first.amount, first.status) == (Money(20000, "INR"), RefundStatus.PROCESSED)
    assert (first.receipt, first.refund_ref) == (OUR_REFUND_ID, OUR_REFUND_ID)
    assert await rig.gateway.get_refund(first.id) == first
    assert await rig.gateway.list_payment_refunds(payment_id) == (first,)
    with pytest.raises(DuplicateReceipt):
        await rig.gateway.create_refund(payment_id, body=body, key=f"{OUR_REFUND_ID}_other")
    with pytest.raises(OutcomeUnknown, match="key_taken"):
        await rig.gateway.create_refund(payment_id, body=body.replace(b"20000", b"10000"), key=OUR_REFUND_ID)


async def test_c5_more_than_was_captured_is_refused(rig: Rig) -> None:
    made = await rig.order()
    paid = await rig.pay(made, method="upi")
    body = rig.gateway.refund_body(RefundRequest(OUR_REFUND_ID, Money(50001, "INR")))

    with pytest.raises(Refused) as caught:
        await rig.gateway.create_refund(paid["payment"]["id"], body=body, key=OUR_REFUND_ID)

    assert (caught.value.reason, caught.value.field) == ("refund_limit_crossed", "amount")


async def test_an_unknown_refund_is_unknown_there(rig: Rig) -> None:
    for verb in (
        rig.gateway.get_refund("rfnd_DESlfW9H8K9uqM"),
        rig.gateway.list_payment_refunds("pay_DESlfW9H8K9uqM"),
        rig.gateway.create_refund("pay_DESlfW9H8K9uqM", body=b'{"amount":1,"receipt":"r"}', key=OUR_REFUND_ID),
    ):
        with pytest.raises(UnknownAtGateway):
            await verb


@pytest.mark.parametrize("mode", ["reset_after", "error_after", "truncated_json", "empty_200", "wrong_amount"])
async def test_c6_a_refund_whose_answer_was_lost_is_the_same_refund_the_second_time(rig: Rig, mode: str) -> None:
    payment_id = await captured(rig)
    await rig.control("POST", "/faults", route=REFUND_ROUTE, mode=mode, times=1)

    with pytest.raises(OutcomeUnknown):
        await refund(rig, payment_id)
    (seen,) = await rig.gateway.list_payment_refunds(payment_id)

    assert await refund(rig, payment_id) == seen
    assert await rig.gateway.list_payment_refunds(payment_id) == (seen,)


async def test_c7_a_refund_at_work_is_unknown_until_its_own_answer(rig: Rig) -> None:
    payment_id = await captured(rig)
    await rig.control("POST", "/faults", route=REFUND_ROUTE, mode="delay_then_process", times=1, delay_seconds=2)
    first = asyncio.create_task(refund(rig, payment_id))
    while not rig.simulator.world.default_account.refund_keys_at_work:
        await asyncio.sleep(0.01)

    with pytest.raises(OutcomeUnknown, match="in_progress"):
        await refund(rig, payment_id)

    assert await first == await refund(rig, payment_id)


async def test_c8_a_processor_that_ignores_keys_shows_the_refund_by_its_receipt_and_note(rig: Rig) -> None:
    payment_id = await captured(rig)
    await rig.control("POST", "/faults", route=REFUND_ROUTE, mode="reset_after", times=1)
    await rig.control("POST", "/faults", route=REFUND_ROUTE, mode="ignore_idempotency")
    with pytest.raises(OutcomeUnknown):
        await refund(rig, payment_id)

    (seen,) = await rig.gateway.list_payment_refunds(payment_id)

    assert (seen.receipt, seen.refund_ref) == (OUR_REFUND_ID, OUR_REFUND_ID)
    # Who does not look first pays twice: that is what the look is for.
    assert (await refund(rig, payment_id)).id != seen.id


async def test_c9_a_refund_fails_days_after_it_was_pending_or_processed(rig: Rig) -> None:
    payment_id = await captured(rig)
    await rig.control("PUT", "/accounts/refunds", refund_seconds=3 * 86_400, refund_fails=True)
    made = await refund(rig, payment_id)
    assert (made.status, made.reference) == (RefundStatus.PENDING, None)

    await rig.control("POST", "/clock/advance", seconds=3 * 86_400)

    assert (await rig.gateway.get_refund(made.id)).status is RefundStatus.FAILED
    await rig.control("PUT", "/accounts/refunds", refund_seconds=0, refund_fails=False)
    other = await rig.gateway.create_refund(payment_id, body=body(rig, "ref_other"), key=f"{OUR_REFUND_ID}_2")
    assert (other.status, other.reference is not None) == (RefundStatus.PROCESSED, True)
    await rig.control("POST", f"/refunds/{other.id}/bounce")
    assert (await rig.gateway.get_refund(other.id)).status is RefundStatus.FAILED


async def test_c10_a_refund_from_the_dashboard_is_listed_and_not_ours(rig: Rig) -> None:
    payment_id = await captured(rig)
    made = await rig.control("POST", f"/payments/{payment_id}/refund", amount=700)

    (foreign,) = await rig.gateway.list_payment_refunds(payment_id)

    assert (foreign.id, foreign.receipt, foreign.refund_ref) == (made["id"], None, None)
    now = datetime.now(UTC)
    listed = await rig.gateway.list_refunds(since=now - timedelta(minutes=1), until=now, skip=0)
    assert listed.items == (foreign,)
    before = await rig.gateway.list_refunds(since=now - timedelta(days=2), until=now - timedelta(days=1), skip=0)
    assert (before.items, before.is_last) == ((), True)


async def test_an_account_without_money_refuses_a_refund(rig: Rig) -> None:
    payment_id = await captured(rig)
    await rig.control("PUT", "/accounts/refunds", refund_balance=100)

    with pytest.raises(Refused):
        await refund(rig, payment_id)

    assert await rig.gateway.list_payment_refunds(payment_id) == ()


async def test_r9_a_walk_while_things_are_inserted_sees_everything_and_some_twice(rig: Rig) -> None:
    made = await rig.order()
    for _ in range(105):
        await rig.pay(made, method="upi", outcome="failure")
    account = rig.simulator.world.default_account
    before = set(account.payments)
    await rig.control("POST", "/faults", route="GET /v1/payments", mode="insert_after")

    found: list[str] = []
    page: Listed[GatewayPayment] | None = None
    while page is None or not page.is_last:
        skip = 0 if page is None else page.next_skip
        now = datetime.now(UTC)
        page = await rig.gateway.list_payments(since=now - timedelta(hours=1), until=now, skip=skip)
        found += [item.id for item in page.items]

    assert len(before) == 105
    assert before <= set(found)
    assert len(found) > len(set(found))


async def test_a_dispute_is_contested_with_documents_and_decided(rig: Rig) -> None:
    payment_id = await captured(rig)
    opened = await rig.control("POST", f"/payments/{payment_id}/dispute", amount=30000)
    (listed,) = (await rig.gateway.list_disputes(skip=0)).items
    assert (listed.id, listed.payment_id, listed.amount) == (opened["id"], payment_id, Money(30000, "INR"))
    assert listed.respond_by is not None

    document_id = await rig.gateway.upload_document(b"%PDF-1.7\r\n\x00", name="slip.pdf", mime="application/pdf")
    documents = {EvidenceKind.SHIPPING_PROOF: (document_id,), EvidenceKind.OTHER: (document_id,)}
    draft = await rig.gateway.contest_dispute(listed.id, Contest("It came.", documents, amount=RUPEES_200))
    assert draft.status is DisputeStatus.OPEN
    sent = await rig.gateway.contest_dispute(listed.id, Contest("It came.", documents, is_final=True))
    assert (sent.status, sent.amount_deducted) == (DisputeStatus.UNDER_REVIEW, 0)
    with pytest.raises(Refused, match="dispute_not_open"):
        await rig.gateway.accept_dispute(listed.id)
    await rig.control("POST", f"/disputes/{listed.id}/lose")

    lost = await rig.gateway.get_dispute(listed.id)

    assert (lost.status, lost.amount_deducted) == (DisputeStatus.LOST, 30000)
    assert rig.simulator.world.default_account.documents[document_id].content == b"%PDF-1.7\r\n\x00"


async def test_a_dispute_is_given_up_or_lost_by_the_clock(rig: Rig) -> None:
    payment_id = await captured(rig)
    first = (await rig.control("POST", f"/payments/{payment_id}/dispute", amount=10000))["id"]
    second = (await rig.control("POST", f"/payments/{payment_id}/dispute", amount=20000))["id"]

    assert (await rig.gateway.accept_dispute(first)).amount_deducted == 10000
    await rig.control("POST", "/clock/advance", seconds=8 * 86_400)
    assert (await rig.gateway.get_dispute(second)).amount_deducted == 20000


@pytest.mark.parametrize(
    ("contest", "reason"),
    [
        (Contest("No.", {EvidenceKind.BILLING_PROOF: ("doc_00000000000000",)}), "evidence_unknown"),
        (Contest("No.", {}, amount=Money(50001, "INR")), "contest_exceeds_dispute"),
    ],
)
async def test_a_contest_that_can_not_be_is_refused(rig: Rig, contest: Contest, reason: str) -> None:
    opened = await rig.control("POST", f"/payments/{await captured(rig)}/dispute")

    with pytest.raises(Refused, match=reason):
        await rig.gateway.contest_dispute(opened["id"], contest)


async def test_an_unknown_dispute_is_unknown_there(rig: Rig) -> None:
    for verb in (
        rig.gateway.get_dispute("disp_DESlfW9H8K9uqM"),
        rig.gateway.accept_dispute("disp_DESlfW9H8K9uqM"),
        rig.gateway.contest_dispute("disp_DESlfW9H8K9uqM", Contest("No.", {})),
    ):
        with pytest.raises(UnknownAtGateway):
            await verb


async def test_r7_a_lie_about_a_dispute_or_a_refund_moves_nothing(rig: Rig) -> None:
    payment_id = await captured(rig)
    made = await refund(rig, payment_id)
    opened = await rig.control("POST", f"/payments/{payment_id}/dispute", amount=10000)
    await rig.control("POST", "/faults", route="GET /v1/*", mode="contradictory")

    dispute = await rig.gateway.get_dispute(opened["id"])

    assert (dispute.amount, dispute.amount_deducted) == (None, 0)
    assert (await rig.gateway.get_refund(made.id)).amount is None
