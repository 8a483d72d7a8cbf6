"""How much is worked on at one time: slots, a short queue before them, and an early no beyond that.

A service that takes everything on gets slower for everybody until nobody's answer comes in time. So only so many
requests are at work, some more wait a moment for their turn, and the rest is told at once, before its body is read, to
come again: that costs next to nothing, and those who are at work are not disturbed.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import structlog

from app.kit.clock import Clock
from app.kit.errors import Kind, Problem
from app.kit.seldom import Seldom
from app.web.edge_metrics import EdgeMetrics

_SOONEST_SECONDS, _LATEST_SECONDS = 1, 5
_log = structlog.get_logger("app.web")


class Lane(StrEnum):
    """What has slots of its own."""

    REQUESTS = "requests"
    EVENTS = "events"


class Overloaded(Problem):
    """There is more to do than this instance can; nothing was done, and the body was not read (failure row P9)."""

    code = "overloaded"
    kind = Kind.UNAVAILABLE
    message = "The service has too much to do at the moment; nothing was done."


@dataclass(frozen=True, slots=True)
class Room:
    """How much there is room for: `at_work` at one time, `waiting` behind them, for `wait_seconds` at most."""

    at_work: int = 512
    waiting: int = 1024
    wait_seconds: float = 2.0


@dataclass(slots=True)
class Slots:
    """The slots of one lane. First come, first served; a slot that becomes free goes straight to whoever waits."""

    room: Room
    taken: int = 0
    _queue: deque[asyncio.Future[bool]] = field(default_factory=deque, repr=False)

    def enter(self) -> bool:
        """Take a slot if one is free; this is all that a request costs while there is room."""
        if self.taken >= self.room.at_work:
            return False
        self.taken += 1
        return True

    async def wait(self) -> bool:
        """Wait for a slot; return whether there was one in time."""
        if len(self._queue) >= self.room.waiting:
            return False
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self._queue.append(turn)
        timer = loop.call_later(self.room.wait_seconds, self._give_up, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with contextlib.suppress(ValueError):  # somebody who left may have come upon it first
                    self._queue.remove(turn)
            elif turn.result():
                # The slot came at the moment in which nobody wanted it any more.
                self.leave()
            raise
        finally:
            timer.cancel()

    def leave(self) -> None:
        """Give a slot back."""
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        self.taken -= 1

    @property
    def waiting(self) -> int:
        """Return how many wait."""
        return len(self._queue)

    def _give_up(self, turn: asyncio.Future[bool]) -> None:
        if not turn.done():
            self._queue.remove(turn)
            turn.set_result(False)


@dataclass(frozen=True, slots=True)
class Shedder:
    """Gives slots by path, and turns away what finds none."""

    lanes: Mapping[Lane, Slots]
    metrics: EdgeMetrics
    rng: random.Random
    seldom: Seldom
    event_paths: tuple[str, ...] = ("/api/v1/webhooks/razorpay/", "/webhooks/razorpay/")
    free_paths: frozenset[str] = frozenset()

    @classmethod
    def create(
        cls, rooms: Mapping[Lane, Room], *, metrics: EdgeMetrics, clock: Clock, free: frozenset[str]
    ) -> "Shedder":
        """Return slots with their gauges.

        Args:
            rooms: how much there is room for in each lane.
            metrics: what is counted into.
            clock: for the one warning a minute.
            free: paths that need no slot: probes must get an answer most of all when there is too much to do.
        """
        lanes = {lane: Slots(room) for lane, room in rooms.items()}
        for lane, slots in lanes.items():
            metrics.at_work.labels(lane).set_function(_reader(slots, "taken"))
            metrics.waiting.labels(lane).set_function(_reader(slots, "waiting"))
        rng = random.Random()  # noqa: S311  jitter, not secrecy
        return cls(lanes, metrics, rng, Seldom(clock), free_paths=free)

    def lane_of(self, path: str) -> Lane | None:
        """Return which slots a request needs one of; None when it needs none.

        The processor's events have their own, so that neither a rush of requests nor one of events stops the other.
        """
        if path in self.free_paths:
            return None
        return Lane.EVENTS if path.startswith(self.event_paths) else Lane.REQUESTS

    async def wait(self, lane: Lane) -> None:
        """Wait for a slot of a full lane. Raises Overloaded, which tells each of them another time to come again."""
        if await self.lanes[lane].wait():
            return
        self.metrics.shed.labels(lane).inc()
        if times := self.seldom.count():
            _log.warning("requests_shed", lane=lane.value, times=times)
        raise Overloaded(retry_after_seconds=self.rng.randint(_SOONEST_SECONDS, _LATEST_SECONDS))


EVENT_SHARE: Final = 2
"""Events get half as many slots as requests: an event is stored in less than a millisecond."""


def rooms_of(room: Room) -> Mapping[Lane, Room]:
    """Return how much room each lane has."""
    share = max(1, room.at_work // EVENT_SHARE)
    return {Lane.REQUESTS: room, Lane.EVENTS: Room(share, room.waiting, room.wait_seconds)}


def _reader(slots: Slots, name: str) -> Callable[[], float]:
    return lambda: float(getattr(slots, name))
