"""Payments: `/v1/payments`, their capture, cards and refunds (razorpay.md section 3.2)."""

from typing import Any

from razorpay_simulator import validation
from razorpay_simulator.calls import Call, Route
from razorpay_simulator.entities import Payment
from razorpay_simulator.errors import bad_request
from razorpay_simulator.paging import page
from razorpay_simulator.processing.payments import capture_on_request
from razorpay_simulator.resources.shown import refuse_unknown_expands, shown_payment


def list_payments(call: Call) -> Any:
    """List payments, newest first."""
    refuse_unknown_expands(call)
    newest_first = reversed(call.account.payments.values())
    return page(call, newest_first, lambda payment: shown_payment(call, payment))


def get_payment(call: Call) -> Any:
    """Return one payment."""
    refuse_unknown_expands(call)
    return shown_payment(call, find_payment(call))


def edit_payment(call: Call) -> Any:
    """Change a payment's notes; nothing else can be changed."""
    payment = find_payment(call)
    validation.refuse_extra(call.body, frozenset({"notes"}))
    validation.require(call.body, ["notes"])
    payment.notes = validation.notes(call.body)
    return payment.to_wire()


def capture_payment(call: Call) -> Any:
    """Capture an authorised payment; the amount must be the authorised one."""
    payment = find_payment(call)
    validation.refuse_extra(call.body, frozenset({"amount", "currency"}))
    validation.require(call.body, ["amount"])
    amount = validation.integer(call.body, "amount") or 0
    currency = str(call.body.get("currency") or payment.currency).upper()
    capture_on_request(call.world, call.account, payment, amount=amount, currency=currency)
    return payment.to_wire()


def get_card_of_payment(call: Call) -> Any:
    """Return the card that a payment was made with."""
    payment = find_payment(call)
    if payment.card_id is None:
        raise bad_request("Payment was not done using card")
    return call.account.cards[payment.card_id].to_wire()


def find_payment(call: Call) -> Payment:
    """Return the payment that the path names. Raises ApiError."""
    payment: Payment = validation.lookup(call.account.payments, call.path_params["id"], "pay")
    return payment


ROUTES = (
    Route("GET", "/v1/payments", list_payments),
    Route("GET", "/v1/payments/{id}", get_payment),
    Route("PATCH", "/v1/payments/{id}", edit_payment),
    Route("POST", "/v1/payments/{id}/capture", capture_payment),
    Route("GET", "/v1/payments/{id}/card", get_card_of_payment),
)
