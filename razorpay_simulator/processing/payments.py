"""The life of a payment: tried, authorised, captured or failed, sometimes late (razorpay.md section 3)."""

import functools
from dataclasses import dataclass, field
from typing import Any

from razorpay_simulator.entities import Card, Failure, Order, OrderStatus, Payment, PaymentStatus
from razorpay_simulator.errors import bad_request
from razorpay_simulator.fees import fee_and_tax
from razorpay_simulator.processing import instruments, settlements
from razorpay_simulator.processing.failures import failure
from razorpay_simulator.processing.refunds import RefundRequest, refund
from razorpay_simulator.world import Account, World

TIMES_OUT_AFTER_SECONDS = 600
"""An unanswered payment fails after ten minutes."""

_DEFAULT_WINDOW_SECONDS = 3 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What a customer brings: how much, and with which instrument."""

    method: str
    amount: int
    currency: str
    order: Order | None = None
    card_number: str | None = None
    card_name: str = "Asha Rao"
    vpa: str | None = None
    bank: str | None = None
    wallet: str | None = None
    email: str | None = None
    contact: str | None = None
    customer_id: str | None = None
    description: str | None = None
    notes: dict[str, str] = field(default_factory=dict)


def start(world: World, account: Account, attempt: Attempt) -> Payment:
    """Begin a payment; it fails by itself when nothing happens for ten minutes."""
    card = _card(world, account, attempt) if attempt.method == "card" else None
    payment = Payment(
        id=world.ids.new("pay"),
        amount=attempt.amount,
        currency=attempt.currency,
        method=attempt.method,
        created_at=world.clock.seconds(),
        born=world.clock.now(),
        order_id=attempt.order.id if attempt.order else None,
        description=attempt.description,
        card_id=card.id if card else None,
        is_international=card.is_international if card else False,
        vpa=attempt.vpa,
        bank=attempt.bank,
        wallet=attempt.wallet,
        email=attempt.email or "void@razorpay.com",
        contact=attempt.contact or "+919000090000",
        customer_id=attempt.customer_id,
        notes=dict(attempt.notes),
        acquirer_data=_no_reference(attempt.method),
    )
    account.payments[payment.id] = payment
    if attempt.order is not None:
        order = attempt.order
        order.payment_ids.append(payment.id)
        order.attempts += 1
        if order.status is OrderStatus.CREATED:
            order.status = OrderStatus.ATTEMPTED
    _note(world, account, "payment.created", payment)
    return payment


def time_out_later(world: World, account: Account, payment: Payment) -> None:
    """Let a payment fail when it still waits after ten minutes."""
    world.clock.after(TIMES_OUT_AFTER_SECONDS, functools.partial(_time_out, world, account, payment))


def _time_out(world: World, account: Account, payment: Payment) -> None:
    if payment.status is PaymentStatus.CREATED:
        fail(world, account, payment, failure("payment_timed_out", payment.method))


def authorize(world: World, account: Account, payment: Payment, *, may_capture: bool = True) -> None:
    """Note that the bank said yes, then do what the order's capture rule says.

    A `failed` payment may still be authorised: that is a late authorisation. One for an order that is already paid is
    sent back.

    Args:
        world: everything there is.
        account: whose payment it is.
        payment: which one.
        may_capture: False leaves it authorised whatever the rule says.

    Raises:
        ApiError: the payment has gone further already.
    """
    if payment.status not in {PaymentStatus.CREATED, PaymentStatus.FAILED}:
        raise bad_request(f"The payment is {payment.status.value} already.", reason="invalid_request")
    order = account.orders.get(payment.order_id or "")
    was_paid = order is not None and order.status is OrderStatus.PAID
    payment.status = PaymentStatus.AUTHORIZED
    payment.failure = None
    payment.authorized_at = world.clock.seconds()
    payment.acquirer_data = _reference(world, payment.method)
    _note(world, account, "payment.authorized", payment)
    world.emit(account, "payment.authorized", payment=to_wire(account, payment))
    if was_paid:
        send_back(world, account, payment)
        return
    elapsed_seconds = world.clock.now() - payment.born
    rule = order.capture if order else None
    if may_capture and rule and rule.is_automatic and elapsed_seconds <= rule.automatic_minutes * 60:
        capture(world, account, payment)
        return
    window_seconds = rule.manual_minutes * 60 if rule else _DEFAULT_WINDOW_SECONDS
    due = max(payment.born + window_seconds, world.clock.now() + 1)
    world.clock.at(due, functools.partial(send_back, world, account, payment))


def send_back(world: World, account: Account, payment: Payment) -> None:
    """Refund an authorised payment that nobody captured in its window."""
    if payment.status is not PaymentStatus.AUTHORIZED:
        return
    order = account.orders.get(payment.order_id or "")
    speed = order.capture.refund_speed if order else "normal"
    refund(world, account, payment, RefundRequest(amount=payment.amount, speed=speed, is_by_processor=True))


def capture(world: World, account: Account, payment: Payment) -> None:
    """Take an authorised payment; its order is paid when nothing is due any more."""
    payment.status = PaymentStatus.CAPTURED
    payment.was_captured = True
    payment.fee, payment.tax = fee_and_tax(payment.amount)
    _note(world, account, "payment.captured", payment, fee=payment.fee, tax=payment.tax)
    settlements.earn(world, account, payment)
    order = account.orders.get(payment.order_id or "")
    becomes_paid = order is not None and _count_towards(order, payment)
    snapshot = {
        **to_wire(account, payment),
        "base_amount": payment.amount,
        "amount_transferred": 0,
        "reward": None,
    }
    world.emit(account, "payment.captured", payment=snapshot)
    if order is not None and becomes_paid:
        world.journal.write("order.paid", account=account.id, order=order.id, amount=order.amount_paid)
        world.emit(account, "order.paid", payment=snapshot, order=order.to_wire())


def capture_on_request(world: World, account: Account, payment: Payment, *, amount: int, currency: str) -> None:
    """Capture as the merchant asks. Raises ApiError when the payment, its order or the amount doesn't allow it."""
    if payment.was_captured:
        raise bad_request("This payment has already been captured", reason="capture_failed")
    if payment.status is not PaymentStatus.AUTHORIZED:
        raise bad_request(
            "Only payments which have been authorized and not yet captured can be captured", reason="capture_failed"
        )
    order = account.orders.get(payment.order_id or "")
    if order is not None and order.status is OrderStatus.PAID:
        raise order_already_paid()
    if amount != payment.amount or currency != payment.currency:
        raise bad_request(
            "Capture amount must be equal to the amount authorized", field="amount", reason="capture_failed"
        )
    if order is not None and order.is_partial and amount > order.amount_due:
        raise bad_request("Payment amount is greater than the amount due for order.", reason="order_amount_mismatch")
    capture(world, account, payment)


def fail(world: World, account: Account, payment: Payment, why: Failure) -> None:
    """Note that the payment failed, for now. Raises ApiError when the money is held already."""
    if payment.status not in {PaymentStatus.CREATED, PaymentStatus.FAILED}:
        raise bad_request(f"The payment is {payment.status.value} already.", reason="invalid_request")
    payment.status = PaymentStatus.FAILED
    payment.failure = why
    _note(world, account, "payment.failed", payment, reason=why.reason)
    world.emit(account, "payment.failed", payment=to_wire(account, payment))


def authorize_later(world: World, account: Account, payment: Payment, seconds: float) -> None:
    """Let the bank say yes after all, some time from now."""
    world.clock.after(seconds, functools.partial(_authorize_late, world, account, payment))


def _authorize_late(world: World, account: Account, payment: Payment) -> None:
    if payment.status in {PaymentStatus.CREATED, PaymentStatus.FAILED}:
        authorize(world, account, payment)


def order_already_paid() -> Exception:
    """Return the refusal of one more payment for a paid order."""
    return bad_request(
        "Your payment has been declined as the order is already paid. Please initiate the payment with a new order.",
        reason="order_already_paid",
    )


def to_wire(account: Account, payment: Payment) -> dict[str, Any]:
    """Return the payment with its card, as webhooks carry it."""
    wire = payment.to_wire()
    if payment.card_id is not None:
        wire["card"] = account.cards[payment.card_id].to_wire()
    return wire


def _count_towards(order: Order, payment: Payment) -> bool:
    """Add a captured payment to its order and tell whether that made the order paid."""
    if payment.currency != order.currency:
        return False
    order.amount_paid = min(order.amount_paid + payment.amount, order.amount)
    if order.amount_due > 0 or order.status is OrderStatus.PAID:
        return False
    order.status = OrderStatus.PAID
    return True


def _card(world: World, account: Account, attempt: Attempt) -> Card:
    facts = instruments.card_facts(attempt.card_number or instruments.SUCCESS_CARD)
    card = Card(
        id=world.ids.new("card"),
        name=attempt.card_name,
        last4=facts.last4,
        iin=(attempt.card_number or instruments.SUCCESS_CARD)[:6],
        network=facts.network,
        type=facts.type,
        issuer=facts.issuer,
        is_international=facts.is_international,
    )
    account.cards[card.id] = card
    return card


def _reference(world: World, method: str) -> dict[str, str | None]:
    match method:
        case "card":
            return {"auth_code": world.ids.digits(6)}
        case "upi":
            return {"rrn": world.ids.digits(12), "upi_transaction_id": world.ids.bare().upper()}
        case "netbanking":
            return {"bank_transaction_id": world.ids.digits(7)}
        case _:
            return {"transaction_id": world.ids.digits(10)}


def _no_reference(method: str) -> dict[str, str | None]:
    names = {"card": "auth_code", "upi": "rrn", "netbanking": "bank_transaction_id"}
    return {names.get(method, "transaction_id"): None}


def _note(world: World, account: Account, kind: str, payment: Payment, **more: Any) -> None:
    world.journal.write(
        kind,
        account=account.id,
        payment=payment.id,
        order=payment.order_id,
        amount=payment.amount,
        currency=payment.currency,
        **more,
    )
