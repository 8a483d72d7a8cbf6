"""Budgets in Redis, for all instances together: one script, one round trip, and never worth waiting for.

The extra `redis` brings the client; wiring loads this module when REDIS_URL is set.
"""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from app.kit.pace import Budget, Decision
from app.kit.seldom import Seldom
from app.ratelimits.local import LocalBuckets
from app.ratelimits.models import Policy

WAIT_SECONDS: Final = 0.1
"""How long a request waits for Redis at most."""

REST_SECONDS: Final = 1.0
"""How long Redis is left alone after it did not answer; then one request asks again."""

_CONNECTIONS = 64
_PREFIX = "payment-gateway:limits"

# `app.kit.pace.spend`, by the clock of Redis; a test compares the two. Returns whether it passed, and how far ahead.
_SPEND: Final = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local interval, span = tonumber(ARGV[1]), tonumber(ARGV[2])
local whole_at = tonumber(redis.call('GET', KEYS[1]) or '0')
local ahead = math.min(math.max(whole_at - now, 0), span)
if ahead + interval > span then
  return {0, ahead}
end
ahead = ahead + interval
redis.call('SET', KEYS[1], string.format('%.0f', now + ahead), 'PX', math.ceil(ahead / 1000))
return {1, ahead}
"""

_log = structlog.get_logger("app.ratelimits")


@dataclass(slots=True)
class SharedBuckets:
    """Implements `Buckets`. While Redis does not answer in time, this instance counts for itself."""

    client: Redis
    script: AsyncScript
    fallback: LocalBuckets
    on_fallback: Callable[[], None]
    seldom: Seldom
    _rests_until: float | None = field(default=None, repr=False)

    @classmethod
    def of(cls, url: str, *, fallback: LocalBuckets, on_fallback: Callable[[], None]) -> "SharedBuckets":
        """Return budgets at an address; nothing connects before it is used."""
        pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=WAIT_SECONDS,
            socket_timeout=WAIT_SECONDS,
            socket_connect_timeout=WAIT_SECONDS,
            # A second try would only make the client wait longer.
            retry=Retry(NoBackoff(), 0),
        )
        client = Redis.from_pool(pool)
        return cls(client, client.register_script(_SPEND), fallback, on_fallback, Seldom(fallback.clock))

    async def spend(self, policy: Policy, subject: str, budget: Budget) -> Decision:
        """Decide on one request, in Redis if it answers."""
        now = self.fallback.clock.monotonic()
        if self._rests_until is None or now >= self._rests_until:
            if self._rests_until is not None:
                # One asks whether it is back; the others go on counting here meanwhile.
                self._rests_until = now + REST_SECONDS
            try:
                decision = await self._ask(policy, subject, budget)
            except (RedisError, OSError, TimeoutError) as error:
                self._rest(error, now)
            else:
                self._rests_until = None
                return decision
        self.on_fallback()
        return await self.fallback.spend(policy, subject, budget)

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()
        await self.client.connection_pool.disconnect()

    async def _ask(self, policy: Policy, subject: str, budget: Budget) -> Decision:
        async with asyncio.timeout(WAIT_SECONDS):
            passed, ahead = await self.script(keys=[_key(policy, subject)], args=[budget.interval, budget.span])
        return Decision(bool(passed), int(ahead), budget)

    def _rest(self, error: Exception, now: float) -> None:
        self._rests_until = now + REST_SECONDS
        if times := self.seldom.count():
            _log.warning("rate_limits_not_shared", error=type(error).__name__, times=times)


def _key(policy: Policy, subject: str) -> str:
    # Redis learns no address, and no key is longer than another.
    return (
        f"{_PREFIX}:{policy}:{hashlib.blake2b(subject.encode('utf-8', 'surrogateescape'), digest_size=16).hexdigest()}"
    )
