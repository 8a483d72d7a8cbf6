"""What a refund means in the books: pure, one entry per fact of the processor's refund (D5).

Accepted: what was given back is on its way to the customer. Processed: the processor has paid it out of what it holds
for the merchant. Failed after that: the mirror of whatever was booked (C9).
"""

from collections.abc import Iterator, Mapping

from app.ledger.models import Account, Cause, CauseKind, Leg, Posting, Side
from app.refunds.models import Refund, RefundStatus


def postings(before: Refund | None, after: Refund) -> tuple[Posting, ...]:
    """Return the entries that a refund's change causes; `before` is None for a refund we had not heard of."""
    was_accepted = before is not None and before.is_accepted
    was_paid_out = before is not None and before.status is RefundStatus.PROCESSED
    booked = []
    if after.is_accepted and not was_accepted:
        booked.append(_posting(CauseKind.REFUND, after, debit=_origin(after), credit=_all_of(after, _UNDER_WAY)))
    if after.status is RefundStatus.PROCESSED and not was_paid_out:
        booked.append(
            _posting(CauseKind.REFUND_PAYOUT, after, debit=_all_of(after, _UNDER_WAY), credit=_all_of(after, _PAID_OUT))
        )
    if after.status is RefundStatus.FAILED and was_accepted:
        back_at = _all_of(after, _PAID_OUT if was_paid_out else _UNDER_WAY)
        booked.append(_posting(CauseKind.REFUND_REVERSAL, after, debit=back_at, credit=_origin(after)))
    return tuple(booked)


_UNDER_WAY = Account.CUSTOMER_CLEARING
_PAID_OUT = Account.PROCESSOR_RECEIVABLE
_Amounts = Mapping[Account, int]


def _origin(refund: Refund) -> _Amounts:
    """Return where the money comes from: the merchant's takings, and money that was nobody's."""
    return {
        Account.SUSPENSE: refund.from_suspense,
        Account.REFUNDS: refund.money.minor - refund.from_suspense,
    }


def _all_of(refund: Refund, account: Account) -> _Amounts:
    return {account: refund.money.minor}


def _posting(kind: CauseKind, refund: Refund, *, debit: _Amounts, credit: _Amounts) -> Posting:
    legs = (*_legs(debit, Side.DEBIT), *_legs(credit, Side.CREDIT))
    return Posting(Cause(kind, str(refund.gateway_refund_id)), refund.money.currency, legs, refund.payment_id)


def _legs(amounts: _Amounts, side: Side) -> Iterator[Leg]:
    yield from (Leg(account, side, amount) for account, amount in amounts.items() if amount)
