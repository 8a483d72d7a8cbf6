"""What the edge counts of those it kept waiting or turned away; `metrics.py` has the rest."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge


@dataclass(frozen=True, slots=True)
class EdgeMetrics:
    """What is counted of slots and budgets."""

    at_work: Gauge
    waiting: Gauge
    shed: Counter
    limited: Counter
    unshared: Counter

    @classmethod
    def create(cls, where: CollectorRegistry) -> "EdgeMetrics":
        """Return the metrics on a registry."""
        return cls(
            at_work=Gauge("http_slots_taken", "Requests at work, by lane.", ("lane",), registry=where),
            waiting=Gauge(
                "http_requests_waiting", "Requests that wait for a slot, by lane.", ("lane",), registry=where
            ),
            shed=Counter(
                "http_requests_shed",
                "Requests turned away because there was too much to do.",
                ("lane",),
                registry=where,
            ),
            limited=Counter(
                "rate_limited_requests", "Requests refused because a budget was spent.", ("policy",), registry=where
            ),
            unshared=Counter(
                "rate_limit_fallbacks", "Requests counted in this process because Redis did not answer.", registry=where
            ),
        )
