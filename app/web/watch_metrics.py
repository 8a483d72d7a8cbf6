"""What is measured so that somebody is woken in time; `metrics.py` has the rest.

A counter loses its first step when it is born with it, so those that alarms look at begin at nought.
"""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from app.kit.scope import Mode

_LAG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


@dataclass(frozen=True, slots=True)
class ProcessMetrics:
    """What is measured of the process itself."""

    loop_lag: Histogram
    samplers_failing: Gauge

    @classmethod
    def create(cls, where: CollectorRegistry) -> "ProcessMetrics":
        """Return the metrics on a registry, with those of the operating system beside them."""
        ProcessCollector(registry=where)
        return cls(
            loop_lag=Histogram(
                "event_loop_lag_seconds", "How late the event loop was for a timer.", buckets=_LAG, registry=where
            ),
            samplers_failing=Gauge(
                "samplers_failing", "Groups of gauges that could not be refreshed for this scrape.", registry=where
            ),
        )


@dataclass(frozen=True, slots=True)
class ReachMetrics:
    """What is measured of the database from here."""

    up: Gauge
    disk_used_bytes: Gauge
    disk_size_bytes: Gauge

    @classmethod
    def create(cls, where: CollectorRegistry) -> "ReachMetrics":
        """Return the metrics on a registry."""
        return cls(
            up=Gauge("database_up", "1 while the database's primary answers this process.", registry=where),
            disk_used_bytes=Gauge(
                "database_disk_used_bytes", "What is taken of the disk under the database's primary.", registry=where
            ),
            disk_size_bytes=Gauge("database_disk_size_bytes", "The size of that disk.", registry=where),
        )


@dataclass(frozen=True, slots=True)
class UnknownMetrics:
    """What is measured of requests to the processor whose outcome nobody knows yet."""

    outcomes: Gauge
    oldest_seconds: Gauge

    @classmethod
    def create(cls, where: CollectorRegistry) -> "UnknownMetrics":
        """Return the metrics on a registry."""
        return cls(
            outcomes=Gauge(
                "unknown_outcomes",
                "Orders and refunds that the processor may or may not have, up to 10,000.",
                ("of",),
                registry=where,
            ),
            oldest_seconds=Gauge(
                "unknown_outcomes_oldest_seconds", "Age of the oldest of them.", ("of",), registry=where
            ),
        )


@dataclass(frozen=True, slots=True)
class ArrivalMetrics:
    """What is measured of the processor's events before and after they are worked on."""

    received: Counter
    overdue_seconds: Gauge
    set_aside: Gauge

    @classmethod
    def create(cls, where: CollectorRegistry) -> "ArrivalMetrics":
        """Return the metrics on a registry."""
        received = Counter(
            "inbox_received", "Signed events that arrived, repeated ones too, by mode.", ("mode",), registry=where
        )
        for mode in Mode:
            received.labels(mode.value)
        return cls(
            received=received,
            overdue_seconds=Gauge(
                "inbox_overdue_seconds", "For how long the first event has been due, and not taken.", registry=where
            ),
            set_aside=Gauge(
                "inbox_set_aside", "Events that wait for a person, by state, up to 10,000.", ("state",), registry=where
            ),
        )
