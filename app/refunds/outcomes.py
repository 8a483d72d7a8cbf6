"""How a refund's outcome becomes known: answer, webhook, poll and list, all through `record_refund` (D2)."""

from dataclasses import dataclass
from enum import StrEnum

import structlog

from app.gateways.port import GatewayRefund, Gateways, OutcomeUnknown, Refused
from app.gateways.port import RefundStatus as Said
from app.kit.clock import Clock
from app.kit.ids import Ids, Prefix, is_id
from app.kit.scope import Scope
from app.payments.asking import problem_of
from app.payments.models import Part, Payment
from app.payments.store import PaymentStore
from app.payments.suspense_store import SuspenseStore
from app.refunds.evidence import is_about, merge
from app.refunds.models import HistoryEntry, Origin, Refund, RefundStatus, Source
from app.refunds.problems import RefundBusy, RefundsNotListed
from app.refunds.store import RefundStore
from app.refunds.writing import Also, NotWritten, RefundWriter

_LOG = structlog.get_logger(__name__)
_TRIES = 16


class Match(StrEnum):
    """What became of a snapshot."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The refund that a snapshot concerned, if it is known, and whether the snapshot told anything new."""

    match: Match
    refund: Refund | None


@dataclass(frozen=True, slots=True)
class RefundOutcomes:
    """Learns of refunds' outcomes and writes them down."""

    store: RefundStore
    writer: RefundWriter
    payments: PaymentStore
    suspense: SuspenseStore
    gateways: Gateways
    clock: Clock
    ids: Ids

    async def record_refund(
        self, scope: Scope, snapshot: GatewayRefund, *, source: Source, also: Also | None = None
    ) -> Recorded:
        """Apply what the processor said of one refund; the only way a refund moves by outside news.

        A refund that is not ours (made in the processor's own dashboard) is taken in and counted (C10).

        Args:
            scope: whose refund.
            snapshot: what the processor said.
            source: who told us.
            also: a further write for the same transaction, such as the inbox's mark; it runs also when the
                snapshot told nothing new, but not when the refund is of no captured money of ours.

        Raises:
            RefundBusy: others kept changing the refund; nothing was written.
        """
        for _ in range(_TRIES):
            before = await self._known(scope, snapshot)
            base = before or await self._foreign(scope, snapshot)
            if base is None:
                return Recorded(Match.UNMATCHED, None)
            merged = merge(base, snapshot, source=source, at=self.clock.now())
            if not merged.changed:
                if also is not None:
                    await self.writer.write_beside(also)
                return Recorded(Match.UNCHANGED, base)
            written = await self.writer.write(scope, before, merged.refund, also=also)
            if isinstance(written, Refund):
                return Recorded(Match.APPLIED, written)
            if written is NotWritten.UNCOUNTED:
                return Recorded(Match.UNMATCHED, None)
        raise RefundBusy(retry_after_seconds=1)

    async def check_refund(self, scope: Scope, refund: Refund, *, source: Source = Source.POLL) -> Refund:
        """Ask the processor for a refund that it has, and apply the answer.

        Raises:
            ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused.
        """
        gateway = await self.gateways.of(scope)
        try:
            snapshot = await gateway.get_refund(str(refund.gateway_refund_id))
        except (OutcomeUnknown, Refused) as error:
            raise problem_of(error) from None
        recorded = await self.record_refund(scope, snapshot, source=source)
        return recorded.refund or refund

    async def import_refunds(self, scope: Scope, payment_id: str) -> int:
        """Take in the refunds that the processor counts on a payment and we don't; return how many told anything new.

        Raises:
            RefundsNotListed: its list does not show them all yet.
            ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused.
        """
        payment = await self.payments.find_payment(scope, payment_id)
        if payment is None:
            return 0
        news = 0
        for attempt in payment.attempts:
            if attempt.captured and attempt.amount_refunded > await self._counted(scope, payment, attempt.id):
                news += await self._import(scope, attempt.id, said=attempt.amount_refunded)
        return news

    async def _import(self, scope: Scope, gateway_payment_id: str, *, said: int) -> int:
        gateway = await self.gateways.of(scope)
        try:
            listed = await gateway.list_payment_refunds(gateway_payment_id)
        except (OutcomeUnknown, Refused) as error:
            raise problem_of(error) from None
        recorded = [await self.record_refund(scope, snapshot, source=Source.LIST) for snapshot in listed]
        # What failed is listed too, so a list that sums up to less is behind.
        if sum(snapshot.amount.minor for snapshot in listed if snapshot.amount is not None) < said:
            raise RefundsNotListed
        return sum(one.match is Match.APPLIED for one in recorded)

    async def _counted(self, scope: Scope, payment: Payment, gateway_payment_id: str) -> int:
        if payment.primary is not None and payment.primary.id == gateway_payment_id:
            return payment.amount_refunded
        entry = await self.suspense.find_by_attempt(scope, gateway_payment_id=gateway_payment_id)
        return entry.amount_refunded if entry is not None else 0

    async def _known(self, scope: Scope, snapshot: GatewayRefund) -> Refund | None:
        known = await self.store.find_by_gateway_id(scope, gateway_refund_id=snapshot.id)
        if known is not None:
            return known
        for reference in (snapshot.receipt, snapshot.refund_ref):
            if reference is not None and is_id(reference, Prefix.REFUND):
                named = await self.store.find_refund(scope, reference)
                if named is not None and is_about(named, snapshot):
                    return named
        return None

    async def _foreign(self, scope: Scope, snapshot: GatewayRefund) -> Refund | None:
        """Return a refund of somebody else's making as it was before this news, or None when it is of no money of ours.

        A snapshot that makes no sense makes no refund: the next look decides (R7). Money that was never captured here
        goes back without us (C1).
        """
        money = snapshot.amount
        payment = await self.payments.find_by_attempt(scope, gateway_payment_id=snapshot.payment_id)
        if money is None or snapshot.status is Said.UNRECOGNIZED or payment is None:
            return None
        attempt = payment.attempt(snapshot.payment_id)
        if attempt is None or not attempt.captured or attempt.amount is None:
            return None
        if attempt.amount.currency != money.currency:
            _LOG.error("refund_in_another_currency", gateway_refund_id=snapshot.id, payment_id=payment.id)
            return None
        entry = None
        if attempt.part is not Part.PRIMARY:
            entry = await self.suspense.find_by_attempt(scope, gateway_payment_id=attempt.id)
            if entry is None:
                return None
        now = self.clock.now()
        return Refund(
            id=self.ids.new(Prefix.REFUND),
            scope=scope,
            payment_id=payment.id,
            gateway_payment_id=attempt.id,
            money=money,
            status=RefundStatus.REQUESTED,
            origin=Origin.PROCESSOR,
            created_at=now,
            updated_at=now,
            suspense_id=entry.id if entry is not None else None,
            history=(HistoryEntry(at=now, event="refund.created", status=RefundStatus.REQUESTED, source="processor"),),
        )
