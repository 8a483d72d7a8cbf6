"""A small cache with a bound and a time to live, for what sits on the hot path and may be seconds old."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.kit.clock import Clock

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(slots=True)
class TtlCache(Generic[K, V]):
    """Keeps at most `capacity` values for `ttl_seconds`; the least recently used goes first."""

    clock: Clock
    ttl_seconds: float
    capacity: int = 10_000
    _entries: OrderedDict[K, tuple[float, V]] = field(default_factory=OrderedDict, repr=False)

    def get(self, key: K) -> V | None:
        """Return the value if it is fresh."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= self.clock.monotonic():
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry[1]

    def put(self, key: K, value: V) -> None:
        """Keep a value."""
        self._entries[key] = (self.clock.monotonic() + self.ttl_seconds, value)
        self._entries.move_to_end(key)
        if len(self._entries) > self.capacity:
            self._entries.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a value, because this process just changed it."""
        self._entries.pop(key, None)

    async def get_or_load(self, key: K, load: Callable[[], Awaitable[V]]) -> V:
        """Return the fresh value, or load and keep it. An error is not kept."""
        known = self.get(key)
        if known is not None:
            return known
        value = await load()
        self.put(key, value)
        return value
