"""From an opened link to a payment: at most one that counts for a link for one payment, one per visit for the others.

A link for one payment has a slot. Its number is written first and is part of the payment's idempotency key, so a crash,
a double click and two customers at once end in the same payment. A payment that can't be paid any more, or is for
another amount than the customer now chooses, is cancelled before the next number is taken: of all payments of such a
link never two are open, and money that comes for a former one takes the way of money after a cancellation (B20).
"""

import asyncio
import re
from dataclasses import dataclass, replace

from app.idempotency.service import IdempotencyKeyInUse, fingerprint_of
from app.kit.faultpoints import faultpoint
from app.kit.money import Money
from app.kit.scope import Scope
from app.links.models import Fate, Link, LinkStatus, ShownStatus, Slot, fate_of
from app.links.problems import LinkAmountRefused, LinkBusy, LinkClosed, LinkTooOften
from app.links.service import Links
from app.links.store import LinkStore
from app.payments.limits import refusal_of
from app.payments.models import TRANSITIONS as PAYMENT_MOVES
from app.payments.models import LinkVisit, Payment, PaymentStatus
from app.payments.problems import ReferenceTaken
from app.payments.service import NewPayment, Payments
from app.tenants.origins import ReturnUrlNotRegistered

MOST_PAYMENTS = 60
"""How many payments one link makes in `WINDOW_SECONDS` at most: whoever has the address can open it."""

MOST_TRIES = 240
"""How often in that time a link for one payment asks for the payment that it has begun: many may wait for the same."""

WINDOW_SECONDS = 60
_TRIES = 8
_WAITS = 40
_WAIT_SECONDS = 0.1
_VISIT = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True, slots=True)
class LinkOpening:
    """Makes the payments of links."""

    links: Links

    @property
    def payments(self) -> Payments:
        """Return the room that makes the payments."""
        return self.links.payments

    @property
    def store(self) -> LinkStore:
        """Return where links are kept."""
        return self.links.store

    async def open_payment(self, scope: Scope, link_id: str, *, visit: str, amount: int | None = None) -> Payment:
        """Return the payment to show to somebody who wants to pay through a link.

        Args:
            scope: whose link.
            link_id: the link.
            visit: a random word of the visitor's page: the same visit of a reusable link has the same payment.
            amount: what the customer chose, in minor units; None for the link's own amount.

        Raises:
            LinkNotFound, LinkClosed: there is nothing to pay.
            LinkAmountRefused: the link does not take this amount.
            LinkTooOften, LinkBusy: try again.
            PaymentRefused: the processor refused the order.
            ProcessorOutcomeUnknown, ProcessorUnavailable, ProcessorCredentialsRefused: open it again.
        """
        link = await self.links.get_link(scope, link_id)
        money = _money(link, amount)
        if link.is_reusable:
            return await self._of_visit(scope, link, money, visit=visit)
        for _ in range(_TRIES):
            self._refuse_closed(link)
            payment = await self._of_slot(scope, link, money)
            if payment is not None:
                return payment
            link = await self.links.get_link(scope, link_id)
        raise LinkBusy(retry_after_seconds=1)

    async def _of_slot(self, scope: Scope, link: Link, money: Money) -> Payment | None:
        """Return the one payment, or None when somebody else was faster: then look again."""
        slot, payment = link.slot, None
        if slot is not None and slot.payment_id is not None:
            payment = await self.payments.get_payment(scope, slot.payment_id)
        match fate_of(slot, payment, amount=money.minor, now=self.links.clock.now()):
            case Fate.SHOW:
                return payment
            case Fate.MAKE if slot is not None:
                await self._take_turn(scope, link, most=MOST_TRIES)
                return await self._fill(scope, link, slot)
            case Fate.MAKE | Fate.REPLACE:
                return await self._replace(scope, link, payment, money)

    async def _replace(self, scope: Scope, link: Link, payment: Payment | None, money: Money) -> Payment | None:
        if payment is not None and PAYMENT_MOVES.allows(payment.status, PaymentStatus.CANCELLED):
            await self.links.give_up(scope, payment.id)
            given_up = await self.payments.get_payment(scope, payment.id)
            if given_up.status is not PaymentStatus.CANCELLED:
                return None
        await self._take_turn(scope, link)
        slot = Slot(number=link.slot.number + 1 if link.slot is not None else 1, amount=money.minor)
        faultpoint("links.claiming")
        if not await self.store.claim_slot(scope, link, slot):
            return None
        faultpoint("links.claimed")
        return await self._fill(scope, link, slot)

    async def _fill(self, scope: Scope, link: Link, slot: Slot) -> Payment | None:
        """Make the slot's payment, or find the one that was made; None when the slot is not the link's any more."""
        payment = await self._make(scope, link, Money(slot.amount, link.currency), visit=str(slot.number))
        faultpoint("links.recording")
        if await self.store.record_payment(scope, link.id, number=slot.number, payment_id=payment.id):
            faultpoint("links.recorded")
            fate = fate_of(slot, payment, amount=slot.amount, now=self.links.clock.now())
            return payment if fate is Fate.SHOW else None
        # The link was cancelled meanwhile, or somebody chose another amount. Nobody has seen this payment.
        await self.links.give_up(scope, payment.id)
        now = await self.links.get_link(scope, link.id)
        if now.status is LinkStatus.ACTIVE and now.slot is not None and now.slot.amount != slot.amount:
            raise LinkBusy(retry_after_seconds=1)
        return None

    async def _of_visit(self, scope: Scope, link: Link, money: Money, *, visit: str) -> Payment:
        if not _VISIT.fullmatch(visit):
            raise LinkBusy
        self._refuse_closed(link)
        named = f"{visit}:{money.minor}"
        known = await self.payments.store.find_by_visit(scope, LinkVisit(link.id, named))
        if known is None:
            await self._take_turn(scope, link)
        payment = await self._make(scope, link, money, visit=named)
        if (await self.links.get_link(scope, link.id)).status is LinkStatus.CANCELLED:
            # It was cancelled while the payment was made: whoever closes its payments may not have seen this one.
            await self.links.give_up(scope, payment.id)
            raise LinkClosed(details={"status": ShownStatus.CANCELLED.value})
        return payment

    async def _make(self, scope: Scope, link: Link, money: Money, *, visit: str) -> Payment:
        """Create the payment of a visit, once, whoever else is at it."""
        new = NewPayment(
            money=money,
            description=link.description,
            reference=link.reference,
            return_url=link.return_url,
            link=LinkVisit(link.id, visit),
            expires_by=link.expires_at,
        )
        # No client can send a key with a space in it, so these never meet a merchant's own.
        key = f"link {link.id} {visit}"
        fingerprint = fingerprint_of("LINK", key, str(money).encode())
        for _ in range(_WAITS):
            try:
                created = await self.payments.create_payment(
                    scope, new, key=key, fingerprint=fingerprint, render=lambda payment: payment.id.encode()
                )
            except ReturnUrlNotRegistered:
                # The merchant took the address back since: the customer pays all the same, and stays with us.
                new = replace(new, return_url=None)
            except IdempotencyKeyInUse:
                await asyncio.sleep(_WAIT_SECONDS)
            except ReferenceTaken:
                # The key was forgotten after its days; the visit is unique for ever (A10).
                return await self._known(scope, LinkVisit(link.id, visit))
            else:
                return await self.payments.get_payment(scope, created.body.decode())
        raise LinkBusy(retry_after_seconds=1)

    async def _known(self, scope: Scope, visit: LinkVisit) -> Payment:
        payment = await self.payments.store.find_by_visit(scope, visit)
        if payment is None:
            raise LinkBusy(retry_after_seconds=1)
        return payment

    async def _take_turn(self, scope: Scope, link: Link, *, most: int = MOST_PAYMENTS) -> None:
        at = self.links.clock.now()
        if not await self.store.take_turn(scope, link.id, at=at, most=most, seconds=WINDOW_SECONDS):
            raise LinkTooOften(retry_after_seconds=WINDOW_SECONDS)

    def _refuse_closed(self, link: Link) -> None:
        if (shown := link.shown_status(self.links.clock.now())) is not ShownStatus.ACTIVE:
            raise LinkClosed(details={"status": shown.value, "payment_id": link.payment_id})


def _money(link: Link, amount: int | None) -> Money:
    minor = link.amount if amount is None else amount
    if minor is None:
        raise LinkAmountRefused(param="amount")
    money = Money(minor, link.currency)
    if not link.accepts(money) or refusal_of(money) is not None:
        bounds = {"min_amount": link.min_amount or link.amount, "max_amount": link.max_amount or link.amount}
        raise LinkAmountRefused(param="amount", details=bounds | {"currency": link.currency})
    return money
