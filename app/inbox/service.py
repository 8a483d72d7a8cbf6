"""The inbox's verbs: receive at once (D6), apply later, show, replay.

The processor disables an endpoint that keeps failing, so everything that is genuinely signed gets a 200 as soon as
it is stored; only a database that can't store answers otherwise. The signature does not cover the event's id, so an
effect is never made unique by that id alone: `payments` merges monotonically, whatever the inbox lets through (B4).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, assert_never

import structlog
from pymongo.errors import PyMongoError

from app.database import Session
from app.disputes.models import Source as DisputeSource
from app.disputes.outcomes import DisputeOutcomes
from app.disputes.outcomes import Match as DisputeMatch
from app.gateways.port import EventReader, GatewayEvent, GatewayPayment
from app.inbox.erasing import EventErasing
from app.inbox.models import ClaimedEvent, EventState, InboxEvent
from app.inbox.store import EventFilter, InboxStore, LeaseLost
from app.kit.clock import Clock
from app.kit.errors import Kind, Problem
from app.kit.faultpoints import faultpoint
from app.kit.ids import Ids, Prefix, is_id
from app.kit.scope import Mode, Scope
from app.kit.signing import sha256_hex
from app.payments.models import Source
from app.payments.outcomes import Match, Outcomes, Recorded
from app.payments.store import Also
from app.refunds.models import Source as RefundSource
from app.refunds.outcomes import Match as RefundMatch
from app.refunds.outcomes import RefundOutcomes
from app.settlements.outcomes import Match as SettlementMatch
from app.settlements.outcomes import SettlementOutcomes
from app.web.paging import Slice, Window

RAZORPAY = "razorpay"
_LOG = structlog.get_logger(__name__)
MOST_ATTEMPTS = 8
_BACKOFF = (1, 5, 30, 120, 600, 3600, 6 * 3600)
_EVENT_ID_LENGTH = 64


class WebhookSignatureInvalid(Problem):
    """The event was not signed with a secret of this merchant (B8, B9); nothing was stored."""

    code = "webhook_signature_invalid"
    kind = Kind.UNAUTHENTICATED
    message = "The signature does not belong to this body and this endpoint's secret."


class EventNotFound(Problem):
    """No such event in this scope."""

    code = "event_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no event with this id."


class EventNotReplayable(Problem):
    """The event is waiting to be applied already."""

    code = "event_not_replayable"
    kind = Kind.CONFLICT
    message = "This event is waiting to be applied already."


class WebhookSecrets(Protocol):
    """What the inbox needs to know of a merchant."""

    async def webhook_secrets_of(self, scope: Scope) -> tuple[str, ...]:
        """Return the current and the previous secret; none for an unknown merchant."""
        ...

    async def gateway_account_of(self, scope: Scope) -> str | None:
        """Return the merchant's account id at the processor, when it is known."""
        ...


OnEvent = Callable[[str, str], None]
"""Called with the event's type (or `unreadable`) and what became of it, for the metrics."""

OnReceived = Callable[[Mode], None]
"""Called with the mode of a genuine event that is stored, for the metrics."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """Receives, applies, shows and replays events."""

    store: InboxStore
    secrets: WebhookSecrets
    reader: EventReader
    erasing: EventErasing
    outcomes: Outcomes
    refunds: RefundOutcomes
    disputes: DisputeOutcomes
    settlements: SettlementOutcomes
    clock: Clock
    ids: Ids
    on_event: OnEvent
    on_received: OnReceived

    async def record_event(
        self, merchant: str, *, body: bytes, signature: str | None, event_id: str | None
    ) -> InboxEvent:
        """Store a genuine event, once per id.

        Args:
            merchant: the id in the endpoint's path.
            body: the raw bytes; the signature is over them.
            signature: the signature header, if there was one.
            event_id: the processor's id header; the body's digest stands in for a missing one.

        Raises:
            WebhookSignatureInvalid: nothing was stored; an unknown merchant looks the same.
        """
        scope = await self._signer(merchant, body, signature)
        digest = sha256_hex(body)
        usable = event_id if event_id and len(event_id) <= _EVENT_ID_LENGTH and event_id.isascii() else digest
        event = InboxEvent(
            id=self.ids.new(Prefix.EVENT),
            scope=scope,
            source=RAZORPAY,
            event_id=usable,
            body=body,
            body_digest=digest,
            state=EventState.RECEIVED,
            received_at=self.clock.now(),
        )
        faultpoint("inbox.storing")
        is_new = await self.store.insert_event(scope, event)
        faultpoint("inbox.stored")
        self.on_event("any", "received" if is_new else "duplicate")
        self.on_received(scope.mode)
        return event

    async def get_event(self, scope: Scope, event_id: str) -> InboxEvent:
        """Return an event. Raises EventNotFound."""
        event = await self.store.find_event(scope, event_id)
        if event is None:
            raise EventNotFound
        return event

    async def list_events(self, scope: Scope, *, where: EventFilter, window: Window) -> Slice[InboxEvent]:
        """Return one page of events, newest first."""
        rows = await self.store.list_events(scope, where=where, window=window)
        return Slice.cut(rows, window, id_of=lambda event: event.id)

    async def replay_event(self, scope: Scope, event_id: str) -> InboxEvent:
        """Make an event due again; applying it twice changes nothing. Raises EventNotFound, EventNotReplayable."""
        await self.get_event(scope, event_id)
        if not await self.store.requeue_event(scope, event_id, at=self.clock.now()):
            raise EventNotReplayable
        return await self.get_event(scope, event_id)

    async def apply_next(self) -> bool:
        """Apply the event that has been due longest; tell whether there was one.

        Whatever goes wrong with one event postpones or parks that event alone (B14).
        """
        claimed = await self.store.claim_due_event(owner=self.ids.new(Prefix.LEASE))
        if claimed is None:
            return False
        try:
            event = self.reader.read(claimed.event.body)
        except ValueError:
            await self._postpone(claimed, reason="unreadable", event_type=None)
            return True
        try:
            state = await self._apply(claimed, event)
            self.on_event(event.type, state.value)
        except LeaseLost:
            self.on_event(event.type, "lease_lost")
        except Problem as problem:
            await self._postpone(claimed, reason=problem.code, event_type=event.type)
        except PyMongoError:
            # The database could not say; the lease runs out and the event comes back.
            raise
        except Exception:  # noqa: BLE001  one event must not stop the others, whatever it met
            # A defect of ours: the event comes back a few times, then it is parked and not lost.
            _LOG.exception("event_not_applied", event_id=claimed.event.id, type=event.type)
            await self._postpone(claimed, reason="defect", event_type=event.type)
        return True

    async def _signer(self, merchant: str, body: bytes, signature: str | None) -> Scope:
        """Return the scope whose secret signed the body; the secret tells test from live (B10)."""
        if not is_id(merchant, Prefix.MERCHANT):
            raise WebhookSignatureInvalid
        for mode in Mode:
            scope = Scope(tenant=merchant, mode=mode)
            secrets = await self.secrets.webhook_secrets_of(scope)
            if self.reader.is_signed(body, signature, secrets=secrets):
                return scope
        self.on_event("any", "forged")
        raise WebhookSignatureInvalid

    async def _apply(self, claimed: ClaimedEvent, event: GatewayEvent) -> EventState:
        scope = claimed.event.scope
        # First of all: whatever becomes of the event, who was erased does not come back with it (T11).
        await self.erasing.forget_late(claimed.event)
        account = await self.secrets.gateway_account_of(scope)
        if account is not None and event.account_id is not None and account != event.account_id:
            return await self._finish(claimed, event, EventState.QUARANTINED, reason="other_account")
        if event.refunds:
            return await self._apply_refunds(claimed, event)
        if event.disputes:
            return await self._apply_disputes(claimed, event)
        if event.settlements:
            return await self._apply_settlements(claimed, event)
        return await self._apply_payments(claimed, event)

    async def _apply_payments(self, claimed: ClaimedEvent, event: GatewayEvent) -> EventState:
        """Apply an event of payments alone."""
        scope = claimed.event.scope
        if not event.payments:
            return await self._finish(claimed, event, EventState.IGNORED, reason="nothing_to_apply")
        *others, last = event.payments
        for snapshot in others:
            await self._learn(scope, snapshot)
        recorded = await self._learn(scope, last, also=self._mark(claimed, event))
        if recorded.match is not Match.UNMATCHED:
            return EventState.APPLIED
        reason = "no_order" if last.order_id is None else "not_our_order"
        return await self._finish(claimed, event, EventState.IGNORED, reason=reason)

    async def _apply_refunds(self, claimed: ClaimedEvent, event: GatewayEvent) -> EventState:
        """Apply an event of refunds, after what it says of their payments: a refund is counted on captured money."""
        scope = claimed.event.scope
        for payment in event.payments:
            await self._learn(scope, payment)
        *others, last = event.refunds
        for snapshot in others:
            await self.refunds.record_refund(scope, snapshot, source=RefundSource.WEBHOOK)
        mark = self._mark(claimed, event)
        recorded = await self.refunds.record_refund(scope, last, source=RefundSource.WEBHOOK, also=mark)
        if recorded.match is not RefundMatch.UNMATCHED:
            return EventState.APPLIED
        return await self._finish(claimed, event, EventState.IGNORED, reason="not_our_refund")

    async def _apply_disputes(self, claimed: ClaimedEvent, event: GatewayEvent) -> EventState:
        """Apply an event of disputes, after what it says of their payments."""
        scope = claimed.event.scope
        for payment in event.payments:
            await self._learn(scope, payment)
        *others, last = event.disputes
        for snapshot in others:
            await self.disputes.record_dispute(scope, snapshot, source=DisputeSource.WEBHOOK)
        mark = self._mark(claimed, event)
        recorded = await self.disputes.record_dispute(scope, last, source=DisputeSource.WEBHOOK, also=mark)
        if recorded.match is not DisputeMatch.UNMATCHED:
            return EventState.APPLIED
        return await self._finish(claimed, event, EventState.IGNORED, reason="not_our_dispute")

    async def _apply_settlements(self, claimed: ClaimedEvent, event: GatewayEvent) -> EventState:
        """Apply an event of settlements."""
        scope = claimed.event.scope
        *others, last = event.settlements
        for snapshot in others:
            await self.settlements.record_settlement(scope, snapshot, is_present=False)
        mark = self._mark(claimed, event)
        recorded = await self.settlements.record_settlement(scope, last, is_present=False, also=mark)
        match recorded.match:
            case SettlementMatch.UNREADABLE:
                return await self._finish(claimed, event, EventState.IGNORED, reason="contradictory")
            case SettlementMatch.FOREIGN:
                return await self._finish(claimed, event, EventState.IGNORED, reason="not_our_account")
            case SettlementMatch.APPLIED | SettlementMatch.UNCHANGED:
                return EventState.APPLIED
            case _:
                assert_never(recorded.match)

    async def _learn(self, scope: Scope, snapshot: GatewayPayment, *, also: Also | None = None) -> Recorded:
        """Apply what an event says of a payment, also of one whose order we have yet to trace."""
        recorded = await self.outcomes.record_evidence(scope, snapshot, source=Source.WEBHOOK, also=also)
        if recorded.match is not Match.UNMATCHED or snapshot.order_id is None:
            return recorded
        payment = await self.outcomes.trace_order(scope, snapshot.order_id)
        if payment is None:
            return recorded
        return await self.outcomes.record_evidence(
            scope, snapshot, source=Source.WEBHOOK, payment_id=payment.id, also=also
        )

    def _mark(self, claimed: ClaimedEvent, event: GatewayEvent) -> Also:
        """Return the write that marks the event applied, for the transaction of what it tells (D4)."""

        async def mark(session: Session) -> None:
            faultpoint("inbox.marking")
            await self.store.finish_event(
                claimed.event.scope,
                claimed,
                EventState.APPLIED,
                at=self.clock.now(),
                type_=event.type,
                session=session,
            )

        return mark

    async def _finish(
        self, claimed: ClaimedEvent, event: GatewayEvent, state: EventState, *, reason: str
    ) -> EventState:
        faultpoint("inbox.ending")
        await self.store.finish_event(
            claimed.event.scope, claimed, state, at=self.clock.now(), type_=event.type, reason=reason
        )
        faultpoint("inbox.ended")
        return state

    async def _postpone(self, claimed: ClaimedEvent, *, reason: str, event_type: str | None) -> None:
        """Try again later, or park after the last try: loudly, and replayable (B14, P4)."""
        scope, attempts = claimed.event.scope, claimed.event.attempts
        if attempts < MOST_ATTEMPTS:
            delay = timedelta(seconds=_BACKOFF[min(attempts - 1, len(_BACKOFF) - 1)])
            await self.store.postpone_event(scope, claimed, delay=delay, reason=reason, type_=event_type)
            self.on_event(event_type or "unreadable", "postponed")
            return
        try:
            faultpoint("inbox.parking")
            await self.store.finish_event(
                scope, claimed, EventState.PARKED, at=self.clock.now(), type_=event_type, reason=reason
            )
        except LeaseLost:
            return
        self.on_event(event_type or "unreadable", "parked")
