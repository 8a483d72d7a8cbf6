"""The verbs of payments: create, read, list, cancel.

Creation is intent first (D1): one write binds the idempotency key to the payment, then the processor is asked, then
one conditional write records the order. Whatever fails in between, the same key continues where it stopped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from app.database import Session
from app.gateways.port import (
    CaptureMethod,
    CredentialsRefused,
    DuplicateReceipt,
    Gateway,
    GatewayError,
    GatewayOrder,
    Gateways,
    NeverSent,
    OrderRequest,
    OutcomeUnknown,
    Refused,
)
from app.idempotency.service import IdempotencyKeyInUse, IdempotencyKeyReused
from app.kit.clock import Clock
from app.kit.faultpoints import faultpoint
from app.kit.ids import Ids, Prefix
from app.kit.money import Money
from app.kit.scope import Scope
from app.payments.addresses import CheckoutAddresses
from app.payments.events import items
from app.payments.facts import Facts
from app.payments.intents import Claim, ClaimedPayment, InsertResult, IntentStore
from app.payments.limits import refusal_of
from app.payments.models import (
    TRANSITIONS,
    HistoryEntry,
    LinkVisit,
    OrderState,
    Payment,
    PaymentStatus,
)
from app.payments.problems import (
    AmountRefused,
    PaymentBusy,
    PaymentNotCancellable,
    PaymentNotFound,
    PaymentRefused,
    ProcessorCredentialsRefused,
    ProcessorOutcomeUnknown,
    ProcessorUnavailable,
    ReferenceTaken,
)
from app.payments.schedule import FIRST_CHECK, first_check_of_unknown
from app.payments.store import PaymentFilter, PaymentStore
from app.web.paging import Slice, Window

CheckUrl = Callable[[Scope, str], Awaitable[None]]
Render = Callable[[Payment], bytes]
_TRIES = 8
_DEADLINE_SECONDS = 9.5
_LOOK_AFTER_UNKNOWN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class NewPayment:
    """What a merchant asks for; `expires_by` may only shorten its life."""

    money: Money
    capture_method: CaptureMethod = CaptureMethod.AUTOMATIC
    user_id: str | None = None
    description: str | None = None
    reference: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    return_url: str | None = None
    link: LinkVisit | None = None
    expires_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """The answer to a creation: the very bytes that every repetition of the key gets."""

    body: bytes
    replayed: bool


@dataclass(frozen=True, slots=True)
class Payments:
    """Creates, shows and cancels payments."""

    store: PaymentStore
    intents: IntentStore
    facts: Facts
    gateways: Gateways
    clock: Clock
    ids: Ids
    expiry_minutes: int
    addresses: CheckoutAddresses
    check_return_url: CheckUrl

    async def create_payment(
        self, scope: Scope, new: NewPayment, *, key: str, fingerprint: str, render: Render
    ) -> Created:
        """Create a payment and its order at the processor, once per idempotency key.

        Args:
            scope: whose payment.
            new: what is to be paid.
            key: the client's Idempotency-Key.
            fingerprint: SHA-256 of the request; another one under the same key is refused.
            render: turns the payment into the answer, which is stored with it.

        Raises:
            AmountRefused, ReferenceTaken, ReturnUrlNotRegistered, PaymentRefused: nothing was created.
            IdempotencyKeyReused, IdempotencyKeyInUse: the key belongs to another request, or to one under way.
            ProcessorOutcomeUnknown, ProcessorUnavailable: the same key continues.
            ProcessorCredentialsRefused: the merchant's processor key is wrong.
        """
        if (refusal := refusal_of(new.money)) is not None:
            raise AmountRefused(refusal, param="amount")
        if new.return_url is not None:
            await self.check_return_url(scope, new.return_url)
        gateway = await self.gateways.of(scope)
        payment = self._new_payment(scope, new, key_id=gateway.key_id)
        faultpoint("payments.intending")
        claim = Claim(key=key, fingerprint=fingerprint, owner=self.ids.new(Prefix.LEASE))
        for _ in range(_TRIES):
            result = await self.intents.insert_payment(
                scope, payment, claim=claim, next_check_at=payment.created_at + FIRST_CHECK
            )
            if result is InsertResult.INSERTED:
                faultpoint("payments.intended")
                return await self._open_order(scope, payment, gateway, claim=claim, render=render, is_new=True)
            # A repetition breaks both unique indexes, and which one the database names depends on the order in which
            # they were built: so the key is asked first in either case.
            claimed = await self.intents.find_by_key(scope, key=key)
            if claimed is not None and not await self._forgotten(scope, claimed):
                return await self._continue(scope, claimed, gateway, claim=claim, render=render)
            if claimed is None and result is InsertResult.REFERENCE_TAKEN:
                raise ReferenceTaken(param="reference")
        raise PaymentBusy(retry_after_seconds=1)

    async def get_payment(self, scope: Scope, payment_id: str) -> Payment:
        """Return a payment. Raises PaymentNotFound."""
        payment = await self.store.find_payment(scope, payment_id)
        if payment is None:
            raise PaymentNotFound
        return payment

    async def get_addressed(self, token: str) -> Payment:
        """Return the payment whose page has this address. Raises PaymentNotFound, also where we never gave it out."""
        payment_id = self.addresses.payment_of(token)
        scope = None if payment_id is None else await self.store.find_scope(payment_id)
        if payment_id is None or scope is None:
            raise PaymentNotFound
        return await self.get_payment(scope, payment_id)

    async def list_payments(self, scope: Scope, *, where: PaymentFilter, window: Window) -> Slice[Payment]:
        """Return one page of payments, newest first."""
        rows = await self.store.list_payments(scope, where=where, window=window)
        return Slice.cut(rows, window, id_of=lambda payment: payment.id)

    async def cancel_payment(self, scope: Scope, payment_id: str) -> Payment:
        """Cancel a payment that nobody has paid; money that arrives later goes to suspense.

        Raises:
            PaymentNotFound, PaymentNotCancellable, PaymentBusy.
        """
        for _ in range(_TRIES):
            payment = await self.get_payment(scope, payment_id)
            if not TRANSITIONS.allows(payment.status, PaymentStatus.CANCELLED):
                raise PaymentNotCancellable(details={"status": payment.shown_status.value})
            entry = HistoryEntry(
                at=self.clock.now(), event="payment.cancelled", status=PaymentStatus.CANCELLED, source="api"
            )
            after = replace(payment, status=PaymentStatus.CANCELLED, version=payment.version + 1)
            moved = await self.store.move_status(
                scope, payment, PaymentStatus.CANCELLED, entry=entry, also=partial(self._tell, payment, after)
            )
            if moved:
                return await self.get_payment(scope, payment_id)
        raise PaymentBusy(retry_after_seconds=1)

    async def resume_order(self, scope: Scope, payment: Payment) -> Payment:
        """Bring a payment's missing order to a known state, for the worker's checks (A2, A3).

        It holds the key meanwhile: a client's request at the same time would find no order either, and make a second.

        Raises:
            PaymentBusy: a client's request is under way.
            ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused, PaymentRefused.
        """
        gateway = await self.gateways.of(scope)
        owner = self.ids.new(Prefix.LEASE)
        held = await self.intents.take_over_key(scope, payment.id, new_owner=owner)
        if held is None and await self.intents.has_key(scope, payment.id):
            raise PaymentBusy(retry_after_seconds=1)
        # As it is by now; one without a key, taken in from a backup, is nobody else's.
        payment = payment if held is None else held.payment
        if payment.order_state is OrderState.READY:
            await self.intents.release_key(scope, payment.id, owner=owner)
            return payment
        holder = None if held is None else owner
        order = await self._ask(scope, payment, gateway, is_new=False, owner=holder)
        ready = self._with_order(payment, order)
        await self.intents.record_order(
            scope, ready, owner=holder, response=None, next_check_at=self.clock.now() + FIRST_CHECK
        )
        return await self.get_payment(scope, payment.id)

    async def _continue(
        self, scope: Scope, claimed: ClaimedPayment, gateway: Gateway, *, claim: Claim, render: Render
    ) -> Created:
        """Answer a repeated key: replay, wait, or go on where the first request stopped."""
        if claimed.fingerprint != claim.fingerprint:
            raise IdempotencyKeyReused
        # A duplicate that our own driver's retry ran into is our own row (G8).
        if claimed.response is None and claimed.owner != claim.owner:
            held = await self.intents.take_over_key(scope, claimed.payment.id, new_owner=claim.owner)
            if held is None:
                raise IdempotencyKeyInUse(retry_after_seconds=1)
            claimed = held
        if claimed.response is not None:
            return Created(claimed.response, replayed=True)
        payment = claimed.payment
        if payment.order_state is OrderState.READY:
            return await self._answer_ready(scope, payment, claim=claim, render=render)
        return await self._open_order(scope, payment, gateway, claim=claim, render=render, is_new=False)

    async def _forgotten(self, scope: Scope, claimed: ClaimedPayment) -> bool:
        now = self.clock.now()
        if claimed.expires_at > now:
            return False
        await self.intents.forget_key(scope, claimed.payment.id, before=now)
        return True

    async def _open_order(
        self, scope: Scope, payment: Payment, gateway: Gateway, *, claim: Claim, render: Render, is_new: bool
    ) -> Created:
        order = await self._ask(scope, payment, gateway, is_new=is_new, owner=claim.owner)
        ready = self._with_order(payment, order)
        body = render(ready)
        faultpoint("payments.ordering")
        written = await self.intents.record_order(
            scope, ready, owner=claim.owner, response=body, next_check_at=ready.updated_at + FIRST_CHECK
        )
        faultpoint("payments.ordered")
        if written:
            return Created(body, replayed=False)
        # Someone else (the janitor, or a twin after our lease ran out) was first: theirs is the truth (A9).
        return await self._answer_ready(scope, await self.get_payment(scope, payment.id), claim=claim, render=render)

    async def _answer_ready(self, scope: Scope, payment: Payment, *, claim: Claim, render: Render) -> Created:
        """Render and keep the answer for a payment whose order someone else completed."""
        if payment.order_state is OrderState.READY:
            body = render(payment)
            if await self.intents.record_response(scope, payment.id, owner=claim.owner, response=body):
                return Created(body, replayed=False)
        claimed = await self.intents.find_by_key(scope, key=claim.key)
        if claimed is None or claimed.response is None:
            raise IdempotencyKeyInUse(retry_after_seconds=1)
        return Created(claimed.response, replayed=True)

    async def _ask(
        self, scope: Scope, payment: Payment, gateway: Gateway, *, is_new: bool, owner: str | None = None
    ) -> GatewayOrder:
        """Return the payment's order, or write down why there is none and raise."""
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                return await self._obtain_order(payment, gateway, is_new=is_new)
        except CredentialsRefused:
            if owner is not None:
                await self.intents.release_key(scope, payment.id, owner=owner)
            raise ProcessorCredentialsRefused from None
        except Refused as refusal:
            await self.intents.record_order_refused(
                scope, payment.id, reason=refusal.reason, at=self.clock.now(), told=self._tell
            )
            raise PaymentRefused(details={"reason": refusal.reason}) from None
        except NeverSent:
            if owner is not None:
                await self.intents.release_key(scope, payment.id, owner=owner)
            raise ProcessorUnavailable(retry_after_seconds=2) from None
        except (OutcomeUnknown, TimeoutError):
            now = self.clock.now()
            await self.intents.record_order_unknown(
                scope, payment.id, owner=owner, at=now, next_check_at=first_check_of_unknown(now)
            )
            raise ProcessorOutcomeUnknown(
                details={"outcome": "unknown", "payment_id": payment.id}, retry_after_seconds=2
            ) from None

    async def _obtain_order(self, payment: Payment, gateway: Gateway, *, is_new: bool) -> GatewayOrder:
        """Find the order by its receipt or create it; one receipt never has two orders of ours."""
        if not is_new and (found := await gateway.find_order(receipt=payment.id)) is not None:
            return _checked(found, payment)
        started = self.clock.monotonic()
        request = OrderRequest(
            receipt=payment.id,
            amount=payment.money,
            capture_method=payment.capture_method,
            notes={"payment_id": payment.id, "merchant_id": payment.scope.tenant},
        )
        try:
            return _checked(await gateway.create_order(request), payment)
        except DuplicateReceipt as duplicate:
            return await _looked_up(gateway, payment, order_id=duplicate.order_id)
        except NeverSent:
            raise
        except OutcomeUnknown:
            if self.clock.monotonic() - started > _LOOK_AFTER_UNKNOWN_SECONDS:
                raise
            # The answer was lost; often the order is there (A3).
            return await _looked_up(gateway, payment, order_id=None)

    async def _tell(self, before: Payment, after: Payment, session: Session) -> None:
        """Write what a payment's move causes, in its transaction."""
        told = items(before, after)
        await self.facts.write(after.scope, items=told, at=after.updated_at, session=session)

    def _new_payment(self, scope: Scope, new: NewPayment, *, key_id: str) -> Payment:
        now = self.clock.now()
        expires_at = now + timedelta(minutes=self.expiry_minutes)
        return Payment(
            id=self.ids.new(Prefix.PAYMENT),
            scope=scope,
            money=new.money,
            status=PaymentStatus.PENDING,
            order_state=OrderState.REQUESTED,
            created_at=now,
            updated_at=now,
            expires_at=min(expires_at, new.expires_by or expires_at),
            user_id=new.user_id,
            key_id=key_id,
            description=new.description,
            reference=new.reference,
            metadata=new.metadata,
            return_url=new.return_url,
            capture_method=new.capture_method,
            link=new.link,
            history=(HistoryEntry(at=now, event="payment.created", status=PaymentStatus.PENDING, source="api"),),
        )

    def _with_order(self, payment: Payment, order: GatewayOrder) -> Payment:
        return replace(payment, order_id=order.id, order_state=OrderState.READY, updated_at=self.clock.now())


async def _looked_up(gateway: Gateway, payment: Payment, *, order_id: str | None) -> GatewayOrder:
    """Return the order that a request may have made.

    Raises:
        OutcomeUnknown: whatever goes wrong with the look: the request itself had left, so a refused or unsent look
            does not mean that there is no order.
    """
    try:
        found = await (gateway.find_order(receipt=payment.id) if order_id is None else gateway.get_order(order_id))
    except GatewayError:
        message = "the order could not be looked up"
        raise OutcomeUnknown(message) from None
    if found is None:
        message = "no order with this receipt is listed yet"
        raise OutcomeUnknown(message)
    return _checked(found, payment)


def _checked(order: GatewayOrder, payment: Payment) -> GatewayOrder:
    """Return the order if it is the one we asked for; an answer that contradicts the request proves nothing (R7)."""
    if order.amount != payment.money or order.receipt != payment.id:
        message = "the processor's order differs from the request"
        raise OutcomeUnknown(message)
    return order
