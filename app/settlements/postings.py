"""What a settlement means in the books: pure. The processor holds less, the bank more, and a fee is a fee (D5)."""

from app.ledger.models import Account, Cause, CauseKind, Leg, Posting, Side
from app.settlements.models import Settlement, SettlementStatus

_OTHER = {Side.DEBIT: Side.CREDIT, Side.CREDIT: Side.DEBIT}


def postings(before: Settlement | None, after: Settlement) -> tuple[Posting, ...]:
    """Return the entry that a settlement's change causes; `before` is None for one we had not heard of.

    It is booked once it is paid. When the bank returned it the mirror is booked, under a cause of its own.
    """
    was_paid = before is not None and before.status is SettlementStatus.PROCESSED
    is_paid = after.status is SettlementStatus.PROCESSED
    if is_paid and not was_paid:
        return (_posting(after.gateway_settlement_id, after, _legs(after)),)
    if was_paid and not is_paid:
        mirrored = tuple(Leg(leg.account, _OTHER[leg.side], leg.amount) for leg in _legs(after))
        return (_posting(f"{after.gateway_settlement_id}/{after.status}", after, mirrored),)
    return ()


def _legs(settlement: Settlement) -> tuple[Leg, ...]:
    amount, fees, tax = settlement.money.minor, settlement.fees, settlement.tax
    parts = ((Account.BANK, amount - fees), (Account.FEES, fees - tax), (Account.TAX, tax))
    kept = tuple(Leg(account, Side.DEBIT, part) for account, part in parts if part)
    return (*kept, Leg(Account.PROCESSOR_RECEIVABLE, Side.CREDIT, amount))


def _posting(cause: str, settlement: Settlement, legs: tuple[Leg, ...]) -> Posting:
    return Posting(Cause(CauseKind.SETTLEMENT, cause), settlement.money.currency, legs)
