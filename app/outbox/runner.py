"""Works on items: claims one, calls its handler, writes how it ended.

Everything here may happen twice for one item: a worker can die, or sleep beyond its lease, between any two lines. What
an item does it does once because its handler does; what is written of the item is written by whoever holds it (P2, P3).
"""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import structlog
from pymongo.errors import PyMongoError

from app.kit.clock import Clock
from app.kit.errors import Problem
from app.kit.faultpoints import faultpoint
from app.kit.ids import Ids, Prefix
from app.outbox.handlers import EVERY_EVENT, Handler, NotYet
from app.outbox.models import ClaimedItem, Item, ItemKind, ItemState, Lane
from app.outbox.retry import MOST_DEFERRALS, MOST_TRIES, deferral, delay_after
from app.outbox.store import LEASE_SECONDS, NO_HANDLER, LeaseLost, OutboxStore, turn_of

HANDLER_SECONDS = LEASE_SECONDS - 5
"""A handler is cut short while its lease still holds, so that a slow one is not run twice at once."""

_LOG = structlog.get_logger(__name__)

OnEnd = Callable[[str, str], None]
"""Called with an item's name and how a try of it ended, for the metrics."""


class Take(Protocol):
    """Takes the next item of a lane whose turn is behind another's."""

    async def __call__(self, lane: Lane, *, owner: str, after: str) -> ClaimedItem | None:
        """Return it, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try failed, and how long at least whoever refused wants to be left alone."""

    reason: str
    least: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class OutboxRunner:
    """Takes items in turn and works on them."""

    store: OutboxStore
    handlers: Mapping[str, Handler]
    clock: Clock
    ids: Ids
    rng: random.Random
    on_end: OnEnd
    handler_seconds: float = HANDLER_SECONDS
    _turns: dict[Lane, str] = field(default_factory=dict, repr=False, compare=False)

    async def run_next(self, lane: Lane) -> bool:
        """Work on the lane's next due item; tell whether there was one. Raises PyMongoError: the lease runs out."""
        claimed = await self.claim_next(lane)
        if claimed is None:
            return False
        await self.run(claimed)
        return True

    async def claim_next(self, lane: Lane) -> ClaimedItem | None:
        """Lease the next due item, from one merchant after the other (P5). Raises PyMongoError."""
        return await self._take_in_turn(lane, self.store.claim_due_item)

    async def offer_next(self, lane: Lane) -> ClaimedItem | None:
        """Mark the next due item as offered to the broker, or lease it when it was offered in vain. As `claim_next`."""
        return await self._take_in_turn(lane, self.store.claim_or_offer)

    async def claim_item(self, item_id: str) -> ClaimedItem | None:
        """Lease one item, if it is due or offered. Raises PyMongoError."""
        faultpoint("outbox.claim")
        return await self.store.claim_item(item_id, owner=self.ids.new(Prefix.LEASE))

    async def run(self, claimed: ClaimedItem) -> None:
        """Work on an item and write how that ended.

        Whatever goes wrong with one item postpones or parks that item alone (P4).

        Raises:
            PyMongoError: the database could not say; the lease runs out and the item comes back.
        """
        faultpoint("outbox.claimed")
        item = claimed.item
        try:
            end = await self._run(claimed)
        except LeaseLost:
            end = "lease_lost"
        faultpoint("outbox.marked")
        self.on_end(item.name, end)

    async def take_up_known(self) -> int:
        """Make due again what another worker parked as unknown and this one knows; return how much it was (P6).

        While a deployment is under way, an older worker meets work of a sort that newer code has written.

        Raises:
            PyMongoError: the database could not say; the next time takes it up.
        """
        taken_up = await self.store.claim_unhandled(sorted(self.handlers))
        if taken_up:
            _LOG.info("outbox_items_taken_up", reason=NO_HANDLER, count=taken_up)
        return taken_up

    async def _take_in_turn(self, lane: Lane, take: Take) -> ClaimedItem | None:
        owner, last = self.ids.new(Prefix.LEASE), self._turns.get(lane, "")
        faultpoint("outbox.claim")
        taken = await take(lane, owner=owner, after=last)
        if taken is None and last:
            taken = await take(lane, owner=owner, after="")
        self._turns[lane] = turn_of(taken.item.scope) if taken else ""
        return taken

    async def _run(self, claimed: ClaimedItem) -> str:
        item = claimed.item
        if item.attempts > MOST_TRIES:
            # Nobody wrote how the tries before ended: it may be the item that ends its workers.
            return await self._park(claimed, reason="no_end")
        handler = self._handler_of(item)
        if handler is None:
            return await self._finish_unhandled(claimed)
        trouble = await self._try(handler, item)
        if trouble is None:
            faultpoint("outbox.handled")
            return await self._finish(claimed, ItemState.DONE)
        if isinstance(trouble, NotYet):
            return await self._defer(claimed, trouble)
        return await self._fail(claimed, trouble)

    async def _try(self, handler: Handler, item: Item) -> Failure | NotYet | None:
        """Call the handler; return what it asks for, or why it failed. Raises PyMongoError."""
        limit = asyncio.timeout(self.handler_seconds)
        try:
            faultpoint("outbox.handle")
            async with limit:
                await handler(item)
        except NotYet as ask:
            return ask
        except Problem as problem:
            return Failure(problem.code, timedelta(seconds=problem.retry_after_seconds or 0))
        except PyMongoError:
            raise
        except Exception as error:  # noqa: BLE001  one item must not stop the others, whatever it met
            if isinstance(error, TimeoutError) and limit.expired():
                return Failure("too_slow")
            _LOG.exception("outbox_handler_defect", **_facts(item))
            return Failure("defect")
        return None

    def _handler_of(self, item: Item) -> Handler | None:
        return self.handlers.get(EVERY_EVENT if item.kind is ItemKind.EVENT else item.name)

    async def _finish_unhandled(self, claimed: ClaimedItem) -> str:
        """End what nobody handles: news is told by being there, work is not done by it."""
        if claimed.item.kind is ItemKind.EVENT:
            return await self._finish(claimed, ItemState.DONE)
        return await self._park(claimed, reason=NO_HANDLER)

    async def _defer(self, claimed: ClaimedItem, ask: NotYet) -> str:
        if claimed.item.deferrals >= MOST_DEFERRALS:
            return await self._fail(claimed, Failure("never_ready"))
        await self._postpone(claimed, deferral(ask.seconds), reason="not_yet", is_failure=False)
        return "deferred"

    async def _fail(self, claimed: ClaimedItem, failure: Failure) -> str:
        """Try again later, or park after the last try."""
        tries = claimed.item.attempts
        if tries >= MOST_TRIES:
            return await self._park(claimed, reason=failure.reason)
        delay = delay_after(tries, rng=self.rng, least=failure.least)
        await self._postpone(claimed, delay, reason=failure.reason, is_failure=True)
        return "postponed"

    async def _park(self, claimed: ClaimedItem, *, reason: str) -> str:
        """Set the item aside: loudly, and replayable."""
        end = await self._finish(claimed, ItemState.PARKED, reason=reason)
        _LOG.error("outbox_item_parked", reason=reason, **_facts(claimed.item))
        return end

    async def _postpone(self, claimed: ClaimedItem, delay: timedelta, *, reason: str, is_failure: bool) -> None:
        faultpoint("outbox.mark")
        scope = claimed.item.scope
        await self.store.postpone_item(scope, claimed, delay=delay, reason=reason, is_failure=is_failure)

    async def _finish(self, claimed: ClaimedItem, state: ItemState, *, reason: str | None = None) -> str:
        faultpoint("outbox.mark")
        await self.store.finish_item(claimed.item.scope, claimed, state, at=self.clock.now(), reason=reason)
        return state.value


def _facts(item: Item) -> Mapping[str, object]:
    return {
        "item_id": item.id,
        "tenant": item.scope.tenant,
        "mode": item.scope.mode.value,
        "name": item.name,
        "attempts": item.attempts,
    }
