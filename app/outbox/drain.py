"""The worker's part of the outbox: every lane takes its own items, and none waits for another.

One claimer for each lane and process, so that merchants are served strictly in turn and idle lanes ask the database
once and not once per handler; the handlers run side by side, up to the lane's width.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from pymongo.errors import PyMongoError

from app.outbox.dispatch import Dispatcher
from app.outbox.models import ClaimedItem, Lane
from app.outbox.runner import OutboxRunner
from app.outbox.wake import Wake

WIDTHS: Mapping[Lane, int] = {Lane.PAYMENTS: 8, Lane.WEBHOOKS: 8, Lane.BULK: 2}
"""How many items of a lane one process works on at the same time."""

_LOG = structlog.get_logger(__name__)
_TROUBLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Drain:
    """Works on whatever is due, in every lane; with a dispatcher, through its broker."""

    runner: OutboxRunner
    wake: Wake
    widths: Mapping[Lane, int] = field(default_factory=lambda: WIDTHS)
    dispatcher: Dispatcher | None = None

    async def work_until(self, stopping: asyncio.Event, *, idle_seconds: float) -> None:
        """Work until the event is set; every item that is under way is finished."""
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self.wake.watch())
            for lane in Lane:
                group.create_task(self._drain(lane, stopping, idle_seconds))
                if self.dispatcher is not None:
                    group.create_task(self.dispatcher.consume_until(stopping, lane, width=self.widths[lane]))
            await stopping.wait()
            watching.cancel()
            self.wake.ring(*Lane)
        if self.dispatcher is not None:
            await self.dispatcher.broker.close()

    async def take_up_known(self) -> int:
        """Make due again what another worker did not know how to do and this one does. Raises PyMongoError."""
        return await self.runner.take_up_known()

    async def _drain(self, lane: Lane, stopping: asyncio.Event, idle_seconds: float) -> None:
        slots = asyncio.Semaphore(self.widths[lane])
        async with asyncio.TaskGroup() as items:
            while True:
                await slots.acquire()
                if stopping.is_set():
                    return
                rest = await self._take(lane, items, slots, idle_seconds)
                if rest:
                    slots.release()
                    await self.wake.rest(lane, rest)

    async def _take(self, lane: Lane, items: asyncio.TaskGroup, slots: asyncio.Semaphore, idle_seconds: float) -> float:
        """Claim an item and begin it; return for how long to rest, when there is none."""
        try:
            claimed = await (self.dispatcher or self.runner).claim_next(lane)
        except PyMongoError as error:
            _LOG.warning("worker_database_trouble", error=type(error).__name__)
            return _TROUBLE_SECONDS
        except Exception:  # noqa: BLE001  an item that can't be read must not end the lane; its lease sets it aside
            _LOG.exception("worker_defect")
            return _TROUBLE_SECONDS
        if claimed is None:
            return idle_seconds
        items.create_task(self._work(claimed, slots))
        return 0.0

    async def _work(self, claimed: ClaimedItem, slots: asyncio.Semaphore) -> None:
        try:
            await self.runner.run(claimed)
        except PyMongoError as error:
            _LOG.warning("worker_database_trouble", error=type(error).__name__)
        except Exception:  # noqa: BLE001  nor must a defect of ours around the handler
            _LOG.exception("worker_defect")
        finally:
            slots.release()
