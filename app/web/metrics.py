"""Every metric of the house, made once per process with its own registry and passed to whoever counts.

Labels have few values by construction: route templates, command names, operations; never an id or a path.
"""

from dataclasses import dataclass
from typing import TypedDict

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from app.web.bank_metrics import DisputeMetrics, SettlementMetrics
from app.web.edge_metrics import EdgeMetrics
from app.web.watch_metrics import ArrivalMetrics, ProcessMetrics, ReachMetrics, UnknownMetrics

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
    edge: EdgeMetrics
    ledger: "LedgerMetrics"
    held: "HeldMetrics"
    outbox: "OutboxMetrics"
    refunds: "RefundMetrics"
    disputes: DisputeMetrics
    settlements: SettlementMetrics
    recovery: "RecoveryMetrics"
    webhooks: "WebhookMetrics"
    process: ProcessMetrics
    reach: ReachMetrics
    unknown: UnknownMetrics
    arrivals: ArrivalMetrics

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
                ("mode", "status", "source"),
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
            **_of_rooms(where),
        )

    def database_listener(self) -> "DatabaseListener":
        """Return the listener to pass to `Database.connect(listeners=...)`."""
        return DatabaseListener(self)


@dataclass(frozen=True, slots=True)
class LedgerMetrics:
    """What is counted of the books."""

    conflicts: Counter
    unsealed: Gauge
    unsealed_seconds: Gauge
    breaks: Gauge

    @classmethod
    def create(cls, where: CollectorRegistry) -> "LedgerMetrics":
        """Return the metrics on a registry."""
        return cls(
            conflicts=Counter(
                "ledger_conflicts", "Facts that were to be booked twice in two ways.", ("kind",), registry=where
            ),
            unsealed=Gauge(
                "ledger_unsealed", "Ledger entries without a place in the chain, up to 10,000.", registry=where
            ),
            unsealed_seconds=Gauge("ledger_oldest_unsealed_seconds", "Age of the oldest of them.", registry=where),
            breaks=Gauge("ledger_breaks", "Flaws that the last whole checks of the books found.", registry=where),
        )


@dataclass(frozen=True, slots=True)
class HeldMetrics:
    """What is measured of money that waits for somebody: in suspense, or authorised and not captured."""

    suspense_open: Gauge
    suspense_oldest_seconds: Gauge
    authorized_too_long: Gauge

    @classmethod
    def create(cls, where: CollectorRegistry) -> "HeldMetrics":
        """Return the metrics on a registry."""
        return cls(
            suspense_open=Gauge(
                "suspense_open", "Entries of captured money that is no payment's, up to 10,000.", registry=where
            ),
            suspense_oldest_seconds=Gauge(
                "suspense_oldest_open_seconds", "Age of the oldest money in suspense.", registry=where
            ),
            authorized_too_long=Gauge(
                "payment_authorized_too_long",
                "Payments authorised for more than a day and not captured, up to 10,000: their money will lapse.",
                registry=where,
            ),
        )


@dataclass(frozen=True, slots=True)
class OutboxMetrics:
    """What is counted of the outbox."""

    items: Counter
    waiting: Gauge
    oldest_seconds: Gauge
    parked: Gauge

    @classmethod
    def create(cls, where: CollectorRegistry) -> "OutboxMetrics":
        """Return the metrics on a registry."""
        return cls(
            items=Counter(
                "outbox_items", "Tries of outbox items, by name and how each ended.", ("name", "end"), registry=where
            ),
            waiting=Gauge(
                "outbox_waiting", "Outbox items not ended yet, by lane, up to 10,000.", ("lane",), registry=where
            ),
            oldest_seconds=Gauge(
                "outbox_oldest_waiting_seconds",
                "For how long the first item of a lane has been due, and not taken.",
                ("lane",),
                registry=where,
            ),
            parked=Gauge("outbox_parked", "Outbox items that wait for a person, up to 10,000.", registry=where),
        )


@dataclass(frozen=True, slots=True)
class RefundMetrics:
    """What is counted of refunds."""

    moves: Counter
    reviews: Counter
    checks: Counter
    overdue: Gauge

    @classmethod
    def create(cls, where: CollectorRegistry) -> "RefundMetrics":
        """Return the metrics on a registry."""
        return cls(
            moves=Counter(
                "refund_moves",
                "Refunds that came into a status, by who wanted them and who told us.",
                ("mode", "status", "origin", "source"),
                registry=where,
            ),
            reviews=Counter("refund_reviews", "News after which a human should look at the refund.", registry=where),
            checks=Counter("refund_checks", "Refunds looked at with the processor, by end.", ("end",), registry=where),
            overdue=Gauge(
                "refunds_overdue", "Refunds that are not through after five days, up to 10,000.", registry=where
            ),
        )


@dataclass(frozen=True, slots=True)
class RecoveryMetrics:
    """What is counted of the sweeps and of the invariants."""

    pages: Counter
    found: Counter
    finds: Counter
    violations: Gauge
    age_seconds: Gauge

    @classmethod
    def create(cls, where: CollectorRegistry) -> "RecoveryMetrics":
        """Return the metrics on a registry."""
        return cls(
            pages=Counter(
                "sweep_pages", "Pages of the processor's lists that were read, by end.", ("list", "end"), registry=where
            ),
            found=Counter(
                "sweep_finds", "What only a sweep told us: neither an event nor a check had.", ("list",), registry=where
            ),
            finds=Counter(
                "invariant_finds", "Times that something was not as it must be.", ("invariant",), registry=where
            ),
            violations=Gauge(
                "invariant_violations", "What is not as it must be, by invariant.", ("invariant",), registry=where
            ),
            age_seconds=Gauge(
                "invariant_age_seconds", "Time since everything was last looked at, by walk.", ("walk",), registry=where
            ),
        )


@dataclass(frozen=True, slots=True)
class WebhookMetrics:
    """What is counted of events on their way to merchants."""

    tries: Counter
    overdue: Gauge
    oldest_seconds: Gauge

    @classmethod
    def create(cls, where: CollectorRegistry) -> "WebhookMetrics":
        """Return the metrics on a registry."""
        return cls(
            tries=Counter("webhook_tries", "Tries of outgoing webhooks, by how each ended.", ("end",), registry=where),
            overdue=Gauge("webhooks_overdue", "Deliveries that are due and not sent, up to 10,000.", registry=where),
            oldest_seconds=Gauge(
                "webhooks_oldest_overdue_seconds", "For how long the first of them has been due.", registry=where
            ),
        )


class _OfRooms(TypedDict):
    edge: EdgeMetrics
    ledger: LedgerMetrics
    held: HeldMetrics
    outbox: OutboxMetrics
    refunds: RefundMetrics
    disputes: DisputeMetrics
    settlements: SettlementMetrics
    recovery: RecoveryMetrics
    webhooks: WebhookMetrics
    process: ProcessMetrics
    reach: ReachMetrics
    unknown: UnknownMetrics
    arrivals: ArrivalMetrics


def _of_rooms(where: CollectorRegistry) -> _OfRooms:
    return {
        "edge": EdgeMetrics.create(where),
        "ledger": LedgerMetrics.create(where),
        "outbox": OutboxMetrics.create(where),
        "refunds": RefundMetrics.create(where),
        "held": HeldMetrics.create(where),
        "disputes": DisputeMetrics.create(where),
        "settlements": SettlementMetrics.create(where),
        "recovery": RecoveryMetrics.create(where),
        "webhooks": WebhookMetrics.create(where),
        "process": ProcessMetrics.create(where),
        "reach": ReachMetrics.create(where),
        "unknown": UnknownMetrics.create(where),
        "arrivals": ArrivalMetrics.create(where),
    }


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
