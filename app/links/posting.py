"""Sends a link to the customer whom the merchant named: as notices, written with what makes or repeats the link."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.database import Session
from app.gateways.payer import Payer
from app.kit.scope import Scope
from app.links.models import Link
from app.notices.models import NewNotice, NoticeKind
from app.notices.service import Notices
from app.payments.payers import Payers
from app.tenants.channels import Channel


@dataclass(frozen=True, slots=True)
class LinkPosting:
    """Knows to whom a link goes, and lets it go there."""

    notices: Notices
    payers: Payers

    def require(self, customer: Payer) -> None:
        """Raise ChannelNotConfigured for an address or number that nobody here can reach."""
        if customer.email is not None:
            self.notices.channels.require(Channel.EMAIL, param="notify.email")
        if customer.phone is not None:
            self.notices.channels.require(Channel.SMS, param="notify.phone")

    def seal(self, scope: Scope, customer: Payer | None) -> str | None:
        """Return whom a link goes to as it may be stored."""
        return self.payers.seal(scope, customer) if customer else None

    def customer_of(self, link: Link) -> Payer:
        """Return whom a link goes to; nobody when none was named, or the key is gone."""
        return Payer() if link.notify is None else self.payers.open(link.scope, link.notify)

    async def queue(self, link: Link, *, session: Session) -> None:
        """Write the notices of a link as it is. Raises TooManyNotices."""
        await self.notices.queue_asked(link.scope, list(self._notices_of(link)), session=session)

    def _notices_of(self, link: Link) -> Iterator[NewNotice]:
        customer = self.customer_of(link)
        facts = {
            "amount": link.amount,
            "min_amount": link.min_amount,
            "max_amount": link.max_amount,
            "currency": link.currency,
            "description": link.description,
            "reference": link.reference,
        }
        # Each version that was sent is a cause of its own.
        cause = f"{link.id}:{link.version}"
        for channel, to in ((Channel.EMAIL, customer.email), (Channel.SMS, customer.phone)):
            if to is not None and self.notices.channels.has(channel):
                yield NewNotice(NoticeKind.PAYMENT_LINK, channel, link.id, cause, "customer", to, facts)
