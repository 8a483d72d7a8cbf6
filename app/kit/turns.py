"""Taking turns: work on the same thing goes one after the other within a process, work on different things at once.

A database decides races by letting the losers start again; forty losers at one document spend their time on that. This
only spares them the attempts: what is right is still decided by the database, for other processes take no turns here.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Queue:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


@dataclass(frozen=True, slots=True)
class Turns:
    """Hands out turns by name, first come, first served; a name that nobody waits for is forgotten."""

    _queues: dict[str, _Queue] = field(default_factory=dict)

    @asynccontextmanager
    async def turn(self, name: str, *, within_seconds: float) -> AsyncIterator[None]:
        """Wait for the turn, and keep it for the block. Raises TimeoutError when it does not come in time."""
        queue = self._queues.setdefault(name, _Queue())
        queue.users += 1
        try:
            async with asyncio.timeout(within_seconds):
                await queue.lock.acquire()
            try:
                yield
            finally:
                queue.lock.release()
        finally:
            queue.users -= 1
            if not queue.users:
                del self._queues[name]

    @property
    def waiting(self) -> int:
        """Return how many names have somebody at work or waiting."""
        return len(self._queues)
