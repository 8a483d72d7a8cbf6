"""The outbox through a broker: ids of due items go out, whoever receives one claims the item and works on it.

The broker is transport, never the truth: the message carries only the id, and an item whose message is lost is due
again after a moment and then worked on here. While the broker can't be reached, everything is (R1).
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog
from pymongo.errors import PyMongoError

from app.kit.clock import Clock
from app.outbox.models import ClaimedItem, Lane
from app.outbox.runner import OutboxRunner
from app.outbox.store import OFFERED
from app.outbox.wake import Wake

WINDOW = 64
"""How many offered items of a lane may wait to be fetched: a broker's queue knows no turns, so it stays short (P5)."""

_LOG = structlog.get_logger(__name__)
_REST_SECONDS = 5.0

OnMessage = Callable[[str], Awaitable[None]]
"""Called with the id that a message carries. Never raises."""


class BrokerLost(Exception):
    """The broker can't be reached, or has not confirmed in time."""


class Broker(Protocol):
    """What carries ids from one worker to another. It may lose them, repeat them and mix their order."""

    async def publish(self, lane: Lane, item_id: str) -> None:
        """Send an id into a lane. Raises BrokerLost."""
        ...

    async def consume(self, lane: Lane, on_message: OnMessage, *, width: int, stopping: asyncio.Event) -> None:
        """Receive a lane's ids, so many at the same time, until the event is set. Raises BrokerLost."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


@dataclass(slots=True)
class _Lane:
    """What this process knows of a lane: what it has offered, and until when it does without the broker."""

    offered: set[str] = field(default_factory=set)
    alone_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Offers what is due, and works on what it is offered."""

    runner: OutboxRunner
    wake: Wake
    broker: Broker
    clock: Clock
    window: int = WINDOW
    rest_seconds: float = _REST_SECONDS
    _lanes: dict[Lane, _Lane] = field(
        default_factory=lambda: {lane: _Lane() for lane in Lane}, repr=False, compare=False
    )

    async def claim_next(self, lane: Lane) -> ClaimedItem | None:
        """Offer what is due; return what must be worked on here, or None when there is nothing to do now.

        Raises:
            PyMongoError: the lease of whatever was taken runs out.
        """
        known = self._lanes[lane]
        while self.clock.monotonic() >= known.alone_until:
            if await self._is_full(known):
                return None
            taken = await self.runner.offer_next(lane)
            if taken is None or taken.owner != OFFERED:
                return taken
            try:
                await self.broker.publish(lane, taken.item.id)
            except BrokerLost:
                _LOG.warning("outbox_broker_lost", lane=lane.value)
                known.alone_until = self.clock.monotonic() + self.rest_seconds
                # It may have arrived all the same: whoever claims first works on it.
                return await self.runner.claim_item(taken.item.id)
            known.offered.add(taken.item.id)
        return await self.runner.claim_next(lane)

    async def consume_until(self, stopping: asyncio.Event, lane: Lane, *, width: int) -> None:
        """Work on what arrives until the event is set; a lost broker is tried again after a while."""
        while not stopping.is_set():
            try:
                await self.broker.consume(lane, partial(self._work, lane), width=width, stopping=stopping)
            except BrokerLost:
                _LOG.warning("outbox_broker_lost", lane=lane.value)
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), timeout=self.rest_seconds)

    async def _is_full(self, known: _Lane) -> bool:
        """Tell whether as much is offered as may be; only then the database is asked what was fetched meanwhile."""
        if len(known.offered) < self.window:
            return False
        known.offered &= await self.runner.store.measure_offered(known.offered)
        return len(known.offered) >= self.window

    async def _work(self, lane: Lane, item_id: str) -> None:
        try:
            claimed = await self.runner.claim_item(item_id)
            if claimed is not None:
                # There is room for another offer now.
                self.wake.ring(lane)
                await self.runner.run(claimed)
        except PyMongoError as error:
            _LOG.warning("worker_database_trouble", error=type(error).__name__)
        except Exception:  # noqa: BLE001  a defect in one item must not end the lane
            _LOG.exception("worker_defect")
