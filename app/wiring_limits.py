"""The part of wiring that says how often one asker may ask."""

from app.config import Settings
from app.kit.clock import Clock
from app.kit.extras import load_extra
from app.ratelimits.local import LocalBuckets
from app.ratelimits.models import Buckets, Policy
from app.ratelimits.service import RateLimits
from app.web.metrics import Metrics


def limits_of(settings: Settings, metrics: Metrics, clock: Clock) -> RateLimits:
    """Build the room of rate limits; without any budget when they are switched off. Raises ExtraMissing."""
    budgets = {
        Policy.READS: settings.rate_limit_reads,
        Policy.WRITES: settings.rate_limit_writes,
        Policy.SIGN_IN: settings.rate_limit_sign_in,
        Policy.ANONYMOUS: settings.rate_limit_anonymous,
        Policy.REFUSALS: settings.rate_limit_refusals,
        Policy.EVENTS: settings.rate_limit_events,
    }
    return RateLimits(
        buckets=_buckets(settings, metrics, clock),
        budgets=budgets if settings.rate_limits_enabled else {},
        on_refusal=lambda policy: metrics.edge.limited.labels(policy).inc(),
    )


def _buckets(settings: Settings, metrics: Metrics, clock: Clock) -> Buckets:
    local, url = LocalBuckets(clock), settings.redis_url.get_secret_value()
    if not url or not settings.rate_limits_enabled:
        return local
    shared = load_extra("app.ratelimits.shared", setting="REDIS_URL", extra="redis")
    buckets: Buckets = shared.SharedBuckets.of(url, fallback=local, on_fallback=metrics.edge.unshared.inc)
    return buckets
