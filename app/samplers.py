"""What is measured on demand: gauges that are set from the database just before a scrape."""

from datetime import datetime

from app.database import Database
from app.disputes.schedule import URGENT
from app.disputes.store import DisputeStore
from app.gateways.razorpay.breaker import BreakerState
from app.gateways.razorpay.factory import RazorpayGateways
from app.health.heartbeats import Heartbeats
from app.health.service import Sampler
from app.inbox.store import InboxStore
from app.kit.clock import Clock
from app.kit.ids import RandomIds
from app.ledger.books_store import BookStore
from app.ledger.store import EntryStore
from app.outbox.store import OutboxStore
from app.payments.intents import IntentStore
from app.payments.schedule import AUTHORIZED_TOO_LONG
from app.payments.store import PaymentStore
from app.payments.suspense_store import SuspenseStore
from app.recovery.findings import FindingStore
from app.refunds.schedule import OVERDUE
from app.refunds.store import RefundStore
from app.settlements.store import SettlementStore
from app.settlements.tasks import LATELY
from app.web.metrics import Metrics
from app.webhooks.store import WebhookStore


def samplers_of(
    database: Database, metrics: Metrics, clock: Clock, processor: RazorpayGateways, *, host: str
) -> tuple[Sampler, ...]:
    """Return everything that is measured on demand; `host` is the processor's address."""
    return (
        inbox_sampler(InboxStore(database), metrics, clock),
        outbox_sampler(OutboxStore(database), metrics, clock),
        ledger_sampler(EntryStore(database), BookStore(database), metrics, clock),
        held_sampler(PaymentStore(database), SuspenseStore(database), metrics, clock),
        heartbeat_sampler(Heartbeats(database), metrics, clock),
        breaker_sampler(processor, metrics, host),
        refund_sampler(RefundStore(database), metrics, clock),
        dispute_sampler(DisputeStore(database), metrics, clock),
        settlement_sampler(SettlementStore(database), metrics, clock),
        webhook_sampler(WebhookStore(database), metrics, clock),
        invariant_sampler(FindingStore(database, RandomIds(clock)), metrics, clock),
        unknown_sampler(IntentStore(database), RefundStore(database), metrics, clock),
        disk_sampler(database, metrics),
    )


def inbox_sampler(store: InboxStore, metrics: Metrics, clock: Clock) -> Sampler:
    """Return what measures the processor's events that wait, for a worker or for a person."""

    async def sample() -> None:
        backlog, now = await store.measure_backlog(), clock.now()
        metrics.inbox_depth.set(backlog.waiting)
        metrics.inbox_age_seconds.set(_seconds(backlog.oldest, now))
        metrics.arrivals.overdue_seconds.set(_seconds(backlog.due, now))
        for state, count in (await store.measure_set_aside()).items():
            metrics.arrivals.set_aside.labels(state.value).set(count)

    return sample


def outbox_sampler(store: OutboxStore, metrics: Metrics, clock: Clock) -> Sampler:
    """Return what measures the outbox's items that wait, lane by lane, and those that wait for a person."""

    async def sample() -> None:
        for lane, backlog in (await store.measure_backlog()).items():
            overdue = (clock.now() - backlog.oldest).total_seconds() if backlog.oldest else 0.0
            metrics.outbox.waiting.labels(lane.value).set(backlog.waiting)
            metrics.outbox.oldest_seconds.labels(lane.value).set(max(0.0, overdue))
        metrics.outbox.parked.set(await store.measure_parked())

    return sample


def webhook_sampler(store: WebhookStore, metrics: Metrics, clock: Clock) -> Sampler:
    """Return what measures the events that merchants have not got yet."""

    async def sample() -> None:
        overdue, oldest = await store.measure_pending()
        metrics.webhooks.overdue.set(overdue)
        metrics.webhooks.oldest_seconds.set(max(0.0, (clock.now() - oldest).total_seconds()) if oldest else 0.0)

    return sample


def ledger_sampler(entries: EntryStore, books: BookStore, metrics: Metrics, clock: Clock) -> Sampler:
    """Return what measures the entries that are not sealed yet, and the flaws that the checks found."""

    async def sample() -> None:
        count, oldest = await entries.measure_unsealed()
        metrics.ledger.unsealed.set(count)
        metrics.ledger.unsealed_seconds.set(max(0.0, (clock.now() - oldest).total_seconds()) if oldest else 0)
        metrics.ledger.breaks.set(await books.measure_breaks())

    return sample


def held_sampler(payments: PaymentStore, suspense: SuspenseStore, metrics: Metrics, clock: Clock) -> Sampler:
    """Return what measures money that waits for somebody: in suspense, or authorised for long (C1)."""

    async def sample() -> None:
        now = clock.now()
        count, oldest = await suspense.measure_open()
        metrics.held.suspense_open.set(count)
        metrics.held.suspense_oldest_seconds.set(max(0.0, (now - oldest).total_seconds()) if oldest else 0)
        metrics.held.authorized_too_long.set(await payments.measure_authorized(before=now - AUTHORIZED_TOO_LONG))

    return sample


def heartbeat_sampler(heartbeats: Heartbeats, metrics: Metrics, clock: Clock) -> Sampler:
    """Return what measures how long ago a worker last said that it lives."""

    async def sample() -> None:
        newest = await heartbeats.find_newest("worker")
        age = (clock.now() - newest).total_seconds() if newest else float("inf")
        metrics.worker_heartbeat_age_seconds.set(max(0.0, age))

    return sample


def breaker_sampler(processor: RazorpayGateways, metrics: Metrics, host: str) -> Sampler:
    """Return what tells whether calls to the processor at this address are refused at once."""

    async def sample() -> None:
        is_open = processor.breaker_state is not BreakerState.CLOSED
        metrics.breaker_open.labels(host).set(int(is_open))

    return sample


def refund_sampler(store: RefundStore, metrics: Metrics, clock: Clock) -> Sampler:
    """Return what counts the refunds that should have been through long ago."""

    async def sample() -> None:
        metrics.refunds.overdue.set(await store.measure_open(before=clock.now() - OVERDUE))

    return sample


def dispute_sampler(store: DisputeStore, metrics: Metrics, clock: Clock) -> Sampler:
    """Return what counts the disputes that are about to be lost for want of an answer."""

    async def sample() -> None:
        metrics.disputes.unanswered.set(await store.measure_unanswered(before=clock.now() + URGENT))

    return sample


def settlement_sampler(store: SettlementStore, metrics: Metrics, clock: Clock) -> Sampler:
    """Return what counts the settlements of the last days that are not as what is known here."""

    async def sample() -> None:
        metrics.settlements.differing.set(await store.measure_differing(since=clock.now() - LATELY))

    return sample


def invariant_sampler(findings: FindingStore, metrics: Metrics, clock: Clock) -> Sampler:
    """Return what tells how many violations are open, and how long ago everything was last looked at."""

    async def sample() -> None:
        for invariant, count in (await findings.measure_open()).items():
            metrics.recovery.violations.labels(invariant.value).set(count)
        for walked in await findings.measure_rounds():
            since = walked.last_whole_at
            age = (clock.now() - since).total_seconds() if since else float("inf")
            metrics.recovery.age_seconds.labels(walked.walk.value).set(max(0.0, age))

    return sample


def unknown_sampler(intents: IntentStore, refunds: RefundStore, metrics: Metrics, clock: Clock) -> Sampler:
    """Return what measures the requests to the processor whose outcome nobody knows yet."""

    async def sample() -> None:
        now = clock.now()
        measured = {"payments": await intents.measure_unknown(), "refunds": await refunds.measure_unanswered()}
        for of, (count, oldest) in measured.items():
            metrics.unknown.outcomes.labels(of).set(count)
            metrics.unknown.oldest_seconds.labels(of).set(_seconds(oldest, now))

    return sample


def disk_sampler(database: Database, metrics: Metrics) -> Sampler:
    """Return what measures the disk under the database's primary, which tells without an exporter of its own."""

    async def sample() -> None:
        used, size = await database.measure_disk()
        metrics.reach.disk_used_bytes.set(used)
        metrics.reach.disk_size_bytes.set(size)

    return sample


def _seconds(since: datetime | None, now: datetime) -> float:
    """Return for how long something has lasted; nought for what is not, or not yet."""
    return max(0.0, (now - since).total_seconds()) if since else 0.0
