"""How a payment's outcome becomes known: callback, webhook, poll and capture, all through `record_evidence` (D2)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from app.database import Session
from app.gateways.port import (
    AlreadyCaptured,
    AttemptStatus,
    CaptureMethod,
    CredentialsRefused,
    Gateway,
    GatewayPayment,
    Gateways,
    NeverSent,
    OutcomeUnknown,
    Refused,
    UnknownAtGateway,
)
from app.kit.clock import Clock
from app.kit.errors import Problem
from app.kit.faultpoints import faultpoint
from app.kit.ids import Ids, Prefix, is_id
from app.kit.money import Money
from app.kit.scope import Scope
from app.payments.adopting import adopted
from app.payments.events import items, returned_by
from app.payments.evidence import Merged, merge
from app.payments.facts import Facts
from app.payments.intents import IntentStore
from app.payments.models import (
    TRANSITIONS,
    Attempt,
    HistoryEntry,
    Payment,
    PaymentStatus,
    Source,
    Suspense,
    SuspenseEntry,
    SuspenseFact,
    SuspenseState,
)
from app.payments.payers import Payers
from app.payments.postings import postings
from app.payments.problems import (
    CallbackInvalid,
    CaptureAmountMismatch,
    CaptureRefused,
    OrderNotReady,
    PaymentAlreadyCaptured,
    PaymentBusy,
    PaymentNotAuthorized,
    PaymentNotFound,
    ProcessorCredentialsRefused,
    ProcessorOutcomeUnknown,
    ProcessorUnavailable,
)
from app.payments.schedule import FIRST_CHECK, first_check_of_unknown
from app.payments.store import Also, PaymentStore
from app.payments.suspense_store import SuspenseStore
from app.tenants.models import MoneySettings

_TRIES = 16
T = TypeVar("T")

SettingsOf = Callable[[Scope], Awaitable[MoneySettings]]


class Match(StrEnum):
    """What became of a snapshot."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    UNMATCHED = "unmatched"


@dataclass(frozen=True, slots=True)
class Recorded:
    """The payment that a snapshot concerned, if it is known, and whether the snapshot told anything new."""

    match: Match
    payment: Payment | None


OnChange = Callable[[Payment, PaymentStatus, Source], None]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Learns of payments' outcomes and writes them down."""

    store: PaymentStore
    suspense: SuspenseStore
    intents: IntentStore
    facts: Facts
    gateways: Gateways
    clock: Clock
    ids: Ids
    payers: Payers
    settings_of: SettingsOf
    on_change: OnChange

    async def record_evidence(
        self,
        scope: Scope,
        snapshot: GatewayPayment,
        *,
        source: Source,
        payment_id: str | None = None,
        also: Also | None = None,
    ) -> Recorded:
        """Apply what the processor said of one attempt; the only way a payment's state moves by outside news.

        Args:
            scope: whose payment.
            snapshot: what the processor said.
            source: who told us.
            payment_id: the payment it belongs to, when the order's receipt told (else the order id finds it).
            also: a further write for the same transaction, such as the inbox's mark; it runs also when the
                snapshot told nothing new, but not when no payment matched.

        Raises:
            PaymentBusy: others kept changing the payment; nothing was written.
        """
        for _ in range(_TRIES):
            before = await self._concerned(scope, snapshot, payment_id)
            if before is None:
                return Recorded(Match.UNMATCHED, None)
            late = before.status is not PaymentStatus.EXPIRED or (await self.settings_of(scope)).accepts_late
            merged = merge(before, snapshot, source=source, at=self.clock.now(), accept_late=late)
            if merged.changed:
                merged = replace(merged, payment=self.payers.learn(merged.payment, snapshot))
            if not merged.changed and also is None:
                return Recorded(Match.UNCHANGED, before)
            soon = self._capture_soon(before, merged.payment)
            caused = await self._caused(scope, before, merged, also)
            if await self.store.save_evidence(scope, before, merged.payment, next_check_at=soon, also=caused):
                if merged.changed:
                    self.on_change(merged.payment, before.status, source)
                return Recorded(Match.APPLIED if merged.changed else Match.UNCHANGED, merged.payment)
        raise PaymentBusy(retry_after_seconds=1)

    async def trace_order(self, scope: Scope, order_id: str) -> Payment | None:
        """Return our payment behind an order id that we have not stored, by the order's receipt (B1, B19).

        A payment whose order was still unknown learns it here. An order that carries our receipt but is not the
        payment's (an orphan of a lost request, A4) still leads to its payment, so that its money is placed. An order
        of this merchant's own whose payment is not here was made after the backup that was restored: the payment is
        written anew (G12).

        Raises:
            ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused: try again later.
        """
        gateway = await self.gateways.of(scope)
        try:
            order = await gateway.get_order(order_id)
        except UnknownAtGateway:
            return None
        except CredentialsRefused:
            raise ProcessorCredentialsRefused from None
        except Refused as refusal:
            raise ProcessorOutcomeUnknown(details={"reason": refusal.reason}) from None
        except NeverSent:
            raise ProcessorUnavailable from None
        except OutcomeUnknown:
            raise ProcessorOutcomeUnknown from None
        if order.receipt is None or not is_id(order.receipt, Prefix.PAYMENT):
            return None
        payment = await self.store.find_payment(scope, order.receipt)
        if payment is None and order.merchant_ref == scope.tenant:
            return await self.intents.adopt_payment(scope, adopted(scope, order, order.receipt, at=self.clock.now()))
        if payment is not None and payment.order_id is None and order.amount == payment.money:
            ready = replace(payment, order_id=order.id, updated_at=self.clock.now())
            soon = first_check_of_unknown(ready.updated_at)
            await self.intents.record_order(scope, ready, owner=None, response=None, next_check_at=soon)
            payment = await self.store.find_payment(scope, payment.id)
        return payment

    async def verify_callback(
        self, scope: Scope, payment_id: str, *, order_id: str, gateway_payment_id: str, signature: str
    ) -> Payment:
        """Check what the customer's browser brought back, then ask the processor what really happened.

        The order id that is signed comes from our database, never from the caller (B15); amount and currency are
        the processor's word, compared when the evidence is merged (B16).

        Raises:
            PaymentNotFound, CallbackInvalid: nothing changed.
            ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused: try again; the worker
                checks meanwhile.
        """
        payment = await self._payment(scope, payment_id)
        if payment.order_id is None:
            raise OrderNotReady(retry_after_seconds=1)
        gateway = await self.gateways.of(scope)
        genuine = gateway.is_callback_signature(signature, order_id=payment.order_id, payment_id=gateway_payment_id)
        if not genuine or order_id != payment.order_id:
            raise CallbackInvalid
        # The signature is genuine, so a payment that can't be fetched is unknown yet, not invalid.
        snapshot = await self._asked(scope, payment, gateway.get_payment(gateway_payment_id))
        if snapshot.order_id != payment.order_id:
            raise CallbackInvalid
        recorded = await self.record_evidence(scope, snapshot, source=Source.CALLBACK)
        return recorded.payment or payment

    async def capture_payment(self, scope: Scope, payment_id: str, *, amount: Money | None) -> Payment:
        """Capture an authorised payment in full.

        Raises:
            PaymentNotFound, PaymentNotAuthorized, PaymentAlreadyCaptured, CaptureAmountMismatch: nothing changed.
            CaptureRefused: the processor said no.
            ProcessorOutcomeUnknown, ProcessorUnavailable: the worker finds out; a repetition converges.
        """
        payment = await self._payment(scope, payment_id)
        match payment.status:
            case PaymentStatus.COMPLETED:
                raise PaymentAlreadyCaptured
            case PaymentStatus.AUTHORIZED:
                attempt = payment.primary
            case _:
                attempt = None
        if attempt is None or attempt.status is AttemptStatus.REFUNDED:
            raise PaymentNotAuthorized(details={"status": payment.shown_status.value})
        if amount is not None and amount != payment.money:
            raise CaptureAmountMismatch(param="amount")
        return await self._capture(scope, payment, attempt)

    async def check_payment(self, scope: Scope, payment_id: str, *, source: Source = Source.RECHECK) -> Payment:
        """Ask the processor for every attempt on the payment's order and apply the answers.

        Raises:
            PaymentNotFound, OrderNotReady.
            ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused.
        """
        payment = await self._payment(scope, payment_id)
        if payment.order_id is None:
            raise OrderNotReady
        gateway = await self.gateways.of(scope)
        for snapshot in await self._asked(scope, payment, gateway.list_order_payments(payment.order_id)):
            recorded = await self.record_evidence(scope, snapshot, source=source)
            payment = recorded.payment or payment
        if payment.capture_method is CaptureMethod.AUTOMATIC and payment.status is PaymentStatus.AUTHORIZED:
            payment = await self._capture_now(scope, payment)
        return await self._expire_if_over(scope, payment)

    async def _caused(self, scope: Scope, before: Payment, merged: Merged, also: Also | None) -> Also | None:
        """Return what is written in the transaction of the change (D4), None when that is nothing."""
        after = merged.payment
        opened = [_entry(scope, self.ids.new(Prefix.SUSPENSE), held) for held in merged.suspense]
        returned = returned_by(await self.settings_of(scope)) if opened else frozenset()
        booked, told = postings(before, after), items(before, after, opened=opened, returned=returned)
        if not booked and not told:
            return also

        async def write(session: Session) -> None:
            known = [entry for entry in opened if not await self.suspense.insert_entry(scope, entry, session=session)]
            # What another payment's evidence brought before is booked and told already.
            twins = {entry.id for entry in known} | {entry.held.gateway_payment_id for entry in known}
            entries = [posting for posting in booked if posting.cause.id not in twins]
            news = [item for item in told if item.subject not in twins]
            await self.facts.write(scope, postings=entries, items=news, at=after.updated_at, session=session)
            if also is not None:
                await also(session)

        return write

    def _capture_soon(self, before: Payment, after: Payment) -> datetime | None:
        """Return when to look whether the processor captured by itself what has just been authorised (C1)."""
        is_ours_to_watch = after.capture_method is CaptureMethod.AUTOMATIC and after.status is PaymentStatus.AUTHORIZED
        return self.clock.now() + FIRST_CHECK if is_ours_to_watch and before.status is not after.status else None

    async def _capture_now(self, scope: Scope, payment: Payment) -> Payment:
        """Capture what the processor should have captured by itself; otherwise it would lapse (C1)."""
        attempt = payment.primary
        if attempt is None or attempt.status is not AttemptStatus.AUTHORIZED:
            return payment
        try:
            return await self._capture(scope, payment, attempt)
        except CaptureRefused:
            # Nobody asked for this capture, so nobody is told of an error; the next look tries again.
            entry = HistoryEntry(
                at=self.clock.now(),
                event="capture.refused",
                status=payment.status,
                source=Source.CAPTURE.value,
                attempt=attempt.id,
            )
            await self.store.add_history(scope, payment.id, entry=entry)
            return await self._payment(scope, payment.id)

    async def _capture(self, scope: Scope, payment: Payment, attempt: Attempt) -> Payment:
        """Write the intent, ask, write the fact."""
        gateway = await self.gateways.of(scope)
        intent = HistoryEntry(
            at=self.clock.now(),
            event="capture.requested",
            status=payment.status,
            source=Source.CAPTURE.value,
            attempt=attempt.id,
        )
        await self.store.add_history(scope, payment.id, entry=intent)
        faultpoint("payments.capture_intended")
        snapshot = await self._asked(
            scope, payment, _captured(gateway, attempt.id, payment.money), refused=CaptureRefused
        )
        faultpoint("payments.capture_answered")
        recorded = await self.record_evidence(scope, snapshot, source=Source.CAPTURE)
        return recorded.payment or payment

    async def _expire_if_over(self, scope: Scope, payment: Payment) -> Payment:
        now = self.clock.now()
        if payment.expires_at > now or not TRANSITIONS.allows(payment.status, PaymentStatus.EXPIRED):
            return payment
        entry = HistoryEntry(at=now, event="payment.expired", status=PaymentStatus.EXPIRED, source="schedule")
        told = items(payment, replace(payment, status=PaymentStatus.EXPIRED, version=payment.version + 1))

        async def tell(session: Session) -> None:
            await self.facts.write(scope, items=told, at=now, session=session)

        moved = await self.store.move_status(scope, payment, PaymentStatus.EXPIRED, entry=entry, also=tell)
        current = await self._payment(scope, payment.id)
        if moved:
            self.on_change(current, payment.status, Source.POLL)
        return current

    async def _concerned(self, scope: Scope, snapshot: GatewayPayment, payment_id: str | None) -> Payment | None:
        """Find the payment by its order. A note in the snapshot proves nothing: the browser may have set it."""
        if payment_id is not None:
            return await self.store.find_payment(scope, payment_id)
        if snapshot.order_id is None:
            return None
        return await self.store.find_by_order(scope, order_id=snapshot.order_id)

    async def _payment(self, scope: Scope, payment_id: str) -> Payment:
        payment = await self.store.find_payment(scope, payment_id)
        if payment is None:
            raise PaymentNotFound
        return payment

    async def _asked(
        self, scope: Scope, payment: Payment, answer: Awaitable[T], *, refused: type[Problem] = ProcessorOutcomeUnknown
    ) -> T:
        """Await the processor's answer; an unknown outcome brings the payment's next check forward."""
        try:
            return await answer
        except CredentialsRefused:
            raise ProcessorCredentialsRefused from None
        except Refused as refusal:
            raise refused(details={"reason": refusal.reason}) from None
        except OutcomeUnknown as unknown:
            soon = first_check_of_unknown(self.clock.now())
            await self.store.schedule_check(scope, payment.id, at=soon)
            if isinstance(unknown, NeverSent):
                raise ProcessorUnavailable(retry_after_seconds=2) from None
            details = {"outcome": "unknown", "payment_id": payment.id}
            raise ProcessorOutcomeUnknown(details=details, retry_after_seconds=2) from None


async def _captured(gateway: Gateway, attempt_id: str, amount: Money) -> GatewayPayment:
    """Capture, or fetch what someone captured before us: either way one capture (C2, C3)."""
    try:
        return await gateway.capture_payment(attempt_id, amount)
    except AlreadyCaptured:
        return await gateway.get_payment(attempt_id)


def _entry(scope: Scope, suspense_id: str, held: Suspense) -> SuspenseEntry:
    opened = SuspenseFact(at=held.created_at, event="suspense.opened", state=SuspenseState.OPEN)
    return SuspenseEntry(id=suspense_id, scope=scope, held=held, history=(opened,))
