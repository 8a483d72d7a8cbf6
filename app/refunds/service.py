"""The verbs of refunds: create, return what is nobody's, read, list, cancel.

A refund is intent first (D1): one transaction reserves its amount and writes it with the client's key, then the
processor is asked, then one transaction writes what it said. Whatever fails in between, the worker or the same key goes
on where it stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.gateways.port import Gateway, Gateways, RefundRequest, RefundSpeed
from app.idempotency.service import IdempotencyKeyReused
from app.kit.clock import Clock
from app.kit.ids import Ids, Prefix
from app.kit.money import Money
from app.kit.scope import Scope
from app.payments.models import SuspenseState
from app.payments.problems import ProcessorCredentialsRefused, ProcessorOutcomeUnknown, ProcessorUnavailable
from app.payments.service import Payments
from app.payments.suspense import SuspenseMoney
from app.refunds.evidence import moved
from app.refunds.limits import refundable
from app.refunds.models import HistoryEntry, Origin, Refund, RefundStatus, Source
from app.refunds.problems import RefundBusy, RefundNotCancellable, RefundNotFound, RefundRefused
from app.refunds.sending import RefundSending
from app.refunds.store import UNSENT, RefundFilter, RefundStore
from app.refunds.writing import RefundWriter
from app.web.paging import Slice, Window

_TRIES = 8


@dataclass(frozen=True, slots=True)
class NewRefund:
    """What a merchant asks for. Without an amount, in minor units, everything that is left."""

    amount: int | None = None
    currency: str | None = None
    speed: RefundSpeed = RefundSpeed.NORMAL
    reason: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refunds:
    """Creates, shows and cancels refunds."""

    store: RefundStore
    writer: RefundWriter
    sending: RefundSending
    payments: Payments
    suspense: SuspenseMoney
    gateways: Gateways
    clock: Clock
    ids: Ids

    async def create_refund(
        self, scope: Scope, payment_id: str, new: NewRefund, *, key: str, fingerprint: str
    ) -> Refund:
        """Give money of a payment back, once per idempotency key; `requested` means that the worker goes on.

        Args:
            scope: whose payment.
            payment_id: our id of it.
            new: what is to go back.
            key: the client's Idempotency-Key; it lives in the refund, so that whatever resumes it finds this one.
            fingerprint: SHA-256 of the request; another one under the same key is refused.

        Raises:
            PaymentNotFound, PaymentNotRefundable, RefundWhileDisputed, RefundExceedsCaptured, RefundAmountInvalid,
            RefundCurrencyMismatch: nothing was reserved or sent.
            RefundRefused: the processor said no, now or when the key was new; the reservation is free again.
            IdempotencyKeyReused: the key belongs to another request.
            RefundBusy: others keep refunding the payment.
        """
        for _ in range(_TRIES):
            known = await self.store.find_by_key(scope, payment_id=payment_id, key=key)
            if known is not None and known.fingerprint != fingerprint:
                raise IdempotencyKeyReused(param="Idempotency-Key")
            if known is not None:
                return await self._send_now(scope, known)
            payment = await self.payments.get_payment(scope, payment_id)
            attempt, money = refundable(payment, amount=new.amount, currency=new.currency)
            gateway = await self.gateways.of(scope)
            refund = replace(
                self._new(payment.id, attempt, gateway, scope=scope, money=money, speed=new.speed),
                reason=new.reason,
                metadata=new.metadata,
                request_key=key,
                fingerprint=fingerprint,
            )
            written = await self.writer.write(scope, None, refund)
            if isinstance(written, Refund):
                return await self._send_now(scope, written)
        raise RefundBusy(retry_after_seconds=1)

    async def return_suspense(self, scope: Scope, suspense_id: str) -> Refund | None:
        """Give back what is left of captured money that is no payment's; None when nothing is, or it was placed.

        Reserving it is what happens once: a repetition finds nothing left.

        Raises:
            SuspenseNotFound.
            RefundRefused: the processor said no; the money is in suspense still.
            ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused: the worker goes on.
        """
        entry = await self.suspense.get_entry(scope, suspense_id)
        if entry.state is not SuspenseState.OPEN or not entry.rest:
            return None
        gateway = await self.gateways.of(scope)
        held, money = entry.held, Money(entry.rest, entry.held.amount.currency)
        refund = replace(
            self._new(held.payment_id, held.gateway_payment_id, gateway, scope=scope, money=money),
            origin=Origin.SURPLUS,
            reason=held.reason.value,
            suspense_id=entry.id,
            from_suspense=money.minor,
        )
        written = await self.writer.write(scope, None, refund)
        return await self.sending.send_refund(scope, written) if isinstance(written, Refund) else None

    async def get_refund(self, scope: Scope, refund_id: str) -> Refund:
        """Return a refund. Raises RefundNotFound."""
        refund = await self.store.find_refund(scope, refund_id)
        if refund is None:
            raise RefundNotFound
        return refund

    async def list_refunds(self, scope: Scope, *, where: RefundFilter, window: Window) -> Slice[Refund]:
        """Return one page of refunds, newest first."""
        rows = await self.store.list_refunds(scope, where=where, window=window)
        return Slice.cut(rows, window, id_of=lambda refund: refund.id)

    async def list_payment_refunds(self, scope: Scope, payment_id: str, *, window: Window) -> Slice[Refund]:
        """Return one page of a payment's refunds, newest first. Raises PaymentNotFound."""
        payment = await self.payments.get_payment(scope, payment_id)
        return await self.list_refunds(scope, where=RefundFilter(payment_id=payment.id), window=window)

    async def cancel_refund(self, scope: Scope, refund_id: str) -> Refund:
        """Give up a refund that never left the house.

        Raises:
            RefundNotFound.
            RefundNotCancellable: it may have reached the processor, or has ended.
            RefundBusy: others keep changing it.
        """
        for _ in range(_TRIES):
            refund = await self.get_refund(scope, refund_id)
            if refund.status is not RefundStatus.REQUESTED or refund.sends:
                raise RefundNotCancellable(details={"status": refund.status.value})
            at = self.clock.now()
            ended = moved(refund, RefundStatus.CANCELLED, event="refund.cancelled", source=Source.API, at=at)
            written = await self.writer.write(scope, refund, ended, only_if=UNSENT)
            if isinstance(written, Refund):
                return written
        raise RefundBusy(retry_after_seconds=1)

    async def _send_now(self, scope: Scope, refund: Refund) -> Refund:
        """Send a refund that its maker waits for; whatever stays open, the worker brings to an end.

        Others with the same key may be told of it at any moment, so it stays what they were told of: no answer frees it
        or its key.
        """
        if refund.status is RefundStatus.REQUESTED:
            try:
                refund = await self.sending.send_refund(scope, refund)
            except (ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused):
                refund = await self.get_refund(scope, refund.id)
        if refund.is_refused:
            raise RefundRefused.of(refund)
        return refund

    def _new(
        self,
        payment_id: str,
        gateway_payment_id: str,
        gateway: Gateway,
        *,
        scope: Scope,
        money: Money,
        speed: RefundSpeed = RefundSpeed.NORMAL,
    ) -> Refund:
        now, refund_id = self.clock.now(), self.ids.new(Prefix.REFUND)
        notes = {"refund_id": refund_id, "payment_id": payment_id}
        request = RefundRequest(receipt=refund_id, amount=money, speed=speed, notes=notes)
        return Refund(
            id=refund_id,
            scope=scope,
            payment_id=payment_id,
            gateway_payment_id=gateway_payment_id,
            money=money,
            status=RefundStatus.REQUESTED,
            origin=Origin.API,
            created_at=now,
            updated_at=now,
            speed=speed,
            history=(HistoryEntry(at=now, event="refund.created", status=RefundStatus.REQUESTED, source="api"),),
            # The very bytes that every send carries: the processor's key refuses others (C6).
            body=gateway.refund_body(request),
        )
