"""From any JSON at all to our nouns, or to one declared error."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.gateways.razorpay.translate.events import to_event
from app.gateways.razorpay.translate.payments import to_order, to_orders_with_receipt, to_payment, to_payments
from app.gateways.razorpay.translate.reading import Unreadable
from app.kit.pan import has_card_number
from tests.gateways.razorpay.samples import OUR_ID, collection, event, payment, refund

SEEN_AT = datetime(2026, 1, 2, tzinfo=UTC)
CARD_NUMBER = "4111 1111 1111 1111"
TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["captured", "failed", "INR", "JPY", OUR_ID, CARD_NUMBER, "4111111111111111", "\ud800", "\x00", "a@b"]
    ),
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)
PAYMENTS = st.builds(
    lambda changes: payment(**changes),
    st.dictionaries(st.sampled_from(sorted({*payment(), "card"})), st.one_of(LEAVES, JSON), max_size=8),
)
REFUNDS = st.builds(
    lambda changes: refund(**changes), st.dictionaries(st.sampled_from(sorted(refund())), LEAVES | JSON, max_size=8)
)
BODIES = st.one_of(
    JSON,
    PAYMENTS,
    st.builds(collection, PAYMENTS | JSON),
    st.builds(lambda body, other: event(payment=body, refund=other), PAYMENTS | JSON, REFUNDS | JSON),
    st.builds(lambda body: event(dispute=body), JSON),
)


@given(BODIES)
def test_r7_any_body_becomes_a_noun_or_is_unreadable(body: Any) -> None:
    for convert in (
        to_order,
        lambda found: to_payment(found, seen_at=SEEN_AT),
        lambda found: to_payments(found, seen_at=SEEN_AT),
        lambda found: to_orders_with_receipt(found, receipt=OUR_ID),
        to_event,
    ):
        try:
            convert(body)
        except Unreadable:
            continue


PRIVATE = {
    "email": "someone.private@example.com",
    "contact": "+919000090000",
    "description": "A chair for someone",
    "error_description": "The card of someone was refused",
    "card_id": "card_DESp9fNnu0RoNc",
    "token_id": "token_MOfFlFTC1CBDOi",
    "customer_id": "cust_1Aa00000000001",
}


@given(PAYMENTS)
def test_s18_nothing_personal_and_no_card_number_passes(body: dict[str, Any]) -> None:
    try:
        found = to_payment({**body, **PRIVATE}, seen_at=SEEN_AT)
    except Unreadable:
        return

    kept = repr(found)
    kept.encode()
    json.dumps(found.raw, ensure_ascii=False).encode()
    assert not has_card_number(json.dumps(found.raw))
    assert not any(private in kept for private in PRIVATE.values())
    assert found.amount is None or 0 <= found.amount_refunded <= found.amount.minor
