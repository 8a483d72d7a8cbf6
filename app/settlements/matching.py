"""Whether a line of a settlement is as what it is about is known here: pure."""

from dataclasses import dataclass

from app.disputes.models import Dispute
from app.gateways.settlement import RowKind, SettlementRow
from app.payments.models import Attempt, Payment
from app.refunds.models import Refund
from app.settlements.models import Finding


@dataclass(frozen=True, slots=True)
class Known:
    """What is known here of what a line is about; all None when it is nobody's."""

    payment: Payment | None = None
    refund: Refund | None = None
    dispute: Dispute | None = None


def findings_of(row: SettlementRow, known: Known) -> tuple[Finding, ...]:
    """Return what is wrong with a line."""
    match row.kind:
        case RowKind.PAYMENT:
            attempt = None if known.payment is None else known.payment.attempt(row.entity_id)
            return (Finding.UNKNOWN,) if attempt is None else _of_payment(row, attempt)
        case RowKind.REFUND:
            return (Finding.UNKNOWN,) if known.refund is None else _of_refund(row, known.refund)
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


def _of_refund(row: SettlementRow, refund: Refund) -> tuple[Finding, ...]:
    if not refund.is_accepted:
        return (Finding.NOT_BOOKED,)
    found = []
    if refund.money.currency == row.currency and refund.money.minor != row.amount:
        found.append(Finding.AMOUNT_DIFFERS)
    # A refund that goes at once costs a fee.
    if row.debit - row.credit not in {row.amount, row.amount + row.fee}:
        found.append(Finding.SUM_DIFFERS)
    return tuple(found)


def _of_dispute(row: SettlementRow, dispute: Dispute) -> tuple[Finding, ...]:
    """A line takes what a lost dispute cost, or gives it back when the bank decided otherwise later."""
    taken = row.debit - row.credit
    if taken > 0 and not dispute.amount_deducted:
        return (Finding.NOT_BOOKED,)
    if dispute.money.currency == row.currency and abs(taken) > dispute.money.minor:
        return (Finding.AMOUNT_DIFFERS,)
    return ()
