"""The verbs of payment links: create, read, list, cancel, send again, and learn that one is paid.

That a link is paid follows from its payment: whoever reads a link looks there, and the job that a completed payment
leaves in its own transaction writes it down, so that a list can ask for it and the merchant is told.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.audit.models import Actor
from app.audit.service import Audit
from app.database import Session
from app.gateways.payer import Payer
from app.kit.bounds import IDEMPOTENCY_DAYS
from app.kit.clock import Clock
from app.kit.ids import Ids, Prefix
from app.kit.money import Money
from app.kit.scope import Scope
from app.kit.tokens import SignedIds
from app.links.events import closing, told
from app.links.models import TRANSITIONS, Link, LinkStatus, ShownStatus
from app.links.posting import LinkPosting
from app.links.problems import (
    LinkBoundsRefused,
    LinkBusy,
    LinkClosed,
    LinkExpiryRefused,
    LinkNotFound,
    LinkTooOften,
)
from app.links.store import Also, LinkFilter, LinkStore
from app.outbox.models import NewItem
from app.outbox.service import Outbox
from app.payments.limits import refusal_of
from app.payments.models import PaymentStatus
from app.payments.problems import AmountRefused, PaymentNotCancellable
from app.payments.service import Payments
from app.web.paging import Slice, Window

LEAST_LIFE = timedelta(minutes=15)
LONGEST_LIFE = timedelta(days=366)
RESEND_GAP = timedelta(seconds=60)
LINK_PATH = "/l"
_TRIES = 8
_CLOSED_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class NewLink:
    """What a merchant asks for. Amounts are minor units; without `amount` the customer chooses between the bounds."""

    currency: str
    amount: int | None = None
    min_amount: int | None = None
    max_amount: int | None = None
    description: str | None = None
    reference: str | None = None
    return_url: str | None = None
    expires_at: datetime | None = None
    is_reusable: bool = False
    notify: Payer | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Links:
    """Creates, shows and ends payment links."""

    store: LinkStore
    payments: Payments
    outbox: Outbox
    audit: Audit
    clock: Clock
    ids: Ids
    tokens: SignedIds
    posting: LinkPosting
    public_address: str

    def address_of(self, link: Link) -> str:
        """Return the address that a merchant sends to a customer."""
        return f"{self.public_address}{self.path_of(link)}"

    def path_of(self, link: Link) -> str:
        """Return the address without its host, for pages of ours."""
        return f"{LINK_PATH}/{self.tokens.token_of(link.id)}"

    async def create_link(
        self, scope: Scope, new: NewLink, *, actor: Actor, key: str | None = None, is_repeated: bool = False
    ) -> Link:
        """Create a link, or return the one that an earlier try of the same request has made and not answered.

        Args:
            scope: whose link.
            new: what it is to be.
            actor: who asks.
            key: the client's Idempotency-Key.
            is_repeated: whether a request with that key was begun before and has not ended.

        Raises:
            AmountRefused: the processor would not take an amount.
            LinkBoundsRefused, LinkExpiryRefused: the link makes no sense.
            ReturnUrlNotRegistered: the customer may not be sent there afterwards.
            ChannelNotConfigured, TooManyNotices: it can't be sent to whom it is for; nothing was made.
        """
        now = self.clock.now()
        if key is not None and is_repeated:
            made = await self.store.find_by_request(
                scope, request_key=key, since=now - timedelta(days=IDEMPOTENCY_DAYS)
            )
            if made is not None:
                await self._record(scope, made, actor=actor, action="payment_link.created", before={})
                return made
        _check_amounts(new)
        if new.expires_at is not None and not LEAST_LIFE <= new.expires_at - now <= LONGEST_LIFE:
            raise LinkExpiryRefused(param="expires_at")
        if new.notify is not None:
            self.posting.require(new.notify)
        if new.return_url is not None:
            await self.payments.check_return_url(scope, new.return_url)
        link = Link(
            id=self.ids.new(Prefix.LINK),
            scope=scope,
            status=LinkStatus.ACTIVE,
            currency=new.currency,
            is_reusable=new.is_reusable,
            created_at=now,
            updated_at=now,
            amount=new.amount,
            min_amount=new.min_amount,
            max_amount=new.max_amount,
            description=new.description,
            reference=new.reference,
            return_url=new.return_url,
            expires_at=new.expires_at,
            notify=self.posting.seal(scope, new.notify),
            request_key=key,
        )
        await self.store.insert_link(scope, link, also=self._sending(scope, told("payment_link.created", link), link))
        await self._record(scope, link, actor=actor, action="payment_link.created", before={})
        return link

    async def get_link(self, scope: Scope, link_id: str) -> Link:
        """Return a link. Raises LinkNotFound."""
        link = await self.store.find_link(scope, link_id)
        if link is None:
            raise LinkNotFound
        (link,) = await self._as_paid(scope, [link])
        return link

    async def get_public(self, token: str) -> Link:
        """Return the link of a public address. Raises LinkNotFound, for a wrong MAC too."""
        link_id = self.tokens.id_of(token)
        link = await self.store.find_public(link_id) if link_id is not None else None
        if link is None:
            raise LinkNotFound
        (link,) = await self._as_paid(link.scope, [link])
        return link

    async def list_links(
        self, scope: Scope, *, status: ShownStatus | None, reference: str | None, window: Window
    ) -> Slice[Link]:
        """Return one page of links, newest first; one that is paid since a moment may stand among the active."""
        where = LinkFilter(at=self.clock.now(), status=status, reference=reference)
        rows = await self.store.list_links(scope, where=where, window=window)
        return Slice.cut(await self._as_paid(scope, rows), window, id_of=lambda link: link.id)

    async def cancel_link(self, scope: Scope, link_id: str, *, actor: Actor) -> Link:
        """End a link: no payment is made through it any more, and those that wait for money are cancelled.

        Money that is on its way takes the way of money after a cancellation, except what is authorised already.

        Raises:
            LinkNotFound, LinkClosed, LinkBusy: nothing changed.
        """
        for _ in range(_TRIES):
            link = await self.get_link(scope, link_id)
            if not TRANSITIONS.allows(link.status, LinkStatus.CANCELLED):
                raise LinkClosed(details={"status": link.shown_status(self.clock.now()).value})
            at = self.clock.now()
            after = replace(link, status=LinkStatus.CANCELLED, updated_at=at, version=link.version + 1)
            news = self._telling(scope, [told("payment_link.cancelled", after), closing(after)])
            if await self.store.move_status(scope, link, LinkStatus.CANCELLED, at=at, also=news):
                was = link.shown_status(at).value
                await self._record(scope, after, actor=actor, action="payment_link.cancelled", before={"status": was})
                return await self._closed(scope, after)
        raise LinkBusy(retry_after_seconds=1)

    async def resend_link(self, scope: Scope, link_id: str, *, actor: Actor, notify: Payer | None = None) -> Link:
        """Send a link to its customer once more, and tell those who listen.

        Args:
            scope: whose link.
            link_id: which.
            actor: who wants it.
            notify: to whom from now on; None leaves it as it was.

        Raises:
            LinkNotFound, LinkClosed, LinkBusy: nothing was told.
            LinkTooOften: it was sent less than a minute ago.
            ChannelNotConfigured, TooManyNotices: it can't be sent to whom it is for.
        """
        if notify is not None:
            self.posting.require(notify)
        for _ in range(_TRIES):
            link, at = await self.get_link(scope, link_id), self.clock.now()
            if (shown := link.shown_status(at)) is not ShownStatus.ACTIVE:
                raise LinkClosed(details={"status": shown.value})
            if link.resent_at is not None and at - link.resent_at < RESEND_GAP:
                left = link.resent_at + RESEND_GAP - at
                raise LinkTooOften(retry_after_seconds=math.ceil(left.total_seconds()))
            to = link.notify if notify is None else self.posting.seal(scope, notify)
            after = replace(link, resent_at=at, updated_at=at, notify=to, version=link.version + 1)
            news = self._sending(scope, told("payment_link.resent", after), after)
            if await self.store.record_resent(scope, link, at=at, notify=to, also=news):
                await self._record(scope, after, actor=actor, action="payment_link.resent", before={})
                return after
        raise LinkBusy(retry_after_seconds=1)

    async def settle_link(self, scope: Scope, link_id: str, *, payment_id: str) -> None:
        """Write down that a link for one payment is paid, once its payment is completed. For the worker."""
        for _ in range(_TRIES):
            link = await self.store.find_link(scope, link_id)
            if link is None or link.is_reusable or not TRANSITIONS.allows(link.status, LinkStatus.PAID):
                return
            payment = await self.payments.get_payment(scope, payment_id)
            if payment.status is not PaymentStatus.COMPLETED:
                return
            at = self.clock.now()
            after = replace(link, status=LinkStatus.PAID, updated_at=at, version=link.version + 1)
            news = told("payment_link.paid", after, payment_id=payment_id, amount_paid=payment.money.minor)
            if await self.store.move_status(scope, link, LinkStatus.PAID, at=at, also=self._telling(scope, [news])):
                return
        raise LinkBusy(retry_after_seconds=1)

    async def close_payments(self, scope: Scope, link_id: str) -> None:
        """Cancel every payment of a cancelled link that waits for money. For the worker.

        Raises:
            PaymentBusy: some are left; try again.
        """
        link = await self.store.find_link(scope, link_id)
        if link is None or link.status is not LinkStatus.CANCELLED:
            return
        while ids := await self.payments.store.list_open_of_link(scope, link_id=link_id, limit=_CLOSED_AT_ONCE):
            for payment_id in ids:
                await self.give_up(scope, payment_id)

    async def give_up(self, scope: Scope, payment_id: str) -> None:
        """Cancel a payment unless money for it is here, or it is cancelled already. Raises PaymentBusy."""
        try:
            await self.payments.cancel_payment(scope, payment_id)
        except PaymentNotCancellable:
            return

    async def _closed(self, scope: Scope, link: Link) -> Link:
        """Cancel the current payment of a link for one payment at once; the job does what a crash here leaves."""
        if link.payment_id is not None:
            await self.give_up(scope, link.payment_id)
        return await self.get_link(scope, link.id)

    async def _as_paid(self, scope: Scope, links: Sequence[Link]) -> list[Link]:
        """Return the links with what follows from their payments, whether or not anybody has written it down."""
        asked = [link.payment_id for link in links if link.payment_id and link.status is not LinkStatus.PAID]
        if not asked:
            return list(links)
        completed = await self.payments.store.list_completed(scope, asked)
        return [replace(link, status=LinkStatus.PAID) if link.payment_id in completed else link for link in links]

    def _telling(self, scope: Scope, items: Sequence[NewItem]) -> Also:
        async def also(session: Session) -> None:
            await self.outbox.add(scope, items, session=session)

        return also

    def _sending(self, scope: Scope, item: NewItem, link: Link) -> Also:
        async def also(session: Session) -> None:
            await self.outbox.add(scope, [item], session=session)
            await self.posting.queue(link, session=session)

        return also

    async def _record(self, scope: Scope, link: Link, *, actor: Actor, action: str, before: dict[str, str]) -> None:
        await self.audit.record(
            scope.tenant,
            actor=actor,
            action=action,
            target=link.id,
            before=before,
            after={"status": link.status.value, "mode": scope.mode.value},
        )


def _check_amounts(new: NewLink) -> None:
    is_open = new.amount is None
    given = [bound for bound in (new.min_amount, new.max_amount) if bound is not None]
    if len(given) != (2 if is_open else 0):
        raise LinkBoundsRefused(param="amount")
    for name in ("amount", "min_amount", "max_amount"):
        minor: int | None = getattr(new, name)
        if minor is not None and (refusal := refusal_of(Money(minor, new.currency))) is not None:
            raise AmountRefused(refusal, param=name)
    if is_open and given[0] >= given[1]:
        raise LinkBoundsRefused(param="max_amount")
