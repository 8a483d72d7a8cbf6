"""The one place where the rooms are built and joined, with `wiring_*` as its parts; only they make services."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from pymongo.monitoring import CommandListener

from app.analytics import store as analytics_store
from app.audit import store as audit_store
from app.audit.service import Audit
from app.audit.store import AuditStore
from app.auth import keys_store as auth_keys_store
from app.auth import store as auth_store
from app.auth.browsers import Browsers
from app.auth.guard import Guard
from app.auth.keys import ApiKeys
from app.auth.passwords import Passwords
from app.auth.service import Accounts
from app.auth.sessions import Sessions
from app.backups.service import Backups
from app.checkout.service import Checkout
from app.config import ReportsFrom, Settings
from app.customers import erasures_store
from app.customers import store as customers_store
from app.customers.port import Shelves
from app.database import TRANSACTION_SECONDS, Collection, Database, unhurried
from app.disputes import store as disputes_store
from app.gateways.razorpay.events import RazorpayEventReader
from app.gateways.razorpay.factory import RazorpayGateways
from app.gateways.razorpay.people import RazorpayPeopleReader
from app.gateways.razorpay.transport import Limits
from app.health import heartbeats as heartbeats_store
from app.health.heartbeats import Heartbeats
from app.health.service import Health
from app.idempotency import store as idempotency_store
from app.idempotency.service import Idempotency
from app.idempotency.store import IdempotencyStore
from app.inbox import store as inbox_store
from app.inbox.erasing import EventErasing
from app.inbox.service import Inbox
from app.kit.clock import Clock, SystemClock
from app.kit.extras import load_extra
from app.kit.ids import Ids, Prefix, RandomIds
from app.ledger.service import Ledger
from app.ledger.verification import BookChecks
from app.links import store as links_store
from app.migrations import COLLECTIONS as MIGRATION_COLLECTIONS
from app.migrations import Migration, Migrations
from app.notices import store as notices_store
from app.outbox import leases as outbox_leases
from app.outbox import store as outbox_store
from app.outbox.dispatch import Dispatcher
from app.outbox.drain import Drain
from app.outbox.handlers import EVERY_EVENT, Handler
from app.outbox.leases import Leases
from app.outbox.models import Item
from app.outbox.runner import OutboxRunner
from app.outbox.service import Outbox
from app.outbox.store import OutboxStore
from app.outbox.wake import Wake
from app.pages.render import Pages
from app.payments import store as payments_store
from app.payments import suspense_store as payments_suspense_store
from app.payments.facts import Facts
from app.payments.outcomes import Outcomes
from app.payments.service import Payments
from app.payments.suspense import SuspenseMoney
from app.payments.tasks import PaymentChecks
from app.ratelimits.service import RateLimits
from app.recovery import findings as recovery_findings
from app.recovery import store as recovery_store
from app.refunds import store as refunds_store
from app.samplers import samplers_of
from app.settlements import store as settlements_store
from app.tenants import store as tenants_store
from app.tenants.returns import Returns
from app.tenants.service import Merchants
from app.web.metrics import Metrics
from app.webhooks import store as webhook_store
from app.wiring_analytics import AnalyticsRoom, analytics_of
from app.wiring_backups import backups_of
from app.wiring_checkout import checkout_of
from app.wiring_customers import CustomerRoom, customers_of
from app.wiring_disputes import DisputeRoom, disputes_of
from app.wiring_identity import identity_of, merchants_of
from app.wiring_ledger import LEDGER_COLLECTIONS, ledger_of
from app.wiring_limits import limits_of
from app.wiring_links import LinkRoom, links_of
from app.wiring_notices import NoticeRoom, notices_of
from app.wiring_pages import pages_of
from app.wiring_payments import MerchantGateways, PaymentServices, payments_of
from app.wiring_recovery import RecoveryRoom, Rooms, recovery_of
from app.wiring_refunds import RefundRoom, refunds_of
from app.wiring_settlements import SettlementRoom, settlements_of
from app.wiring_webhooks import WebhookRoom, webhooks_of

COLLECTIONS: tuple[Collection, ...] = (
    *tenants_store.COLLECTIONS,
    *auth_store.COLLECTIONS,
    *auth_keys_store.COLLECTIONS,
    *audit_store.COLLECTIONS,
    *outbox_store.COLLECTIONS,
    *outbox_leases.COLLECTIONS,
    idempotency_store.COLLECTION,
    *LEDGER_COLLECTIONS,
    *payments_store.COLLECTIONS,
    *payments_suspense_store.COLLECTIONS,
    *refunds_store.COLLECTIONS,
    *disputes_store.COLLECTIONS,
    *settlements_store.COLLECTIONS,
    *links_store.COLLECTIONS,
    *inbox_store.COLLECTIONS,
    *analytics_store.COLLECTIONS,
    *customers_store.COLLECTIONS,
    *erasures_store.COLLECTIONS,
    *recovery_store.COLLECTIONS,
    *recovery_findings.COLLECTIONS,
    *webhook_store.COLLECTIONS,
    *notices_store.COLLECTIONS,
    *heartbeats_store.COLLECTIONS,
    *MIGRATION_COLLECTIONS,
)
"""Every collection of the product with its indexes."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """Every service of the product, joined. The doors use it; nothing else does."""

    settings: Settings
    clock: Clock
    ids: Ids
    metrics: Metrics
    pages: Pages
    database: Database
    processor: RazorpayGateways
    merchants: Merchants
    audit: Audit
    passwords: Passwords
    accounts: Accounts
    sessions: Sessions
    api_keys: ApiKeys
    guard: Guard
    limits: RateLimits
    browsers: Browsers
    idempotency: Idempotency
    ledger: Ledger
    book_checks: BookChecks
    outbox: Outbox
    drain: Drain
    leases: Leases
    returns: Returns
    payments: Payments
    outcomes: Outcomes
    suspense: SuspenseMoney
    checks: PaymentChecks
    refunds: RefundRoom
    disputes: DisputeRoom
    settlements: SettlementRoom
    links: LinkRoom
    checkout: Checkout
    recovery: RecoveryRoom
    backups: Backups
    webhooks: WebhookRoom
    analytics: AnalyticsRoom
    customers: CustomerRoom
    notices: NoticeRoom
    inbox: Inbox
    health: Health
    heartbeats: Heartbeats
    migrations: Sequence[Migration]

    async def start(self) -> None:
        """Make collections and indexes, check them, run migrations.

        Raises:
            IndexMissing: an invariant would rest on nothing (G11).
            PyMongoError: the database does not answer.
        """
        with unhurried():
            await self.database.ensure(COLLECTIONS)
            await Migrations(database=self.database, clock=self.clock, ids=self.ids).run_pending(self.migrations)
            await self.database.verify(COLLECTIONS)

    async def close(self) -> None:
        """Close every connection and thread."""
        self.passwords.close()
        await self.limits.close()
        await self.processor.close()
        await self.webhooks.sender.close()
        await self.notices.sending.close()
        await self.database.close()


def wire(
    settings: Settings,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    listeners: Sequence[CommandListener] = (),
    operation_seconds: float | None = None,
) -> Wiring:
    """Build every service. Nothing connects before it is used.

    Args:
        settings: of the deployment.
        clock: another clock than the system's, for tests.
        ids: another source of ids, for tests.
        listeners: who else hears of each database command, for tests.
        operation_seconds: how long an operation of the database may keep a client waiting; None where nobody waits.
    """
    clock, metrics = clock or SystemClock(), Metrics.create()
    ids = ids or RandomIds(clock)
    database, reports = _databases(settings, [metrics.database_listener(), *listeners], operation_seconds)
    processor = _processor(settings, clock, metrics)
    ground = _ground(settings, database, metrics, clock, ids)
    audit, outbox, merchants = ground["audit"], ground["outbox"], ground["merchants"]
    identity = identity_of(settings, database, merchants, audit, clock, ids)
    books = ledger_of(database, reports, metrics, clock, ids)
    facts = Facts(books["ledger"], outbox)
    payments = payments_of(settings, database, merchants, MerchantGateways(merchants, processor), facts, metrics)
    rooms = _money_rooms(database, metrics, payments, facts, merchants)
    recovery = recovery_of(database, metrics, merchants, ground["leases"], rooms)
    webhooks = webhooks_of(settings, database, metrics, merchants, outbox)
    notices = notices_of(settings, database, merchants, outbox, payments["outcomes"], ground["pages"].texts)
    links = links_of(settings, database, payments["payments"], notices.posting, merchants)
    shelves, people = Shelves(links=links.erasing, notices=notices.erasing), RazorpayPeopleReader()
    customers = customers_of(settings, database, payments["outcomes"], outbox, audit, people, shelves)
    return Wiring(
        settings=settings,
        clock=clock,
        ids=ids,
        metrics=metrics,
        database=database,
        processor=processor,
        drain=_drain(settings, outbox, _handlers_of(rooms, links, webhooks, customers, notices), metrics),
        recovery=recovery,
        backups=backups_of(database, merchants, audit, books["book_checks"], recovery),
        webhooks=webhooks,
        refunds=rooms.refunds,
        disputes=rooms.disputes,
        settlements=rooms.settlements,
        analytics=analytics_of(database, reports, clock),
        customers=customers,
        notices=notices,
        links=links,
        checkout=checkout_of(settings, merchants, payments, rooms.refunds),
        inbox=_inbox(customers.events, payments["outcomes"], rooms, merchants, metrics),
        health=_health(settings, database, metrics, clock, processor),
        **ground,
        **identity,
        **books,
        **payments,
    )


def _money_rooms(
    database: Database, metrics: Metrics, payments: PaymentServices, facts: Facts, merchants: Merchants
) -> Rooms:
    refunds = refunds_of(database, metrics, of_payments=payments, facts=facts)
    disputes = disputes_of(database, metrics, of_payments=payments, facts=facts)
    settlements = settlements_of(
        database,
        metrics,
        of_payments=payments,
        refunds=refunds,
        disputes=disputes,
        facts=facts,
        owns_account=merchants.owns_account,
    )
    return Rooms(payments, refunds, disputes, settlements)


class _Ground(TypedDict):
    """What every room may need and no room owns."""

    audit: Audit
    merchants: Merchants
    pages: Pages
    outbox: Outbox
    idempotency: Idempotency
    leases: Leases
    heartbeats: Heartbeats
    limits: RateLimits


def _ground(settings: Settings, database: Database, metrics: Metrics, clock: Clock, ids: Ids) -> _Ground:
    audit = Audit(AuditStore(database), clock, ids)
    return {
        "audit": audit,
        "merchants": merchants_of(settings, database, audit, clock, ids),
        "pages": pages_of(settings),
        "outbox": Outbox(OutboxStore(database), clock, ids),
        "idempotency": Idempotency(store=IdempotencyStore(database), ids=ids),
        "leases": Leases(database, owner=ids.new(Prefix.LEASE)),
        "heartbeats": Heartbeats(database),
        "limits": limits_of(settings, metrics, clock),
    }


def _databases(
    settings: Settings, listeners: Sequence[CommandListener], operation_seconds: float | None
) -> tuple[Database, Database]:
    """Return the database, and the same as reports see it."""
    database = Database.connect(
        settings.mongodb_address,
        name=settings.database_name,
        listeners=listeners,
        transaction_seconds=operation_seconds or TRANSACTION_SECONDS,
        operation_seconds=operation_seconds,
    )
    return database, database.for_reports() if settings.reports_from is ReportsFrom.SECONDARY else database


def _processor(settings: Settings, clock: Clock, metrics: Metrics) -> RazorpayGateways:
    def observe(operation: str, outcome: str, seconds: float) -> None:
        metrics.processor_seconds.labels(operation, outcome).observe(seconds)

    return RazorpayGateways(
        settings.processor_url,
        limits=Limits(
            connect_seconds=settings.razorpay_connect_timeout_seconds,
            total_seconds=settings.razorpay_timeout_seconds,
            connections=settings.razorpay_max_connections,
        ),
        clock=clock,
        rng=random.Random(),  # noqa: S311  jitter, not secrecy
        observer=observe,
        automatic_capture_minutes=settings.payment_expiry_minutes,
    )


def _health(
    settings: Settings, database: Database, metrics: Metrics, clock: Clock, processor: RazorpayGateways
) -> Health:
    samplers = samplers_of(database, metrics, clock, processor, host=settings.processor_url)
    return Health(database=database, clock=clock, samplers=samplers)


def _inbox(events: EventErasing, outcomes: Outcomes, rooms: Rooms, merchants: Merchants, metrics: Metrics) -> Inbox:
    return Inbox(
        store=events.store,
        secrets=merchants,
        reader=RazorpayEventReader(),
        erasing=events,
        outcomes=outcomes,
        refunds=rooms.refunds.outcomes,
        disputes=rooms.disputes.outcomes,
        settlements=rooms.settlements.outcomes,
        clock=outcomes.clock,
        ids=outcomes.ids,
        on_event=lambda event_type, end: metrics.inbox_ends.labels(event_type, end).inc(),
        on_received=lambda mode: metrics.arrivals.received.labels(mode.value).inc(),
    )


def _handlers_of(
    rooms: Rooms, links: LinkRoom, webhooks: WebhookRoom, customers: CustomerRoom, notices: NoticeRoom
) -> Mapping[str, Handler]:
    """Return how each piece of the outbox's work is done, by its name: from the rooms' tasks."""

    async def hear(item: Item) -> None:
        await webhooks.deliveries.queue_event(item)
        await customers.jobs.hear(item)
        await notices.jobs.hear(item)

    jobs = (rooms.refunds.jobs, rooms.settlements.jobs, links.jobs, customers.jobs, notices.jobs)
    return {EVERY_EVENT: hear} | {name: handler for room in jobs for name, handler in room.handlers().items()}


def _drain(settings: Settings, outbox: Outbox, handlers: Mapping[str, Handler], metrics: Metrics) -> Drain:
    runner = OutboxRunner(
        store=outbox.store,
        handlers=handlers,
        clock=outbox.clock,
        ids=outbox.ids,
        rng=random.Random(),  # noqa: S311  jitter, not secrecy
        on_end=lambda name, end: metrics.outbox.items.labels(name, end).inc(),
    )
    wake, queue_url = Wake(outbox.store), settings.queue_url.get_secret_value()
    if not queue_url:
        return Drain(runner, wake)
    broker = load_extra("app.outbox.taskiq_broker", setting="QUEUE_URL", extra="queue").TaskiqBroker.of(queue_url)
    return Drain(runner, wake, dispatcher=Dispatcher(runner, wake, broker, outbox.clock))
