"""From their shapes to our nouns: samples and contradictions."""

import traceback
from datetime import UTC, datetime
from typing import Any

import pytest

from app.gateways.payer import Payer
from app.gateways.port import AttemptStatus, CaptureMethod, Failure, GatewayPayment, OrderRequest
from app.gateways.razorpay.translate.payments import (
    to_order,
    to_order_body,
    to_orders_with_receipt,
    to_payment,
    to_payments,
)
from app.gateways.razorpay.translate.reading import Unreadable, is_machine_id
from app.kit.money import MAX_MINOR, Money
from app.kit.pan import has_card_number
from tests.gateways.razorpay.samples import AT, ORDER_ID, OUR_ID, PAYMENT_ID, collection, order, payment

SEEN_AT = datetime(2026, 1, 2, tzinfo=UTC)
CREATED_AT = datetime(2026, 1, 1, tzinfo=UTC)
RUPEES_500 = Money(50000, "INR")
OUR_MERCHANT_ID = "mer_01KAP5M3ZQJ8W3YV2T6N4R7XHD"
CARD_NUMBER = "4111 1111 1111 1111"


def read(**changes: Any) -> GatewayPayment:
    return to_payment(payment(**changes), seen_at=SEEN_AT)


@pytest.mark.parametrize(
    ("changes", "payer"),
    [
        ({"email": "void@razorpay.com"}, Payer(phone="+919000090000")),
        ({"email": "void@razorpay.com", "contact": None}, None),
        ({"contact": None}, Payer(email="someone@example.com")),
    ],
)
def test_who_paid_is_read_without_the_processor_s_placeholder(changes: dict[str, Any], payer: Payer | None) -> None:
    assert read(**changes).payer == payer


def test_a_captured_payment_is_read_in_our_words() -> None:
    found = read()

    assert found == GatewayPayment(
        id=PAYMENT_ID,
        order_id=ORDER_ID,
        amount=RUPEES_500,
        status=AttemptStatus.CAPTURED,
        method="upi",
        created_at=CREATED_AT,
        captured=True,
        fee=1180,
        tax=180,
        payment_ref=OUR_ID,
        payer=Payer(email="someone@example.com", phone="+919000090000"),
        raw={
            "id": PAYMENT_ID,
            "order_id": ORDER_ID,
            "amount": 50000,
            "currency": "INR",
            "status": "captured",
            "method": "upi",
            "international": False,
            "amount_refunded": 0,
            "vpa": "s***@okbank",
            "acquirer_data": {"rrn": "322206890934", "upi_transaction_id": "FF0123456789ABCDEF"},
            "fee": 1180,
            "tax": 180,
            "created_at": AT,
        },
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *((status.value, status) for status in AttemptStatus if status is not AttemptStatus.UNRECOGNIZED),
        ("unrecognized", AttemptStatus.UNRECOGNIZED),
        ("pending", AttemptStatus.UNRECOGNIZED),
        ("CAPTURED", AttemptStatus.UNRECOGNIZED),
        ("", AttemptStatus.UNRECOGNIZED),
        (None, AttemptStatus.UNRECOGNIZED),
        (["captured"], AttemptStatus.UNRECOGNIZED),
    ],
)
def test_r7_a_status_is_one_of_ours_or_unrecognized(word: Any, status: AttemptStatus) -> None:
    assert read(status=word).status is status


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": 0, "status": "authorized"},
        {"amount": -50000},
        {"amount": "50000"},
        {"amount": 50000.0},
        {"amount": True},
        {"amount": None},
        {"amount": MAX_MINOR + 1},
        {"amount": 2**70},
        {"currency": "XXQ"},
        {"currency": "inr"},
        {"currency": None},
        {"currency": 356},
        {"amount_refunded": 50001},
        {"amount_refunded": -1},
        {"amount_refunded": "1"},
        {"amount_refunded": 1.0},
    ],
)
def test_r7_numbers_that_contradict_each_other_are_no_amount(changes: dict[str, Any]) -> None:
    found = read(**changes)

    assert found.amount is None
    assert found.amount_refunded == 0
    assert found.raw.get("amount_refunded", 0) >= 0


@pytest.mark.parametrize(
    ("changes", "amount", "refunded"),
    [
        ({"amount_refunded": 50000}, 50000, 50000),
        ({"amount_refunded": 1}, 50000, 1),
        ({"amount_refunded": None}, 50000, 0),
        ({"amount": 0, "status": "failed"}, 0, 0),
        ({"amount": MAX_MINOR}, MAX_MINOR, 0),
    ],
)
def test_numbers_that_agree_are_kept(changes: dict[str, Any], amount: int, refunded: int) -> None:
    found = read(**changes)

    assert found.amount == Money(amount, "INR")
    assert found.amount_refunded == refunded


@pytest.mark.parametrize(
    ("status", "flag", "captured"),
    [
        ("captured", True, True),
        ("captured", None, True),
        ("authorized", True, False),
        ("failed", False, False),
        ("refunded", True, True),
        ("refunded", "1", True),
        ("refunded", False, False),
        ("refunded", "0", False),
        ("refunded", None, False),
        ("refunded", 1, False),
    ],
)
def test_c1_a_refunded_payment_was_ours_only_if_it_had_been_captured(status: str, flag: Any, *, captured: bool) -> None:
    assert read(status=status, captured=flag).captured is captured


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        (
            {
                "error_code": "BAD_REQUEST_ERROR",
                "error_reason": "payment_cancelled",
                "error_source": "customer",
                "error_step": "payment_authentication",
                "error_description": "Someone closed the page",
            },
            Failure("BAD_REQUEST_ERROR", "payment_cancelled", "customer", "payment_authentication"),
        ),
        ({"error_code": "GATEWAY_ERROR", "error_reason": "NA"}, Failure("GATEWAY_ERROR")),
        ({"error_code": "GATEWAY_ERROR", "error_reason": "Card 4111 was refused"}, Failure("GATEWAY_ERROR")),
        ({"error_code": ""}, None),
        ({"error_code": None}, None),
        ({"error_code": "NA"}, None),
        ({"error_code": 5}, None),
    ],
)
def test_a_failure_is_machine_words_only(changes: dict[str, Any], failure: Failure | None) -> None:
    assert read(status="failed", **changes).failure == failure


@pytest.mark.parametrize(
    "notes", [[], {}, None, "text", {"payment_id": 5}, {"payment_id": "pmt_short"}, {"payment_id": PAYMENT_ID}]
)
def test_notes_without_our_id_name_no_payment(notes: Any) -> None:
    assert read(notes=notes).payment_ref is None


@pytest.mark.parametrize("at", [0, -1, 10**12, "1767225600", 1.5e9, None])
def test_r8_a_senseless_time_is_replaced_by_when_we_heard_of_it(at: Any) -> None:
    assert read(created_at=at).created_at == SEEN_AT


@pytest.mark.parametrize(
    ("card", "shown"),
    [
        (
            {"last4": "1007", "network": "American Express", "type": "credit", "issuer": "HDFC", "name": "Some One"},
            {"last4": "1007", "network": "American Express", "type": "credit", "issuer": "HDFC"},
        ),
        ({"last4": 7, "token_iin": "41111111"}, {"last4": "0007"}),
        ({"last4": "41111111"}, None),
        ({"last4": CARD_NUMBER, "network": CARD_NUMBER, "number": CARD_NUMBER}, None),
        ({"last4": True, "network": None, "issuer": []}, None),
        ([], None),
        (None, None),
    ],
)
def test_s18_of_a_card_only_its_last_digits_and_kind_are_kept(card: Any, shown: dict[str, str] | None) -> None:
    assert read(method="card", card=card).raw.get("card") == shown


@pytest.mark.parametrize(
    ("vpa", "shown"),
    [
        ("9000090000@ybl", "9***@ybl"),
        ("x@y", "x***@y"),
        ("no-handle", None),
        ("@ybl", None),
        ("a@b@c", None),
        ("4111111111111111@ybl", None),
        ("a\x00@ybl", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_a_upi_address_shows_only_its_first_character(vpa: Any, shown: str | None) -> None:
    assert read(vpa=vpa).raw.get("vpa") == shown


@pytest.mark.parametrize("data", [None, [], {}, {"rrn": None}, {"auth_code": "1"}, {"rrn": 5}])
def test_absent_references_of_the_bank_are_left_out(data: Any) -> None:
    assert "acquirer_data" not in read(acquirer_data=data).raw


@pytest.mark.parametrize(
    "body", [None, [], "text", 5, {}, {"id": None}, {"id": 5}, {"id": ""}, {"id": "../orders"}, {"id": CARD_NUMBER}]
)
def test_a_payment_without_an_id_is_unreadable(body: Any) -> None:
    with pytest.raises(Unreadable):
        to_payment(body, seen_at=SEEN_AT)


def test_t6_what_could_not_be_read_is_not_repeated_in_the_error() -> None:
    with pytest.raises(Unreadable) as caught:
        to_payment({"id": payment()["email"]}, seen_at=SEEN_AT)

    assert "someone@" not in "".join(traceback.format_exception(caught.value))


def test_r9_a_payment_listed_twice_is_one_payment() -> None:
    body = collection(payment(status="authorized"), payment(), payment(id="pay_other"))

    found = to_payments(body, seen_at=SEEN_AT)

    assert [(item.id, item.status.value) for item in found] == [(PAYMENT_ID, "captured"), ("pay_other", "captured")]


@pytest.mark.parametrize("body", [{}, {"items": None}, {"items": {}}, {"items": [5]}, [payment()]])
def test_a_list_that_is_none_is_unreadable(body: Any) -> None:
    with pytest.raises(Unreadable):
        to_payments(body, seen_at=SEEN_AT)


def test_an_order_is_read_in_our_words() -> None:
    found = to_order(order(amount_paid=50000, status="paid"))

    assert (found.id, found.receipt, found.amount) == (ORDER_ID, OUR_ID, RUPEES_500)
    assert (found.amount_paid, found.status, found.created_at) == (50000, "paid", CREATED_AT)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"amount": -1},
        {"amount": "50000"},
        {"amount": 50000.0},
        {"amount": MAX_MINOR + 1},
        {"amount_paid": -1},
        {"amount_paid": None},
        {"currency": "XXQ"},
        {"currency": None},
        {"status": None},
        {"created_at": None},
    ],
)
def test_r7_an_order_whose_numbers_make_no_sense_is_unreadable(changes: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        to_order(order(**changes))


def test_b19_the_order_of_a_mandate_on_the_same_account_is_readable() -> None:
    assert to_order(order(amount=0, receipt="somebody-elses")).amount == Money(0, "INR")


def test_a_receipt_is_kept_even_if_its_digits_look_like_a_card() -> None:
    receipt = "pmt_0AAAAAA4111111111111111AAA"

    assert has_card_number(receipt)
    assert to_order(order(receipt=receipt)).receipt == receipt
    assert to_order(order(receipt="4111111111111111")).receipt is None


def test_only_orders_with_exactly_this_receipt_are_picked() -> None:
    body = collection(order(), order(id="order_b", receipt=OUR_ID.lower()), order(receipt=None), 5, {"receipt": 1})

    found, on_page = to_orders_with_receipt(body, receipt=OUR_ID)

    assert ([item.id for item in found], on_page) == ([ORDER_ID], 5)


def test_an_unreadable_order_with_our_receipt_is_not_the_same_as_none() -> None:
    with pytest.raises(Unreadable):
        to_orders_with_receipt(collection(order(amount="50000")), receipt=OUR_ID)


@pytest.mark.parametrize(
    ("notes", "merchant"),
    [
        ({"payment_id": OUR_ID, "merchant_id": OUR_MERCHANT_ID}, OUR_MERCHANT_ID),
        ({"merchant_id": "mer_short"}, None),
        ({"merchant_id": OUR_ID}, None),
        ({"merchant_id": 5}, None),
        ([], None),
        ("text", None),
        (None, None),
    ],
)
def test_g12_an_order_tells_whose_it_is_by_the_note_that_we_wrote(notes: Any, merchant: str | None) -> None:
    assert to_order(order(notes=notes)).merchant_ref == merchant


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        (
            CaptureMethod.AUTOMATIC,
            {
                "capture": "automatic",
                "capture_options": {
                    "automatic_expiry_period": 1440,
                    "manual_expiry_period": 7200,
                    "refund_speed": "normal",
                },
            },
        ),
        (
            CaptureMethod.MANUAL,
            {"capture": "manual", "capture_options": {"manual_expiry_period": 7200, "refund_speed": "normal"}},
        ),
    ],
)
def test_an_order_carries_our_receipt_and_its_own_capture_settings(
    method: CaptureMethod, settings: dict[str, Any]
) -> None:
    request = OrderRequest(receipt=OUR_ID, amount=RUPEES_500, capture_method=method, notes={"payment_id": OUR_ID})

    assert to_order_body(request, automatic_capture_minutes=1440) == {
        "amount": 50000,
        "currency": "INR",
        "receipt": OUR_ID,
        "notes": {"payment_id": OUR_ID},
        "partial_payment": False,
        "payment": settings,
    }


@pytest.mark.parametrize(
    ("text", "is_id"), [(PAYMENT_ID, True), ("a|b", False), ("../x", False), ("", False), ("é", False), ("a\n", False)]
)
def test_an_id_is_letters_digits_and_underscores(text: str, *, is_id: bool) -> None:
    assert is_machine_id(text) is is_id
