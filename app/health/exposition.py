"""The metrics as Prometheus reads them, and who may: the same behind the API's door and the worker's."""

import hmac
from dataclasses import dataclass

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from app.health.service import Health
from app.web.metrics import Metrics

CONTENT_TYPE = CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class Scraper:
    """Who may read the metrics: whoever has the token. The representation shows none."""

    token: str
    is_production: bool

    def __repr__(self) -> str:
        return "Scraper()"

    def may_read(self, authorization: str | None) -> bool:
        """Tell whether this header lets its sender in; without a token nobody in production, else everybody."""
        if not self.token:
            # An address proves nothing behind a reverse proxy on the same machine, so production demands the token.
            return not self.is_production
        given = (authorization or "").encode("utf-8", "surrogateescape")
        return hmac.compare_digest(given, f"Bearer {self.token}".encode())


async def exposition_of(health: Health, metrics: Metrics) -> bytes:
    """Return every metric, those that are measured on demand refreshed."""
    sampled = await health.sample()
    metrics.reach.up.set(sampled.database)
    metrics.process.samplers_failing.set(sampled.failing)
    return generate_latest(metrics.registry)
