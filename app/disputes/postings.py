"""What a dispute means in the books: pure. Only what the processor took is booked, and what it gave back (D5)."""

from app.disputes.models import Dispute
from app.kit.money import Money
from app.ledger.models import Account, Cause, CauseKind, Posting, transfer


def postings(before: Dispute | None, after: Dispute) -> tuple[Posting, ...]:
    """Return the entry that a dispute's change causes; `before` is None for a dispute that we had not heard of.

    A dispute can be lost, won on appeal and lost again, so the cause carries the version at which the amount changed.
    """
    taken = after.amount_deducted - (before.amount_deducted if before is not None else 0)
    if taken == 0:
        return ()
    is_taken = taken > 0
    kind = CauseKind.DISPUTE_DEDUCTION if is_taken else CauseKind.DISPUTE_REVERSAL
    return (
        transfer(
            Cause(kind, f"{after.gateway_dispute_id}:{after.version}"),
            Money(abs(taken), after.money.currency),
            debit=Account.DISPUTES if is_taken else Account.PROCESSOR_RECEIVABLE,
            credit=Account.PROCESSOR_RECEIVABLE if is_taken else Account.DISPUTES,
            payment_id=after.payment_id,
        ),
    )
