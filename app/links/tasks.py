"""The worker's part of payment links: write down that one is paid, close what a cancelled one left open."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.links.events import CLOSE
from app.links.service import Links
from app.outbox.handlers import Handler
from app.outbox.models import Item
from app.payments.events import SETTLE_LINK


@dataclass(frozen=True, slots=True)
class LinkJobs:
    """The outbox's jobs that this room does. Doing one twice changes nothing."""

    links: Links

    def handlers(self) -> Mapping[str, Handler]:
        """Return the handler of each job by its name."""
        return {SETTLE_LINK: self.settle, CLOSE: self.close}

    async def settle(self, item: Item) -> None:
        """Say of a link that it is paid. Raises LinkBusy, PaymentNotFound: try again."""
        await self.links.settle_link(item.scope, item.subject, payment_id=item.payload["payment_id"])

    async def close(self, item: Item) -> None:
        """Cancel what a cancelled link left open. Raises PaymentBusy: try again."""
        await self.links.close_payments(item.scope, item.subject)
