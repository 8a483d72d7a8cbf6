"""Payments that the merchant's own server begins: `/v1/payments/create/...`, one-time passwords, VPA checks."""

import functools
import re
from typing import Any

from razorpay_simulator import validation
from razorpay_simulator.calls import Call, Route
from razorpay_simulator.entities import Order, OrderStatus, Payment, PaymentStatus
from razorpay_simulator.errors import bad_request
from razorpay_simulator.processing import instruments, paying, payments
from razorpay_simulator.processing.failures import failure
from razorpay_simulator.resources.payments import find_payment

_VPA = re.compile(r"[A-Za-z0-9.\-_]{2,64}@[A-Za-z]{2,32}")
_SHORTEST_OTP, _LONGEST_OTP = 4, 10
_UPI_ANSWERS_AFTER_SECONDS = 1.0


def create_payment(call: Call) -> Any:
    """Begin a card, netbanking or wallet payment; a one-time password ends it."""
    payment = _start(call, str(call.body.get("method") or "card"))
    payments.time_out_later(call.world, call.account, payment)
    url = f"{call.base_url}/v1/payments/{payment.id}/otp_generate"
    return {"razorpay_payment_id": payment.id, "next": [{"action": "otp_generate", "url": url}]}


def create_upi_payment(call: Call) -> Any:
    """Begin a UPI payment; the test address decides within a second."""
    payment = _start(call, "upi")
    reason = instruments.reason_of_failure("upi", card_number=None, vpa=payment.vpa)
    call.world.clock.after(_UPI_ANSWERS_AFTER_SECONDS, functools.partial(_decide, call, payment, reason))
    return {"razorpay_payment_id": payment.id}


def _start(call: Call, method: str) -> Payment:
    body = call.body
    if method not in paying.METHODS:
        raise bad_request("The selected method is invalid.", field="method")
    validation.require(body, ["amount", "email", "contact"])
    currency = validation.currency(body)
    amount = validation.amount(body, currency)
    order = _order(call, amount)
    card, upi = body.get("card"), body.get("upi")
    vpa = upi.get("vpa") if isinstance(upi, dict) else body.get("vpa")
    attempt = payments.Attempt(
        method=method,
        amount=amount,
        currency=currency,
        order=order,
        card_number=_card_number(card) if method == "card" else None,
        vpa=str(vpa or instruments.SUCCESS_VPA) if method == "upi" else None,
        bank=validation.text(body, "bank", longest=10) if method == "netbanking" else None,
        wallet=validation.text(body, "wallet", longest=30) if method == "wallet" else None,
        email=validation.text(body, "email", longest=64),
        contact=validation.text(body, "contact", longest=15),
        customer_id=validation.text(body, "customer_id", longest=30),
        description=validation.text(body, "description", longest=255),
        notes=validation.notes(body),
    )
    return payments.start(call.world, call.account, attempt)


def _order(call: Call, amount: int) -> Order | None:
    order_id = call.body.get("order_id")
    if not order_id:
        return None
    order: Order = validation.lookup(call.account.orders, str(order_id), "order")
    if order.status is OrderStatus.PAID:
        raise payments.order_already_paid()
    if amount > order.amount_due or (amount < order.amount_due and not order.is_partial):
        raise bad_request(
            "Payment amount is different from the amount due for order.", field="amount", reason="order_amount_mismatch"
        )
    return order


def _card_number(card: Any) -> str:
    number = str(card.get("number", "")).replace(" ", "") if isinstance(card, dict) else ""
    if not instruments.passes_luhn(number):
        raise bad_request("The card number is not valid.", field="card[number]", reason="card_number_invalid")
    return number


def _decide(call: Call, payment: Payment, reason: str | None) -> None:
    if payment.status is not PaymentStatus.CREATED:
        return
    if reason is None:
        payments.authorize(call.world, call.account, payment)
    else:
        payments.fail(call.world, call.account, payment, failure(reason, payment.method))


def generate_otp(call: Call) -> Any:
    """Pretend to send a one-time password."""
    payment = find_payment(call)
    base = f"{call.base_url}/v1/payments/{payment.id}/otp"
    steps = [{"action": f"otp_{step}", "url": f"{base}/{step}"} for step in ("submit", "resend")]
    return {"razorpay_payment_id": payment.id, "next": steps, "metadata": _metadata(call, payment)}


def resend_otp(call: Call) -> Any:
    """Pretend to send the one-time password again."""
    payment = find_payment(call)
    return {"next": ["otp_submit", "otp_resend"], "razorpay_payment_id": payment.id}


def submit_otp(call: Call) -> Any:
    """End a payment: four to ten digits are right, anything else is wrong."""
    payment = find_payment(call)
    validation.require(call.body, ["otp"])
    otp = str(call.body["otp"])
    if payment.status is not PaymentStatus.CREATED:
        raise bad_request("The payment has been processed already.", reason="invalid_request")
    is_right = otp.isascii() and otp.isdigit() and _SHORTEST_OTP <= len(otp) <= _LONGEST_OTP
    _decide(call, payment, None if is_right else "incorrect_otp")
    result = paying.result(call.account, payment)
    if "error" in result:
        why = result["error"]
        raise bad_request(why["description"], reason=why["reason"], metadata=why["metadata"])
    return {name: value for name, value in result.items() if name.startswith("razorpay_")}


def validate_vpa(call: Call) -> Any:
    """Tell whether a UPI address exists; every well-formed one does."""
    validation.require(call.body, ["vpa"])
    vpa = str(call.body["vpa"])
    if _VPA.fullmatch(vpa) is None:
        raise bad_request(
            "Invalid VPA. Please enter a valid Virtual Payment Address", field="vpa", reason="invalid_vpa"
        )
    return {"vpa": vpa, "success": True, "customer_name": "Asha Rao"}


def _metadata(call: Call, payment: Payment) -> dict[str, Any]:
    """Return what the customer's bank page shows of the card."""
    if payment.card_id is None:
        return {}
    card = call.account.cards[payment.card_id]
    return {"issuer": card.issuer, "network": card.network, "last4": card.last4, "iin": card.iin}


ROUTES = (
    Route("POST", "/v1/payments/create/json", create_payment),
    Route("POST", "/v1/payments/create/upi", create_upi_payment),
    Route("POST", "/v1/payments/validate/vpa", validate_vpa),
    Route("POST", "/v1/payments/{id}/otp_generate", generate_otp, is_public=True),
    Route("POST", "/v1/payments/{id}/otp/submit", submit_otp, is_public=True),
    Route("POST", "/v1/payments/{id}/otp/resend", resend_otp, is_public=True),
)
