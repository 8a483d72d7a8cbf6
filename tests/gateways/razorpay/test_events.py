"""Webhooks: the signature over the bytes, and what is read from them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gateways.port import AttemptStatus, DisputeStatus, EventReader, RefundStatus
from app.gateways.razorpay.events import RazorpayEventReader
from app.kit.money import Money
from app.kit.signing import sign_hex
from tests.gateways.razorpay.samples import (
    AT,
    ORDER_ID,
    OUR_ID,
    PAYMENT_ID,
    REFUND_ID,
    dispute,
    event,
    order,
    payment,
    refund,
)

READER: EventReader = RazorpayEventReader()
DOWNTIME = {"id": "down_F1cxDoHWD4fkQt", "entity": "payment.downtime", "method": "upi"}


def read(body: Any) -> Any:
    return READER.read(json.dumps(body).encode())


def test_the_published_signature_of_a_webhook_is_accepted() -> None:
    body = b'{"a":1,"b":2,"c":{"d":3}}'
    signature = "2fe04e22977002e6c7cb553adab8b460cb9e2a4970d5953cb27a8472752e3bbc"

    assert READER.is_signed(body, signature, secrets=("123456",))
    assert READER.is_signed(body, signature, secrets=("new", "123456"))
    assert not READER.is_signed(body, signature, secrets=("new",))
    assert not READER.is_signed(body, signature, secrets=())


@pytest.mark.parametrize(
    "signature",
    [None, "", "0" * 64, "é" * 64, "2FE04E22977002E6C7CB553ADAB8B460CB9E2A4970D5953CB27A8472752E3BBC", "2fe04e22"],
)
def test_b8_any_other_signature_is_just_wrong(signature: str | None) -> None:
    assert not READER.is_signed(b'{"a":1,"b":2,"c":{"d":3}}', signature, secrets=("123456",))


def test_b9_every_changed_byte_breaks_the_signature() -> None:
    body = json.dumps(event(payment=payment())).encode()
    signature = sign_hex(body, secret="s")

    assert READER.is_signed(body, signature, secrets=("s",))
    assert not any(
        READER.is_signed(body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :], signature, secrets=("s",))
        for at in range(len(body))
    )


SETTLEMENT = {
    "id": "setl_1",
    "entity": "settlement",
    "amount": 9973635,
    "status": "processed",
    "fees": 0,
    "tax": 0,
    "utr": "1568176960vxp0rj",
    "created_at": AT,
}


@pytest.mark.parametrize(
    ("body", "payments", "receipt"),
    [
        (event("payment.captured", payment=payment()), [("captured", 50000)], None),
        (event("payment.failed", payment=payment(status="failed")), [("failed", 50000)], None),
        (event("order.paid", payment=payment(), order=order()), [("captured", 50000)], OUR_ID),
        (event("order.paid", order=order()), [], OUR_ID),
        (event("order.paid", payment=payment(), order={}), [("captured", 50000)], None),
        (event("refund.processed", refund=refund(), payment=payment(amount_refunded=100)), [("captured", 50000)], None),
        (event("payment.dispute.created", payment=payment(), dispute=dispute()), [("captured", 50000)], None),
        ({**event("payment.downtime.started"), "payload": {"payment.downtime": {"entity": DOWNTIME}}}, [], None),
        (
            {**event("x.y"), "payload": {"payment": [{"entity": payment()}, {"entity": payment()}]}},
            [("captured", 50000)] * 2,
            None,
        ),
        (event("settlement.processed", settlement=SETTLEMENT), [], None),
        ({**event("something.new"), "extra": [1]}, [], None),
    ],
)
def test_an_event_carries_the_payments_in_it(body: Any, payments: list[Any], receipt: str | None) -> None:
    found = read(body)

    assert found.type == body["event"]
    assert found.account_id == "acc_BFQ7uQEaa7j2z7"
    assert found.created_at == datetime.fromtimestamp(AT + 6, UTC)
    assert [(item.status, item.amount.minor) for item in found.payments] == payments
    assert found.order_receipt == receipt


def test_c9_c10_an_event_of_a_refund_carries_it() -> None:
    found = read(event("refund.failed", refund=refund(status="failed"), payment=payment()))

    (item,) = found.refunds
    assert (item.id, item.payment_id, item.status) == (REFUND_ID, PAYMENT_ID, RefundStatus.FAILED)
    assert read(event(payment=payment())).refunds == ()


def test_an_event_of_a_dispute_carries_it() -> None:
    found = read(event("payment.dispute.lost", dispute=dispute(status="lost"), payment=payment()))

    (item,) = found.disputes
    assert (item.payment_id, item.status, found.refunds) == (PAYMENT_ID, DisputeStatus.LOST, ())


def test_an_event_of_a_settlement_carries_it() -> None:
    (item,) = read(event("settlement.processed", settlement=SETTLEMENT)).settlements

    assert (item.id, item.amount, item.utr) == ("setl_1", Money(9973635, "INR"), "1568176960vxp0rj")


def test_a_refund_without_a_time_takes_the_events() -> None:
    found = read(event("refund.created", refund=refund(created_at=None)))

    assert found.refunds[0].created_at == datetime.fromtimestamp(AT + 6, UTC)


def test_an_event_without_a_time_takes_its_payments() -> None:
    found = read({**event(payment=payment()), "created_at": None})

    assert found.created_at is None
    assert found.payments[0].created_at == datetime.fromtimestamp(AT, UTC)


def test_a_payment_without_a_time_takes_the_events() -> None:
    assert read(event(payment=payment(created_at=None))).payments[0].created_at == datetime.fromtimestamp(AT + 6, UTC)


def test_b14_an_unknown_status_is_read_as_such() -> None:
    assert read(event(payment=payment(status="half_paid"))).payments[0].status is AttemptStatus.UNRECOGNIZED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"event": "payment.captured"}',
        b'{"event": 5, "payload": {}}',
        b'{"event": "payment.captured", "payload": []}',
        b'{"event": "a b", "payload": {}}',
        b'{"event": "x", "payload": {}, "created_at": NaN}',
        b"[" * 100_000,
        json.dumps(event(payment={})).encode(),
        json.dumps(event(payment=[])).encode(),
        json.dumps({**event(), "payload": {"payment": payment()}}).encode(),
        json.dumps(event(dispute=dispute(payment_id=None))).encode(),
        json.dumps(event(refund=refund(payment_id=None))).encode(),
        json.dumps({**event(refund=refund(created_at=None)), "created_at": None}).encode(),
        json.dumps({**event(), "payload": {"payment": 5}}).encode(),
        json.dumps({**event(), "payload": {"order": {"entity": 5}}}).encode(),
        json.dumps({**event(payment=payment(created_at=None)), "created_at": 0}).encode(),
    ],
)
def test_b14_what_is_no_event_raises_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the port promises just this
        READER.read(body)


@given(st.binary(max_size=300))
def test_b14_any_bytes_are_an_event_or_raise_value_error(body: bytes) -> None:
    try:
        READER.read(body)
    except ValueError:
        return


def test_the_order_of_a_payment_is_kept_for_matching() -> None:
    assert read(event(payment=payment())).payments[0].order_id == ORDER_ID
