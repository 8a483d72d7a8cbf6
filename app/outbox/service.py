"""The outbox's verbs: write what follows from a fact together with the fact, show it, take it up again.

An item is written in the transaction of the change that it tells of, so there is neither a change without its news nor
news of a change that did not happen (I6). Working on items is the runner's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.database import Session
from app.kit.clock import Clock
from app.kit.errors import Kind, Problem
from app.kit.ids import Ids, Prefix
from app.kit.scope import Scope
from app.outbox.models import Item, ItemState, NewItem
from app.outbox.store import ItemFilter, OutboxStore
from app.web.paging import Slice, Window


class OutboxItemNotFound(Problem):
    """No such item in this scope."""

    code = "outbox_item_not_found"
    kind = Kind.NOT_FOUND
    message = "There is no outbox item with this id."


class OutboxItemNotReplayable(Problem):
    """The item is waiting for its turn already."""

    code = "outbox_item_not_replayable"
    kind = Kind.CONFLICT
    message = "This item is waiting to be worked on already."


@dataclass(frozen=True, slots=True)
class Outbox:
    """Writes, shows and replays items."""

    store: OutboxStore
    clock: Clock
    ids: Ids

    async def add(self, scope: Scope, items: Sequence[NewItem], *, session: Session) -> None:
        """Write items in the fact's transaction; one whose key is known already is there once all the same."""
        if items:
            # Ids of one millisecond sort by chance, and a list shall show the items of a fact in the order given.
            born = sorted(self.ids.new(Prefix.OUTBOX_ITEM) for _ in items)
            named = list(zip(born, items, strict=True))
            await self.store.add_items(scope, named, at=self.clock.now(), session=session)

    async def get_item(self, scope: Scope, item_id: str) -> Item:
        """Return an item. Raises OutboxItemNotFound."""
        item = await self.store.find_item(scope, item_id)
        if item is None:
            raise OutboxItemNotFound
        return item

    async def list_items(self, scope: Scope, *, where: ItemFilter, window: Window) -> Slice[Item]:
        """Return one page of items, newest first."""
        rows = await self.store.list_items(scope, where=where, window=window)
        return Slice.cut(rows, window, id_of=lambda item: item.id)

    async def survey_items(self, *, state: ItemState, limit: int) -> list[Item]:
        """Return items of all merchants, newest first: only for the command line, whose user runs the service."""
        return await self.store.survey_items(state=state, limit=limit)

    async def replay_anywhere(self, item_id: str) -> Item:
        """Replay an item of any merchant: only for the command line. Raises as `replay_item`."""
        found = await self.store.survey_items(ids=[item_id])
        if not found:
            raise OutboxItemNotFound
        return await self.replay_item(found[0].scope, item_id)

    async def replay_item(self, scope: Scope, item_id: str) -> Item:
        """Make an ended item due again, from its first try.

        Raises:
            OutboxItemNotFound: there is none.
            OutboxItemNotReplayable: it waits already.
        """
        item = await self.store.requeue_item(scope, item_id)
        if item is None:
            await self.get_item(scope, item_id)
            raise OutboxItemNotReplayable
        return item
