"""The life of a refund: asked for, pending, then processed or failed (razorpay.md section 4)."""

import functools
from dataclasses import dataclass, field

from razorpay_simulator.entities import Payment, PaymentStatus, Refund, RefundStatus
from razorpay_simulator.errors import bad_request
from razorpay_simulator.fees import tax_in
from razorpay_simulator.processing import settlements
from razorpay_simulator.world import Account, World


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """What is to go back."""

    amount: int
    speed: str = "normal"
    receipt: str | None = None
    notes: dict[str, str] = field(default_factory=dict)
    is_by_processor: bool = False


def check(account: Account, payment: Payment, request: RefundRequest, *, may_repeat: bool = False) -> None:
    """Refuse a refund that can't be, a receipt that the payment has unless it `may_repeat`. Raises ApiError."""
    if payment.status is PaymentStatus.REFUNDED:
        raise bad_request("The payment has been fully refunded already", reason="refund_limit_crossed")
    if payment.status is not PaymentStatus.CAPTURED:
        raise bad_request("The payment status should be captured for action to be taken", reason="invalid_request")
    if request.amount > payment.amount - payment.amount_refunded:
        raise bad_request(
            "The refund amount provided is greater than amount captured", field="amount", reason="refund_limit_crossed"
        )
    same_receipt = (
        not may_repeat
        and request.receipt is not None
        and any(kept.receipt == request.receipt for kept in account.refunds_by_payment.get(payment.id, ()))
    )
    if same_receipt:
        raise bad_request(
            "Duplicate receipt found for this refund request.", field="receipt", reason="duplicate_refund_id"
        )
    balance = account.refund_policy.balance
    if balance is not None and request.amount > balance:
        raise bad_request(
            "Your account does not have enough balance to carry out the refund operation.",
            reason="refund_limit_crossed",
        )


def refund(world: World, account: Account, payment: Payment, request: RefundRequest) -> Refund:
    """Send money back; the checks have been made."""
    policy = account.refund_policy
    is_instant = request.speed == "optimum" and policy.is_instant
    fee = policy.instant_fee if is_instant else 0
    made = Refund(
        id=world.ids.new("rfnd"),
        payment_id=payment.id,
        amount=request.amount,
        currency=payment.currency,
        created_at=world.clock.seconds(),
        born=world.clock.now(),
        notes=dict(request.notes),
        receipt=request.receipt,
        speed_requested=request.speed,
        speed_processed="instant" if is_instant else "normal",
        fee=fee,
        tax=tax_in(fee),
    )
    account.refunds[made.id] = made
    account.refunds_by_payment.setdefault(payment.id, []).append(made)
    _take(account, payment, request.amount)
    world.journal.write(
        "refund.created",
        account=account.id,
        refund=made.id,
        payment=payment.id,
        amount=made.amount,
        currency=made.currency,
        by="processor" if request.is_by_processor else "merchant",
    )
    _announce(world, account, "refund.created", made)
    if request.speed == "optimum" and not is_instant:
        _announce(world, account, "refund.speed_changed", made)
    if policy.seconds > 0:
        world.clock.after(policy.seconds, functools.partial(_finish, world, account, made))
    else:
        _finish(world, account, made)
    return made


def _finish(world: World, account: Account, made: Refund) -> None:
    finish(world, account, made, succeeds=not account.refund_policy.fails)


def finish(world: World, account: Account, made: Refund, *, succeeds: bool) -> None:
    """End a pending refund; one that failed leaves the money with the merchant."""
    if made.status is not RefundStatus.PENDING:
        return
    if succeeds:
        made.status = RefundStatus.PROCESSED
        made.acquirer_data = {"arn": world.ids.digits(12)}
        settlements.give_back(world, account, made)
        _tell_end(world, account, made)
    else:
        _fail(world, account, made)


def bounce(world: World, account: Account, made: Refund) -> None:
    """Let the customer's bank send back what was processed already."""
    if made.status is RefundStatus.PROCESSED:
        settlements.take_back(world, account, made)
        _fail(world, account, made)


def _fail(world: World, account: Account, made: Refund) -> None:
    made.status = RefundStatus.FAILED
    _take(account, account.payments[made.payment_id], -made.amount)
    _tell_end(world, account, made)


def _tell_end(world: World, account: Account, made: Refund) -> None:
    kind = f"refund.{made.status.value}"
    world.journal.write(kind, account=account.id, refund=made.id, payment=made.payment_id, amount=made.amount)
    _announce(world, account, kind, made)


def _take(account: Account, payment: Payment, amount: int) -> None:
    """Count an amount as refunded; a negative one came back."""
    payment.amount_refunded += amount
    if account.refund_policy.balance is not None:
        account.refund_policy.balance -= amount
    if payment.refund_status == "full":
        payment.status = PaymentStatus.REFUNDED
    elif payment.status is PaymentStatus.REFUNDED:
        payment.status = PaymentStatus.CAPTURED if payment.was_captured else PaymentStatus.AUTHORIZED


def _announce(world: World, account: Account, kind: str, made: Refund) -> None:
    payment = account.payments[made.payment_id]
    world.emit(account, kind, refund=made.to_wire(), payment=payment.to_wire())
