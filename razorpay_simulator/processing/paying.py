"""A customer at the checkout: what they wish, and what comes of it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, assert_never

from razorpay_simulator.entities import Order, OrderStatus, Payment, PaymentStatus
from razorpay_simulator.errors import bad_request
from razorpay_simulator.processing import instruments, payments
from razorpay_simulator.processing.failures import failure
from razorpay_simulator.signatures import sign_checkout
from razorpay_simulator.world import Account, World

METHODS = ("card", "upi", "netbanking", "wallet", "emi", "paylater", "cardless_emi")


class Outcome(StrEnum):
    """How a try ends."""

    SUCCESS = "success"
    FAILURE = "failure"
    AUTHORIZE_ONLY = "authorize_only"
    PENDING = "pending"


class Double(StrEnum):
    """What becomes of the second of two successes for one order."""

    NONE = "none"
    CAPTURED = "captured"
    AUTHORIZED = "authorized"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How the customer pays; None leaves a choice to the order or to the test instrument."""

    method: str = "card"
    outcome: Outcome | None = None
    double: Double = Double.NONE
    card_number: str | None = None
    vpa: str | None = None
    bank: str | None = None
    wallet: str | None = None
    email: str | None = None
    contact: str | None = None
    customer_id: str | None = None
    description: str | None = None
    notes: dict[str, str] = field(default_factory=dict)
    amount: int | None = None
    currency: str | None = None
    error_reason: str | None = None
    late_seconds: float | None = None


def outcome(given: str | None) -> Outcome | None:
    """Read an outcome. Raises ApiError."""
    try:
        return None if given is None else Outcome(given)
    except ValueError:
        raise bad_request(f"outcome must be one of {', '.join(Outcome)}.", field="outcome") from None


def double(given: Any) -> Double:
    """Read what `double` says: true means that both are captured. Raises ApiError."""
    if given in (None, False):
        return Double.NONE
    if given is True:
        return Double.CAPTURED
    try:
        return Double(given)
    except ValueError:
        raise bad_request("double must be true, captured or authorized.", field="double") from None


def pay(world: World, account: Account, order: Order, wish: Wish) -> dict[str, Any]:
    """Try to pay an order and return what checkout hands to the browser, with the payment. Raises ApiError."""
    if order.status is OrderStatus.PAID:
        raise payments.order_already_paid()
    attempt = attempt_of(order, wish)
    reason = instruments.reason_of_failure(wish.method, card_number=wish.card_number, vpa=attempt.vpa)
    how = wish.outcome or (Outcome.FAILURE if reason else Outcome.SUCCESS)
    payment = payments.start(world, account, attempt)
    if wish.double is not Double.NONE:
        return _pay_twice(world, account, payment, attempt, wish.double)
    match how:
        case Outcome.SUCCESS:
            payments.authorize(world, account, payment)
        case Outcome.AUTHORIZE_ONLY:
            payments.authorize(world, account, payment, may_capture=False)
        case Outcome.FAILURE:
            why = failure(wish.error_reason or reason or "payment_failed", wish.method)
            payments.fail(world, account, payment, why)
        case Outcome.PENDING:
            payments.time_out_later(world, account, payment)
        case _:
            assert_never(how)
    if wish.late_seconds is not None:
        payments.authorize_later(world, account, payment, wish.late_seconds)
    return result(account, payment)


def result(account: Account, payment: Payment) -> dict[str, Any]:
    """Return what checkout tells the browser of a payment: the signed ids, an error, or that it isn't decided."""
    shown = {"payment": payments.to_wire(account, payment)}
    if payment.status is PaymentStatus.CREATED:
        return {"razorpay_order_id": payment.order_id, **shown}
    if payment.failure is not None:
        why = payment.failure
        error = {
            "code": why.code,
            "description": why.description,
            "source": why.source,
            "step": why.step,
            "reason": why.reason,
            "metadata": {"payment_id": payment.id, "order_id": payment.order_id},
        }
        return {"error": error, **shown}
    signed = {"razorpay_payment_id": payment.id}
    if payment.order_id is not None:
        signed["razorpay_order_id"] = payment.order_id
        signed["razorpay_signature"] = sign_checkout(payment.order_id, payment.id, key_secret=account.key_secret)
    return {**signed, **shown}


def attempt_of(order: Order, wish: Wish) -> payments.Attempt:
    """Return what a customer brings. Raises ApiError for an instrument that there is not."""
    if wish.method not in METHODS:
        raise bad_request(f"method must be one of {', '.join(METHODS)}.", field="method")
    is_upi, is_bank, is_wallet = (wish.method == name for name in ("upi", "netbanking", "wallet"))
    return payments.Attempt(
        method=wish.method,
        amount=order.amount_due if wish.amount is None else wish.amount,
        currency=wish.currency or order.currency,
        order=order,
        card_number=wish.card_number,
        vpa=(wish.vpa or instruments.SUCCESS_VPA) if is_upi else None,
        bank=(wish.bank or "HDFC") if is_bank else None,
        wallet=(wish.wallet or "payzapp") if is_wallet else None,
        email=wish.email,
        contact=wish.contact,
        customer_id=wish.customer_id,
        description=wish.description,
        notes=wish.notes,
    )


def _pay_twice(
    world: World, account: Account, first: Payment, attempt: payments.Attempt, then: Double
) -> dict[str, Any]:
    """Let two tries succeed at the same time: the race that no lock of the processor prevents."""
    second = payments.start(world, account, attempt)
    for payment in (first, second):
        payments.authorize(world, account, payment, may_capture=False)
    payments.capture(world, account, first)
    if then is Double.CAPTURED:
        payments.capture(world, account, second)
    return {**result(account, first), "second": result(account, second)}
