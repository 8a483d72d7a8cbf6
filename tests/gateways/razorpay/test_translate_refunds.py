"""Refunds from their shapes to our nouns, and from ours to the bytes of a request."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.port import GatewayRefund, RefundRequest, RefundSpeed, RefundStatus
from app.gateways.razorpay.translate.reading import Unreadable
from app.gateways.razorpay.translate.refunds import to_refund, to_refund_body, to_refunds
from app.kit.money import MAX_MINOR, Money
from app.kit.pan import has_card_number
from tests.gateways.razorpay.samples import AT, OUR_REFUND_ID, PAYMENT_ID, REFUND_ID, collection, refund

SEEN_AT = datetime(2026, 1, 2, tzinfo=UTC)
RUPEES_200 = Money(20000, "INR")


def read(**changes: Any) -> GatewayRefund:
    return to_refund(refund(**changes), seen_at=SEEN_AT)


def test_a_refund_is_read_in_our_words() -> None:
    assert read() == GatewayRefund(
        id=REFUND_ID,
        payment_id=PAYMENT_ID,
        amount=RUPEES_200,
        status=RefundStatus.PROCESSED,
        created_at=datetime(2026, 1, 1, 0, 1, tzinfo=UTC),
        receipt=OUR_REFUND_ID,
        refund_ref=OUR_REFUND_ID,
        speed_requested="optimum",
        speed_processed="normal",
        reference="74332744213102144250014",
        raw={
            "id": REFUND_ID,
            "payment_id": PAYMENT_ID,
            "amount": 20000,
            "currency": "INR",
            "status": "processed",
            "receipt": OUR_REFUND_ID,
            "acquirer_data": {"arn": "74332744213102144250014"},
            "speed_requested": "optimum",
            "speed_processed": "normal",
            "created_at": AT + 60,
        },
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *((status.value, status) for status in RefundStatus),
        ("created", RefundStatus.UNRECOGNIZED),
        ("PROCESSED", RefundStatus.UNRECOGNIZED),
        ("", RefundStatus.UNRECOGNIZED),
        (None, RefundStatus.UNRECOGNIZED),
        (["failed"], RefundStatus.UNRECOGNIZED),
    ],
)
def test_r7_the_status_of_a_refund_is_one_of_ours_or_unrecognized(word: Any, status: RefundStatus) -> None:
    assert read(status=word).status is status


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": "20000"},
        {"amount": 20000.0},
        {"amount": True},
        {"amount": None},
        {"amount": MAX_MINOR + 1},
        {"currency": "XXQ"},
        {"currency": "inr"},
        {"currency": None},
    ],
)
def test_r7_a_refund_whose_numbers_make_no_sense_has_no_amount(changes: dict[str, Any]) -> None:
    assert read(**changes).amount is None


@pytest.mark.parametrize(
    ("data", "reference"),
    [
        ({"arn": "1"}, "1"),
        ({"rrn": "2"}, "2"),
        ({"utr": "3"}, "3"),
        ({"arn": None, "rrn": "2", "utr": "3"}, "2"),
        ({"arn": None}, None),
        ({"arn": "4111111111111111"}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_reference_is_the_number_by_which_the_bank_finds_the_money(data: Any, reference: str | None) -> None:
    assert read(acquirer_data=data).reference == reference


@pytest.mark.parametrize(
    "notes", [[], {}, None, "text", {"refund_id": 5}, {"refund_id": "ref_short"}, {"refund_id": REFUND_ID}]
)
def test_c10_a_refund_without_our_note_is_not_ours(notes: Any) -> None:
    assert read(notes=notes, receipt=None).refund_ref is None


@pytest.mark.parametrize("at", [0, -1, 10**12, "1767225600", None])
def test_r8_the_senseless_time_of_a_refund_is_replaced_by_when_we_heard_of_it(at: Any) -> None:
    assert read(created_at=at).created_at == SEEN_AT


@pytest.mark.parametrize(
    "body",
    [None, [], "text", {}, refund(id=None), refund(id="../x"), refund(payment_id=None), refund(payment_id="a b")],
)
def test_a_refund_without_its_ids_is_unreadable(body: Any) -> None:
    with pytest.raises(Unreadable):
        to_refund(body, seen_at=SEEN_AT)


@pytest.mark.parametrize("body", [{}, {"items": None}, {"items": [5]}, [refund()], collection(refund(), {})])
def test_a_list_of_refunds_that_is_none_is_unreadable(body: Any) -> None:
    with pytest.raises(Unreadable):
        to_refunds(body, seen_at=SEEN_AT)


@given(st.integers(1, MAX_MINOR), st.sampled_from(RefundSpeed), st.dictionaries(st.text(), st.text(), max_size=15))
def test_c6_the_same_request_is_the_same_bytes(amount: int, speed: RefundSpeed, notes: dict[str, str]) -> None:
    request = RefundRequest(OUR_REFUND_ID, Money(amount, "INR"), speed, notes)

    body = to_refund_body(request)

    assert body == to_refund_body(RefundRequest(OUR_REFUND_ID, Money(amount, "INR"), speed, dict(notes)))
    assert json.loads(body) == {"amount": amount, "speed": speed.value, "receipt": OUR_REFUND_ID, "notes": notes}


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["4111111111111111", "4111 1111 1111 1111", "\ud800", "\x00", OUR_REFUND_ID, "INR", "failed"]),
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
REFUNDS = st.builds(
    lambda changes: refund(**changes), st.dictionaries(st.sampled_from(sorted(refund())), LEAVES | JSON, max_size=8)
)


@given(JSON | REFUNDS | st.builds(collection, JSON | REFUNDS))
def test_r7_any_body_becomes_a_refund_or_is_unreadable(body: Any) -> None:
    for convert in (to_refund, to_refunds):
        try:
            convert(body, seen_at=SEEN_AT)
        except Unreadable:
            continue


@given(REFUNDS)
def test_s18_of_a_refund_nothing_personal_and_no_card_number_is_kept(body: dict[str, Any]) -> None:
    private = {"reason": "someone was unhappy", "email": "someone.private@example.com", "batch_id": "batch of someone"}
    notes = {"refund_id": body["notes"], "name": "Some One"}
    try:
        found = to_refund({**body, **private, "notes": notes}, seen_at=SEEN_AT)
    except Unreadable:
        return

    kept = repr(found)
    kept.encode()
    json.dumps(found.raw, ensure_ascii=False).encode()
    assert not has_card_number(json.dumps(found.raw).replace(OUR_REFUND_ID, ""))
    assert not any(text in kept for text in (*private.values(), "Some One"))
    assert found.amount is None or found.amount.minor > 0
