"""Taking people out of stored events: of those that are here, piece by piece, and of those that come late (T11)."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.gateways.people import IsTheirs, Mention, PeopleReader
from app.inbox.models import InboxEvent
from app.inbox.store import InboxStore
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.payments.payer_store import PayerStore


@dataclass(frozen=True, slots=True)
class EventErasing:
    """Keeps of an event what it says of money, and nobody."""

    store: InboxStore
    people: PeopleReader
    payers: PayerStore
    clock: Clock

    async def forget_late(self, event: InboxEvent) -> bool:
        """Take people out of an event of a payment whose payer was erased; tell whether it is of one."""
        mentions = self._mentions(event)
        erased = await self._erased(event.scope, mentions)
        return bool(erased) and await self._erase(event)

    async def erase_slice(self, scope: Scope, *, after: str, limit: int, is_theirs: IsTheirs) -> tuple[int, str | None]:
        """Take somebody out of the next events behind an id.

        Returns how many events that changed, and the last one that was looked at; None at the end.
        """
        events = await self.store.list_slice(scope, after=after, limit=limit)
        mentions = {event.id: self._mentions(event) for event in events}
        erased = await self._erased(scope, [one for found in mentions.values() for one in found])

        def concerns(event: InboxEvent, one: Mention) -> bool:
            names_theirs = bool(erased.intersection((*one.payment_ids, one.order_id)))
            return names_theirs or (bool(one.payer) and is_theirs(one.payer, one.at or event.received_at))

        theirs = [event for event in events if any(concerns(event, one) for one in mentions[event.id])]
        changed = sum([await self._erase(event) for event in theirs])
        return changed, events[-1].id if events else None

    async def _erase(self, event: InboxEvent) -> bool:
        left = self.people.without_people(event.body)
        return await self.store.erase_body(event.scope, event.id, body=left, at=self.clock.now())

    async def _erased(self, scope: Scope, mentions: Sequence[Mention]) -> frozenset[str]:
        return await self.payers.list_erased(
            scope,
            gateway_payment_ids=[one for mention in mentions for one in mention.payment_ids],
            order_ids=[mention.order_id for mention in mentions if mention.order_id is not None],
        )

    def _mentions(self, event: InboxEvent) -> Sequence[Mention]:
        """Return who stands in an event that still names anybody; a body that can't be read is of nobody we know."""
        if event.erased_at is not None:
            return ()
        try:
            return self.people.mentions(event.body)
        except ValueError:
            return ()
