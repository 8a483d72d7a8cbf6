"""Mistakes about disputes: old news believed, money not held, a deduction not booked, an end taken for the last."""

from typing import Any

from app.disputes.models import Dispute, Source
from app.disputes.outcomes import DisputeOutcomes, Recorded
from app.ledger.models import CauseKind
from app.payments.facts import Facts
from app.payments.refundable import RefundableStore


class BelievesOldNews(DisputeOutcomes):
    """Takes every event for how the dispute is now, in whatever order they come."""

    async def record_dispute(self, scope: Any, snapshot: Any, **more: Any) -> Recorded:
        return await super().record_dispute(scope, snapshot, **{**more, "source": Source.POLL, "as_of": None})


class HoldsNothing(RefundableStore):
    """Lets money be given back that the customer's bank asks back too."""

    async def set_dispute(self, scope: Any, payment_id: str, **more: Any) -> Any:
        return await super().set_dispute(scope, payment_id, **{**more, "state": None})


class BooksNoDeductions(Facts):
    """Forgets the books when the processor takes a lost dispute's money."""

    async def write(self, scope: Any, *, postings: Any = (), **more: Any) -> Any:
        kept = tuple(posting for posting in postings if posting.cause.kind is not CauseKind.DISPUTE_DEDUCTION)
        return await super().write(scope, postings=kept, **more)


class TakesEndsForTheLast(DisputeOutcomes):
    """Asks no more about a dispute that was decided, though a bank may decide again."""

    async def check_dispute(self, scope: Any, dispute: Dispute) -> Dispute:
        return dispute if dispute.is_over else await super().check_dispute(scope, dispute)
