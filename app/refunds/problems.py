"""What can go wrong with a refund, each with its permanent code."""

from typing import Self

from app.kit.errors import Kind, Problem
from app.refunds.models import Refund


class RefundNotFound(Problem):
    """No such refund in this scope; another merchant's refund looks the same (S13)."""

    code = "refund_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no refund with this id."


class PaymentNotRefundable(Problem):
    """The payment holds no captured money: it is pending, failed, authorised only, cancelled or expired."""

    code = "payment_not_refundable"
    kind = Kind.CONFLICT
    message = "Only a completed payment can be refunded."


class RefundWhileDisputed(Problem):
    """The customer has, or may get, the money by a dispute (C11)."""

    code = "refund_while_disputed"
    kind = Kind.CONFLICT
    message = "This payment is disputed; a refund would give the money back twice."


class RefundExceedsCaptured(Problem):
    """With the refunds there are, the processor's own included, it would be more than was captured (C4, C5)."""

    code = "refund_exceeds_captured"
    kind = Kind.INVALID
    message = "This is more than is left of the payment; `details.amount_refundable` says how much that is."


class RefundAmountInvalid(Problem):
    """The processor gives back no such amount."""

    code = "refund_amount_invalid"
    kind = Kind.INVALID
    message = "This amount can't be refunded."


class RefundCurrencyMismatch(Problem):
    """Money goes back in the currency in which it came."""

    code = "refund_currency_mismatch"
    kind = Kind.INVALID
    message = "A refund has the currency of its payment."


class RefundRefused(Problem):
    """The processor refused the refund; no money moves, and the refund that failed keeps the key (ADR 0025)."""

    code = "refund_refused"
    kind = Kind.CONFLICT
    message = "The processor refused this refund; nothing was given back. Another try needs another Idempotency-Key."

    @classmethod
    def of(cls, refund: Refund) -> Self:
        """Say it of the refund that failed."""
        return cls(details={"reason": refund.failure, "refund_id": refund.id})


class RefundNotCancellable(Problem):
    """It may have reached the processor already, or it has ended."""

    code = "refund_not_cancellable"
    kind = Kind.CONFLICT
    message = "This refund can't be cancelled any more: it has been sent, or it has ended."


class RefundBusy(Problem):
    """Too many changes met at one refund."""

    code = "refund_busy"
    kind = Kind.UNAVAILABLE
    message = "This refund is being changed by others; try again."


class RefundsNotListed(Problem):
    """The processor counts refunds that its list does not show yet (C10)."""

    code = "refunds_not_listed"
    kind = Kind.UNAVAILABLE
    message = "The processor's list of refunds is behind; try again."
