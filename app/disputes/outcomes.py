"""How a dispute's outcome becomes known: webhook, answer, poll and list, all through `record_dispute` (D2)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from pymongo.errors import DuplicateKeyError

from app.database import Database, Session
from app.disputes.events import items
from app.disputes.evidence import merge, opened
from app.disputes.holds import state_of
from app.disputes.models import Dispute, Source
from app.disputes.postings import postings
from app.disputes.problems import DisputeBusy
from app.disputes.schedule import SOON, next_check
from app.disputes.store import DisputeStore
from app.gateways.port import GatewayDispute, GatewayError, Gateways
from app.kit.clock import Clock
from app.kit.faultpoints import faultpoint
from app.kit.ids import Ids, Prefix
from app.kit.scope import Scope
from app.payments.asking import problem_of
from app.payments.facts import Facts
from app.payments.refundable import RefundableStore
from app.payments.store import Also, PaymentStore

_TRIES = 16
OnChange = Callable[[Dispute, Dispute | None], None]
"""Called after the commit with the dispute as it is and as it was (None: it is new)."""


class Match(StrEnum):
    """What became of a snapshot."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The dispute that a snapshot concerned, if it is of a payment of ours, and whether it told anything new."""

    match: Match
    dispute: Dispute | None


@dataclass(frozen=True, slots=True)
class DisputeOutcomes:
    """Learns of disputes' outcomes and writes them down."""

    database: Database
    store: DisputeStore
    payments: PaymentStore
    refundable: RefundableStore
    facts: Facts
    gateways: Gateways
    clock: Clock
    ids: Ids
    on_change: OnChange

    async def record_dispute(
        self,
        scope: Scope,
        snapshot: GatewayDispute,
        *,
        source: Source,
        as_of: int | None = None,
        also: Also | None = None,
    ) -> Recorded:
        """Apply what the processor said of one dispute; the only way a dispute moves by outside news.

        Args:
            scope: whose dispute.
            snapshot: what the processor said.
            source: who told us: what nobody asked for may be old.
            as_of: the version of the dispute when the question was asked; an answer that was overtaken may be old.
            also: a further write for the same transaction, such as the inbox's mark; it runs also when the
                snapshot told nothing new, but not when the dispute is of no payment of ours.

        Raises:
            DisputeBusy: others kept changing the dispute; nothing was written.
        """
        for _ in range(_TRIES):
            before = await self.store.find_by_gateway_id(scope, gateway_dispute_id=snapshot.id)
            after = await self._opened(scope, snapshot, source) if before is None else None
            if before is None and after is None:
                return Recorded(Match.UNMATCHED, None)
            if before is not None:
                is_overtaken = as_of is not None and as_of != before.version
                told_by = Source.WEBHOOK if is_overtaken else source
                merged = merge(before, snapshot, source=told_by, at=self.clock.now())
                if merged.is_doubtful:
                    await self.store.hasten_check(scope, before.id, at=self.clock.now() + SOON)
                after = merged.dispute if merged.changed else None
            if after is None:
                await self._beside(also)
                return Recorded(Match.UNCHANGED, before)
            if await self.write(scope, before, after, also=also):
                return Recorded(Match.APPLIED, after)
        raise DisputeBusy(retry_after_seconds=1)

    async def check_dispute(self, scope: Scope, dispute: Dispute) -> Dispute:
        """Ask the processor how a dispute stands, and take that for the present.

        Raises:
            DisputeBusy: it kept changing while the processor was asked.
            ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused.
        """
        gateway = await self.gateways.of(scope)
        for _ in range(_TRIES):
            try:
                snapshot = await gateway.get_dispute(dispute.gateway_dispute_id)
            except GatewayError as error:
                raise problem_of(error) from None
            merged = merge(dispute, snapshot, source=Source.POLL, at=self.clock.now())
            # Only over what was known when the question was asked: since then it may have become the past.
            if not merged.changed or await self.write(scope, dispute, merged.dispute):
                return merged.dispute
            dispute = await self.store.find_dispute(scope, dispute.id) or dispute
        raise DisputeBusy(retry_after_seconds=1)

    async def write(self, scope: Scope, before: Dispute | None, after: Dispute, *, also: Also | None = None) -> bool:
        """Write a change with everything that it causes, in one transaction; tell whether it was still as `before`."""
        payment = await self.payments.find_payment(scope, after.payment_id)
        # Money that is in suspense is asked back for itself; the payment's own is not held for it.
        is_primary = (
            payment is not None and payment.primary is not None and (payment.primary.id == after.gateway_payment_id)
        )
        faultpoint("disputes.writing")

        async def work(session: Session) -> bool:
            due = next_check(after, now=after.updated_at)
            if before is None:
                await self.store.insert_dispute(scope, after, next_check_at=due, session=session)
            elif not await self.store.save_dispute(scope, before, after, next_check_at=due, session=session):
                return False
            if is_primary and (before is None or before.status is not after.status):
                statuses = await self.store.list_statuses(
                    scope, gateway_payment_id=after.gateway_payment_id, session=session
                )
                await self.refundable.set_dispute(
                    scope, after.payment_id, state=state_of(statuses), at=after.updated_at, session=session
                )
            await self.facts.write(
                scope,
                postings=postings(before, after),
                items=items(before, after),
                at=after.updated_at,
                session=session,
            )
            if also is not None:
                await also(session)
            faultpoint("disputes.committing")
            return True

        try:
            written = await self.database.transaction(work)
        except DuplicateKeyError:
            return False
        faultpoint("disputes.written")
        if written:
            self.on_change(after, before)
        return written

    async def _opened(self, scope: Scope, snapshot: GatewayDispute, source: Source) -> Dispute | None:
        payment = await self.payments.find_by_attempt(scope, gateway_payment_id=snapshot.payment_id)
        if payment is None:
            return None
        dispute_id = self.ids.new(Prefix.DISPUTE)
        return opened(scope, snapshot, dispute_id=dispute_id, payment_id=payment.id, source=source, at=self.clock.now())

    async def _beside(self, also: Also | None) -> None:
        if also is not None:
            faultpoint("disputes.marking")
            await self.database.transaction(also)
            faultpoint("disputes.marked")
