"""A real Redis of a test's own, and the product with small budgets."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from tests.api.conftest import ORIGIN, quick_world
from tests.outbox.brokers import Redis
from tests.world import Answer, World


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Redis]:
    """Redis on a free port."""
    redis = Redis(tmp_path)
    if not redis.is_installed():
        pytest.skip(f"{redis.PROGRAM} is not installed")
    redis.start()
    try:
        await redis.is_up()
        yield redis
    finally:
        redis.kill()


@dataclass(frozen=True, slots=True)
class Limited:
    """The product with small budgets that nothing is earned back of during a test, behind a proxy on this machine."""

    world: World
    app: FastAPI

    def counted(self, policy: str) -> float:
        """Return how often a spent budget refused somebody."""
        registry = self.world.wiring.metrics.registry
        return registry.get_sample_value("rate_limited_requests_total", {"policy": policy}) or 0

    async def ask_from(self, address: str, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Ask as a client behind the proxy; what a client claims itself stands to the left of what the proxy saw."""
        headers = {"X-Forwarded-For": address, **options.pop("headers", {})}
        return await self.world.ask(method, path, body, headers=headers, **options)


BUDGETS = {
    "rate_limit_reads": "12/10h",
    "rate_limit_writes": "8/10h",
    "rate_limit_sign_in": "100/10h",
    "rate_limit_anonymous": "15/10h",
    "rate_limit_refusals": "5/10h",
    "rate_limit_events": "6/10h",
}


@pytest.fixture(scope="session")
async def limited(mongodb_url: str, database_name: str) -> AsyncIterator[Limited]:
    options = {"rate_limits_enabled": True, "trusted_proxies": "127.0.0.1", "cors_origins": ORIGIN, **BUDGETS}
    async with quick_world(mongodb_url, f"{database_name}-limits", **options) as (world, app):
        yield Limited(world, app)


def new_address() -> str:
    """Return an address that nobody asked from yet."""
    return f"198.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
