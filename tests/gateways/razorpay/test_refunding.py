"""The port's verbs for refunds against a host that answers as Razorpay does, and as it should not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.gateways.port import DuplicateReceipt, OutcomeUnknown, RefundRequest, RefundStatus, Refused
from app.kit.money import Money
from tests.gateways.razorpay.bench import REFUND_BODY, VERBS, Bench
from tests.gateways.razorpay.host import answer
from tests.gateways.razorpay.samples import AT, OUR_REFUND_ID, PAYMENT_ID, REFUND_ID, collection, error, refund

RUPEES_200 = Money(20000, "INR")


async def create(bench: Bench) -> Any:
    return await bench.gateway.create_refund(PAYMENT_ID, body=REFUND_BODY, key=OUR_REFUND_ID)


async def test_c6_a_refund_is_asked_for_with_the_very_bytes_under_its_key(bench: Bench) -> None:
    bench.play(answer(refund(status="pending")))
    request = RefundRequest(OUR_REFUND_ID, RUPEES_200, notes={"refund_id": OUR_REFUND_ID})

    assert bench.gateway.refund_body(request) == REFUND_BODY
    found = await create(bench)

    assert (found.id, found.amount, found.status) == (REFUND_ID, RUPEES_200, RefundStatus.PENDING)
    (sent,) = bench.host.received
    assert (sent.method, sent.target) == ("POST", f"/v1/payments/{PAYMENT_ID}/refund")
    assert sent.headers["x-refund-idempotency"] == OUR_REFUND_ID
    assert sent.headers["content-type"] == "application/json"
    assert sent.body == REFUND_BODY
    assert bench.seen == [("create_refund", "ok")]


async def test_a_refund_whose_receipt_is_not_repeated_is_taken(bench: Bench) -> None:
    bench.play(answer(refund(receipt=None, notes=[])))

    assert (await create(bench)).id == REFUND_ID


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        refund(amount=19999),
        refund(amount=0),
        refund(amount="20000"),
        refund(currency="XXQ"),
        refund(receipt="ref_01KAP5M3ZQJ8W3YV2T6N4R7XHE"),
        refund(payment_id="pay_other"),
        refund(id=None),
    ],
)
async def test_r7_a_refund_that_is_not_what_we_asked_for_leaves_the_outcome_unknown(bench: Bench, body: Any) -> None:
    bench.play(answer(body))

    with pytest.raises(OutcomeUnknown, match="answer_contradictory"):
        await create(bench)


@pytest.mark.parametrize(
    ("status", "said", "kind", "reason"),
    [
        (400, "Duplicate receipt found for this refund request.", DuplicateReceipt, "duplicate_receipt"),
        (409, "Another request with the same idempotency key is still in progress.", OutcomeUnknown, "in_progress"),
        (
            409,
            "Different request with the same idempotency key has already been processed.",
            OutcomeUnknown,
            "key_taken",
        ),
        (400, "The payment has been fully refunded already", Refused, "input_validation_failed"),
    ],
)
async def test_c6_c7_a_refund_is_refused_only_by_words_that_say_so(
    bench: Bench, status: int, said: str, kind: type[Exception], reason: str
) -> None:
    bench.play(answer(error(said), status=status))

    with pytest.raises(kind, match=reason) as caught:
        await create(bench)

    assert type(caught.value) is kind


async def test_a_refund_is_read_by_its_id(bench: Bench) -> None:
    bench.play(answer(refund(created_at=None)))

    found = await bench.gateway.get_refund(REFUND_ID)

    assert found.id == REFUND_ID
    assert abs((datetime.now(UTC) - found.created_at).total_seconds()) < 60
    assert [(sent.method, sent.target) for sent in bench.host.received] == [("GET", f"/v1/refunds/{REFUND_ID}")]


async def test_c8_r9_the_refunds_of_a_payment_are_read_to_the_last_page_each_once(bench: Bench) -> None:
    first = collection(*[refund(id=f"rfnd_{at}", status="pending", created_at=AT + 200 - at) for at in range(100)])
    second = collection(refund(id="rfnd_99"), refund(id="rfnd_100"))
    bench.play(answer(first), answer(second))

    found = await bench.gateway.list_payment_refunds(PAYMENT_ID)

    assert [item.id for item in found] == [f"rfnd_{at}" for at in range(101)]
    assert found[99].status is RefundStatus.PROCESSED
    path = f"/v1/payments/{PAYMENT_ID}/refunds?count=100&skip="
    assert [sent.target for sent in bench.host.received] == [f"{path}0", f"{path}100"]


async def test_c8_r9_refunds_without_end_do_not_prove_that_ours_is_not_among_them(bench: Bench) -> None:
    bench.play(answer(collection(*[refund(id=f"rfnd_{at}") for at in range(100)])))

    with pytest.raises(OutcomeUnknown, match="too_many_refunds"):
        await bench.gateway.list_payment_refunds(PAYMENT_ID)

    assert len(bench.host.received) == 10


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("get_refund", refund(id="rfnd_other")),
        ("get_refund", collection(refund())),
        ("list_payment_refunds", collection(refund(payment_id="pay_other"))),
        ("list_payment_refunds", collection(refund(), 5)),
        ("list_payment_refunds", refund()),
    ],
)
async def test_r7_an_answer_about_another_refund_is_no_answer(bench: Bench, name: str, body: Any) -> None:
    bench.play(answer(body))

    with pytest.raises(OutcomeUnknown, match="answer_contradictory"):
        await VERBS[name](bench.gateway)
