"""Taking out of payment links the customer whom they were sent to, piece by piece (T11)."""

from dataclasses import dataclass

from app.gateways.people import IsTheirs
from app.kit.scope import Scope
from app.links.store import LinkStore
from app.payments.payers import Payers


@dataclass(frozen=True, slots=True)
class LinkErasing:
    """Keeps of a link what it asks for, and not of whom."""

    store: LinkStore
    payers: Payers

    async def erase_slice(self, scope: Scope, *, after: str, limit: int, is_theirs: IsTheirs) -> tuple[int, str | None]:
        """Take somebody out of the next links behind an id.

        Returns out of how many, and the last one that was looked at; None at the end.
        """
        named, last = await self.store.list_named(scope, after=after, limit=limit)
        theirs = [one for one in named if is_theirs(self.payers.open(scope, one.notify), one.made_at)]
        return sum([await self.store.erase_notify(scope, one) for one in theirs]), last
