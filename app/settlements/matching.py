"""Whether a line of a settlement is as what it is about is known here: pure."""

from dataclasses import dataclass

from app.disputes.models import Dispute, DisputeStatus
from app.gateways.settlement import RowKind, SettlementRow
from app.payments.models import Attempt, Payment
from app.refunds.models import Refund, RefundStatus
from app.settlements.models import Finding


@dataclass(frozen=True, slots=True)
class Known:
    """What is known here of what a line is about; all None when it is nobody's.

    `refund_fee` is what is booked already as the refund's fee, in minor units.
    """

    payment: Payment | None = None
    refund: Refund | None = None
    dispute: Dispute | None = None
    refund_fee: int | None = None


def findings_of(row: SettlementRow, known: Known) -> tuple[Finding, ...]:
    """Return what is wrong with a line."""
    match row.kind:
        case RowKind.PAYMENT:
            attempt = None if known.payment is None else known.payment.attempt(row.entity_id)
            return (Finding.UNKNOWN,) if attempt is None else _of_payment(row, attempt)
        case RowKind.REFUND:
            return (Finding.UNKNOWN,) if known.refund is None else _of_refund(row, known.refund, known.refund_fee)
        case RowKind.ADJUSTMENT if row.dispute_id is None:
            return (Finding.UNEXPLAINED,)
        case RowKind.ADJUSTMENT:
            return (Finding.UNKNOWN,) if known.dispute is None else _of_dispute(row, known.dispute)
        case RowKind.TRANSFER | RowKind.OTHER:
            # Nothing of this kind is made here.
            return (Finding.UNKNOWN,)


def _of_payment(row: SettlementRow, attempt: Attempt) -> tuple[Finding, ...]:
    if not attempt.captured or attempt.amount is None:
        return (Finding.NOT_BOOKED,)
    found = []
    # The line of a payment in another currency is in the settlement's: there is nothing to compare it with.
    is_same_currency = attempt.amount.currency == row.currency
    if is_same_currency and attempt.amount.minor != row.amount:
        found.append(Finding.AMOUNT_DIFFERS)
    if is_same_currency and (attempt.fee or 0, attempt.tax or 0) != (row.fee, row.tax):
        found.append(Finding.FEE_DIFFERS)
    if row.credit - row.debit != row.amount - row.fee:
        found.append(Finding.SUM_DIFFERS)
    return tuple(found)


def _of_refund(row: SettlementRow, refund: Refund, booked_fee: int | None) -> tuple[Finding, ...]:
    if not (refund.is_accepted or _failed_since(row, refund)):
        return (Finding.NOT_BOOKED,)
    found = []
    if refund.money.currency == row.currency and refund.money.minor != row.amount:
        found.append(Finding.AMOUNT_DIFFERS)
    # A refund that goes at once costs a fee, which its line is the first to tell.
    if booked_fee not in {None, row.fee} or row.tax > row.fee:
        found.append(Finding.FEE_DIFFERS)
    if row.debit - row.credit not in {row.amount, row.amount + row.fee}:
        found.append(Finding.SUM_DIFFERS)
    return tuple(found)


def _failed_since(row: SettlementRow, refund: Refund) -> bool:
    """Tell whether a refund failed after its line: the line was right, and the money comes back by another."""
    failed_at = max((entry.at for entry in refund.history if entry.status is RefundStatus.FAILED), default=None)
    return failed_at is not None and row.settled_at is not None and failed_at > row.settled_at


def _of_dispute(row: SettlementRow, dispute: Dispute) -> tuple[Finding, ...]:
    """A line takes what a lost dispute cost, or gives back what is booked no more as the bank decided otherwise.

    A line that took may be read again after the bank decided otherwise: it was right, and the money comes back.
    """
    taken, booked = row.debit - row.credit, dispute.amount_deducted
    if taken < 0 if booked else taken > 0 and dispute.status is not DisputeStatus.WON:
        return (Finding.NOT_BOOKED,)
    is_as_much = taken == booked if booked else abs(taken) <= dispute.money.minor
    is_same_currency = dispute.money.currency == row.currency
    return (Finding.AMOUNT_DIFFERS,) if is_same_currency and not is_as_much else ()
