"""Every metric of the house, made once per process with its own registry and passed to whoever counts.

Labels have few values by construction: route templates, command names, operations; never an id or a path.
"""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_COMMANDS = frozenset(
    {"find", "insert", "update", "delete", "findAndModify", "aggregate", "count", "commitTransaction", "getMore"}
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics by what they count; names are permanent, dashboards and alerts use them."""

    registry: CollectorRegistry
    http_requests: Counter
    http_seconds: Histogram
    http_in_flight: Gauge
    database_seconds: Histogram
    database_errors: Counter
    processor_seconds: Histogram
    breaker_open: Gauge
    payment_moves: Counter
    payments_in_review: Counter
    payment_checks: Counter
    inbox_ends: Counter
    inbox_depth: Gauge
    inbox_age_seconds: Gauge
    worker_heartbeat_age_seconds: Gauge

    @classmethod
    def create(cls, registry: CollectorRegistry | None = None) -> "Metrics":
        """Return the metrics on a registry (a new one when None): never the library's global one."""
        where = registry or CollectorRegistry()
        return cls(
            registry=where,
            http_requests=Counter(
                "http_requests", "Requests answered.", ("method", "route", "status_class"), registry=where
            ),
            http_seconds=Histogram(
                "http_request_duration_seconds",
                "Time from the first byte to the last.",
                ("method", "route"),
                buckets=_LATENCY,
                registry=where,
            ),
            http_in_flight=Gauge("http_requests_in_flight", "Requests being worked on.", registry=where),
            database_seconds=Histogram(
                "database_command_duration_seconds",
                "Time of a database command.",
                ("command",),
                buckets=_LATENCY,
                registry=where,
            ),
            database_errors=Counter(
                "database_command_errors", "Database commands that failed.", ("command",), registry=where
            ),
            processor_seconds=Histogram(
                "processor_call_duration_seconds",
                "Time of a call to the payment processor.",
                ("operation", "outcome"),
                buckets=_LATENCY,
                registry=where,
            ),
            breaker_open=Gauge(
                "processor_breaker_open", "1 while calls to this host are refused at once.", ("host",), registry=where
            ),
            payment_moves=Counter(
                "payment_moves",
                "Payments that came into a status, by who told us.",
                ("status", "source"),
                registry=where,
            ),
            payments_in_review=Counter(
                "payment_reviews", "News after which a human should look at the payment.", registry=where
            ),
            payment_checks=Counter(
                "payment_checks", "Payments looked at with the processor, by end.", ("end",), registry=where
            ),
            inbox_ends=Counter(
                "inbox_events", "Processor events by type and what became of them.", ("type", "end"), registry=where
            ),
            inbox_depth=Gauge("inbox_waiting", "Processor events not applied yet, up to 10,000.", registry=where),
            inbox_age_seconds=Gauge(
                "inbox_oldest_waiting_seconds", "Age of the oldest event not applied yet.", registry=where
            ),
            worker_heartbeat_age_seconds=Gauge(
                "worker_heartbeat_age_seconds", "Time since a worker last said that it lives.", registry=where
            ),
        )

    def database_listener(self) -> "DatabaseListener":
        """Return the listener to pass to `Database.connect(listeners=...)`."""
        return DatabaseListener(self)


class DatabaseListener(CommandListener):
    """Times the driver's commands."""

    def __init__(self, metrics: Metrics) -> None:
        """Count into these metrics."""
        self._errors = metrics.database_errors
        # Looking up a label costs more than counting, so the few commands have theirs at hand.
        self._seconds = {name: metrics.database_seconds.labels(name) for name in (*_COMMANDS, "other")}

    def started(self, event: CommandStartedEvent) -> None:
        """Do nothing: the end of a command carries its duration."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Record the duration."""
        self._seconds[_command(event.command_name)].observe(event.duration_micros / 1_000_000)

    def failed(self, event: CommandFailedEvent) -> None:
        """Record the duration and the failure."""
        name = _command(event.command_name)
        self._seconds[name].observe(event.duration_micros / 1_000_000)
        self._errors.labels(name).inc()


class HttpMeter:
    """Counts requests, with the children of known labels at hand."""

    def __init__(self, metrics: Metrics) -> None:
        """Count into these metrics."""
        self._metrics = metrics
        self._requests: dict[tuple[str, str, int], Counter] = {}
        self._seconds: dict[tuple[str, str], Histogram] = {}
        self.in_flight = 0
        metrics.http_in_flight.set_function(lambda: self.in_flight)

    def record(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        if method not in _METHODS:
            method = "OTHER"
        status_class = status // 100
        counter = self._requests.get((method, route, status_class))
        if counter is None:
            counter = self._metrics.http_requests.labels(method, route, f"{status_class}xx")
            self._requests[method, route, status_class] = counter
        histogram = self._seconds.get((method, route))
        if histogram is None:
            histogram = self._seconds[method, route] = self._metrics.http_seconds.labels(method, route)
        counter.inc()
        histogram.observe(seconds)


def _command(name: str) -> str:
    return name if name in _COMMANDS else "other"
