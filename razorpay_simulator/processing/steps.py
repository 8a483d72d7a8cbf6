"""A customer in front of their bank: the payment is begun, and waits for what they do there."""

from enum import StrEnum
from typing import assert_never

from razorpay_simulator.entities import Order, OrderStatus, Payment, PaymentStatus
from razorpay_simulator.processing import instruments, payments
from razorpay_simulator.processing.failures import failure
from razorpay_simulator.processing.paying import Wish, attempt_of
from razorpay_simulator.world import Account, World

REFUSED_CODE = "0000"
"""The one-time code that the simulated bank refuses; its page says so."""


class Answer(StrEnum):
    """What a customer does at the bank."""

    APPROVE = "approve"
    DECLINE = "decline"
    LEAVE = "leave"
    SLOW = "slow"
    """They approve, and the bank takes its time."""

    LATE = "late"
    """The bank says no, and yes some time later."""


def begin(world: World, account: Account, order: Order, wish: Wish) -> Payment:
    """Begin a payment that waits for its customer; after ten minutes without an answer it fails. Raises ApiError."""
    if order.status is OrderStatus.PAID:
        raise payments.order_already_paid()
    payment = payments.start(world, account, attempt_of(order, wish))
    payments.time_out_later(world, account, payment)
    return payment


def reason_of(payment: Payment, card_number: str | None) -> str | None:
    """Return why the test instrument fails whatever its owner does, None when it does as told."""
    return instruments.reason_of_failure(payment.method, card_number=card_number, vpa=payment.vpa)


def answer(
    world: World, account: Account, payment: Payment, given: Answer, *, seconds: int, reason: str | None
) -> None:
    """Let happen what the customer did; of two answers the first counts.

    Args:
        world: everything there is.
        account: whose payment it is.
        payment: the one that waits.
        given: what the customer did.
        seconds: how long the bank takes, for the answers that take time.
        reason: why the instrument fails although its owner says yes.
    """
    if payment.status is not PaymentStatus.CREATED:
        return
    match given:
        case Answer.APPROVE | Answer.SLOW if reason is not None:
            payments.fail(world, account, payment, failure(reason, payment.method))
        case Answer.APPROVE:
            payments.authorize(world, account, payment)
        case Answer.DECLINE:
            payments.fail(world, account, payment, failure("payment_declined", payment.method))
        case Answer.LEAVE:
            payments.fail(world, account, payment, failure("payment_cancelled", payment.method))
        case Answer.SLOW:
            payments.authorize_later(world, account, payment, seconds)
        case Answer.LATE:
            payments.fail(world, account, payment, failure("payment_timed_out", payment.method))
            payments.authorize_later(world, account, payment, seconds)
        case _:
            assert_never(given)
