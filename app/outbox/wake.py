"""Wakes the lanes when there is something to do.

The database's change stream rings for what is written. Looking now and then stands behind it, for what no change
announces: delays that end, leases that run out, a stream that broke.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from pymongo.errors import PyMongoError

from app.outbox.models import Lane
from app.outbox.store import OutboxStore

_LOG = structlog.get_logger(__name__)
_REOPEN_SECONDS = 1.0


def _hang() -> dict[Lane, asyncio.Event]:
    return {lane: asyncio.Event() for lane in Lane}


@dataclass(frozen=True, slots=True)
class Wake:
    """One bell for each lane. Who rests by it may be woken for nothing, and never oversleeps by more than they said."""

    store: OutboxStore
    reopen_seconds: float = _REOPEN_SECONDS
    _bells: Mapping[Lane, asyncio.Event] = field(default_factory=_hang, repr=False, compare=False)

    def ring(self, *lanes: Lane) -> None:
        """Wake whoever rests in these lanes; a ring while nobody rests is kept for the next."""
        for lane in lanes:
            self._bells[lane].set()

    async def rest(self, lane: Lane, seconds: float) -> None:
        """Return at the lane's next ring, or after so many seconds."""
        bell = self._bells[lane]
        with suppress(TimeoutError):
            await asyncio.wait_for(bell.wait(), timeout=seconds)
        bell.clear()

    async def watch(self) -> None:
        """Ring for what is written, until cancelled; while the stream is broken, nobody is woken by it."""
        while True:
            try:
                async for lanes in self.store.watch_waiting():
                    self.ring(*lanes)
            except PyMongoError as error:
                _LOG.warning("outbox_stream_broken", error=type(error).__name__)
            await asyncio.sleep(self.reopen_seconds)
