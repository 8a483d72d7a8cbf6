"""Whether a cache in Redis would pay: one fact read from the process, from Redis and from MongoDB, in one run.

`python -m benchmarks.caching` starts both servers on this machine (redis-server has to be installed) and prints the
medians as ratios. What it led to is in docs/decisions/0018-no-cache-in-redis.md.
"""

import asyncio
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable

import redis.asyncio
from pymongo import AsyncMongoClient

from app.kit.cache import TtlCache
from app.kit.clock import SystemClock
from app.local.embedded import EmbeddedMongod
from app.local.ports import free_port

READS = 3000
_SECONDS = 30.0
_FACT = {"tenant": "mer_1", "role": "owner", "scopes": ["payments:read", "payments:write"], "is_active": True}


async def median_of(read: Callable[[], Awaitable[object]]) -> float:
    """Return the median of one read, in microseconds."""
    took = []
    for _ in range(READS):
        began = time.perf_counter()
        await read()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


async def measure(mongodb_url: str, redis_port: int) -> dict[str, float]:
    """Return the medians by where the fact is."""
    cache: TtlCache[str, dict[str, object]] = TtlCache(SystemClock(), ttl_seconds=3600)
    cache.put("key", _FACT)

    async def from_process() -> object:
        return cache.get("key")

    async with AsyncMongoClient(mongodb_url) as client, redis.asyncio.Redis(port=redis_port) as remembered:
        facts = client["caching"]["facts"]
        await facts.insert_one({"_id": "key", **_FACT})
        async with asyncio.timeout(_SECONDS):
            while not await _answers(remembered):  # noqa: ASYNC110  another process, which can only be asked
                await asyncio.sleep(0.05)
        await remembered.set("key", str(_FACT))
        return {
            "process": await median_of(from_process),
            "redis": await median_of(lambda: remembered.get("key")),
            "mongodb": await median_of(lambda: facts.find_one({"_id": "key"})),
        }


async def _answers(client: redis.asyncio.Redis) -> bool:
    try:
        return bool(await client.ping())
    except redis.ConnectionError:
        return False


def main() -> None:
    """Measure and print."""
    server = shutil.which("redis-server")
    if server is None:
        raise SystemExit("redis-server was not found; install it (Debian: apt-get install redis-server).")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, EmbeddedMongod.ephemeral() as mongod:
        command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603  our own
        try:
            took = asyncio.run(measure(mongod.url, port))
        finally:
            running.terminate()
            running.wait()
    for name, microseconds in took.items():
        print(f"{name:<8} {microseconds:9.1f} us   {microseconds / took['mongodb']:.3f} of MongoDB")


if __name__ == "__main__":
    main()
