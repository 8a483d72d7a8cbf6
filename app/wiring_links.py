"""The part of wiring that joins payment links with payments, the outbox and the audit log."""

from dataclasses import dataclass

from app.config import Settings
from app.database import Database
from app.kit.tokens import SignedIds
from app.links.erasing import LinkErasing
from app.links.opening import LinkOpening
from app.links.pages import LinkDoor
from app.links.posting import LinkPosting
from app.links.service import Links
from app.links.store import LinkStore
from app.links.tasks import LinkJobs
from app.payments.service import Payments
from app.tenants.service import Merchants

_PURPOSE = "links v1"


@dataclass(frozen=True, slots=True)
class LinkRoom:
    """The services of payment links."""

    links: Links
    opening: LinkOpening
    jobs: LinkJobs
    door: LinkDoor
    erasing: LinkErasing


def link_tokens_of(settings: Settings) -> SignedIds:
    """Return what makes a link's public name of its id."""
    secret, previous = settings.secret_key.get_secret_value(), settings.secret_key_previous.get_secret_value()
    return SignedIds.of(secret, previous, purpose=_PURPOSE)


def links_of(
    settings: Settings, database: Database, payments: Payments, posting: LinkPosting, merchants: Merchants
) -> LinkRoom:
    """Join the services; clock and ids are those of payments."""
    links = Links(
        store=LinkStore(database),
        payments=payments,
        outbox=posting.notices.outbox,
        audit=merchants.audit,
        clock=payments.clock,
        ids=payments.ids,
        tokens=link_tokens_of(settings),
        posting=posting,
        public_address=settings.public_address,
    )
    opening = LinkOpening(links)
    door = LinkDoor(links=links, opening=opening, merchants=merchants)
    erasing = LinkErasing(links.store, posting.payers)
    return LinkRoom(links=links, opening=opening, jobs=LinkJobs(links), door=door, erasing=erasing)
