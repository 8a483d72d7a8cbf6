"""The one place where the rooms are built and joined. Nothing else constructs a service."""

import random
from dataclasses import dataclass
from typing import TypedDict

from app.audit import store as audit_store
from app.audit.service import Audit
from app.audit.store import AuditStore
from app.auth import keys_store as auth_keys_store
from app.auth import store as auth_store
from app.auth.guard import CACHE_SECONDS as GUARD_CACHE_SECONDS
from app.auth.guard import Guard
from app.auth.keys import ApiKeys
from app.auth.keys_store import AttemptStore, KeyStore
from app.auth.passwords import Passwords
from app.auth.service import Accounts
from app.auth.sessions import Sessions
from app.auth.store import SessionStore, UserStore
from app.auth.throttle import Throttle
from app.auth.tokens import Tokens
from app.config import PasswordScheme, Settings
from app.database import Collection, Database
from app.gateways.port import Credentials, Gateway
from app.gateways.razorpay.breaker import BreakerState
from app.gateways.razorpay.events import RazorpayEventReader
from app.gateways.razorpay.factory import RazorpayGateways
from app.gateways.razorpay.transport import Limits
from app.health import heartbeats as heartbeats_store
from app.health.heartbeats import Heartbeats
from app.health.service import Health, Sampler
from app.idempotency import store as idempotency_store
from app.idempotency.service import Idempotency
from app.idempotency.store import IdempotencyStore
from app.inbox import store as inbox_store
from app.inbox.service import Inbox
from app.inbox.store import InboxStore
from app.kit.cache import TtlCache
from app.kit.clock import Clock, SystemClock
from app.kit.ids import Ids, RandomIds
from app.kit.scope import Scope
from app.migrations import COLLECTIONS as MIGRATION_COLLECTIONS
from app.migrations import Migrations
from app.payments import store as payments_store
from app.payments.intents import IntentStore
from app.payments.models import Payment, PaymentStatus, Source
from app.payments.outcomes import Outcomes
from app.payments.service import Payments
from app.payments.store import PaymentStore
from app.payments.tasks import PaymentChecks
from app.tenants import store as tenants_store
from app.tenants.models import ProcessorKeys
from app.tenants.service import CACHE_SECONDS as MERCHANT_CACHE_SECONDS
from app.tenants.service import Merchants
from app.tenants.store import MerchantStore
from app.tenants.vault import Vault
from app.web.metrics import Metrics

COLLECTIONS: tuple[Collection, ...] = (
    *tenants_store.COLLECTIONS,
    *auth_store.COLLECTIONS,
    *auth_keys_store.COLLECTIONS,
    *audit_store.COLLECTIONS,
    idempotency_store.COLLECTION,
    *payments_store.COLLECTIONS,
    *inbox_store.COLLECTIONS,
    *heartbeats_store.COLLECTIONS,
    *MIGRATION_COLLECTIONS,
)
"""Every collection of the product with its indexes."""


@dataclass(frozen=True, slots=True)
class MerchantGateways:
    """Implements `port.Gateways`: a merchant's account, or the deployment's where the merchant has none."""

    merchants: Merchants
    gateways: RazorpayGateways

    async def of(self, scope: Scope) -> Gateway:
        """Return the account to use. Raises ProcessorNotConfigured."""
        keys = await self.merchants.keys_of(scope)
        return self.gateways.for_credentials(Credentials(keys.key_id, keys.key_secret, keys.mode))


@dataclass(frozen=True, slots=True)
class Wiring:
    """Every service of the product, joined. The doors use it; nothing else does."""

    settings: Settings
    clock: Clock
    ids: Ids
    metrics: Metrics
    database: Database
    processor: RazorpayGateways
    merchants: Merchants
    audit: Audit
    passwords: Passwords
    accounts: Accounts
    sessions: Sessions
    api_keys: ApiKeys
    guard: Guard
    idempotency: Idempotency
    payments: Payments
    outcomes: Outcomes
    checks: PaymentChecks
    inbox: Inbox
    health: Health
    heartbeats: Heartbeats

    async def start(self) -> None:
        """Make collections and indexes, check them, run migrations.

        Raises:
            IndexMissing: an invariant would rest on nothing (G11).
            PyMongoError: the database does not answer.
        """
        await self.database.ensure(COLLECTIONS)
        await Migrations(database=self.database, clock=self.clock, ids=self.ids).run_pending()
        await self.database.verify(COLLECTIONS)

    async def close(self) -> None:
        """Close every connection and thread."""
        self.passwords.close()
        await self.processor.close()
        await self.database.close()


def wire(settings: Settings, *, clock: Clock | None = None, ids: Ids | None = None) -> Wiring:
    """Build every service. Nothing connects before it is used.

    Args:
        settings: of the deployment.
        clock: another clock than the system's, for tests.
        ids: another source of ids, for tests.
    """
    clock = clock or SystemClock()
    ids = ids or RandomIds(clock)
    metrics = Metrics.create()
    database = Database.connect(
        settings.mongodb_url or _LOCAL_MONGODB, name=settings.database_name, listeners=[metrics.database_listener()]
    )
    processor = _processor(settings, clock, metrics)
    audit = Audit(AuditStore(database), clock, ids)
    merchants = _merchants(settings, database, audit, clock, ids)
    identity = _identity(settings, database, merchants, audit, clock, ids)
    payments, outcomes, checks = _payments(settings, database, merchants, processor, metrics, clock, ids)
    inbox_store = InboxStore(database)
    inbox = Inbox(
        store=inbox_store,
        secrets=merchants,
        reader=RazorpayEventReader(),
        outcomes=outcomes,
        clock=clock,
        ids=ids,
        on_event=lambda event_type, end: metrics.inbox_ends.labels(event_type, end).inc(),
    )
    heartbeats = Heartbeats(database)
    samplers = (
        _inbox_sampler(inbox_store, metrics, clock),
        _heartbeat_sampler(heartbeats, metrics, clock),
        _breaker_sampler(processor, metrics, settings),
    )
    return Wiring(
        settings=settings,
        clock=clock,
        ids=ids,
        metrics=metrics,
        database=database,
        processor=processor,
        merchants=merchants,
        audit=audit,
        idempotency=Idempotency(store=IdempotencyStore(database), ids=ids),
        payments=payments,
        outcomes=outcomes,
        checks=checks,
        inbox=inbox,
        health=Health(database=database, clock=clock, samplers=samplers),
        heartbeats=heartbeats,
        **identity,
    )


_LOCAL_MONGODB = "mongodb://127.0.0.1:27017/?replicaSet=rs0"


class _Identity(TypedDict):
    passwords: Passwords
    accounts: Accounts
    sessions: Sessions
    api_keys: ApiKeys
    guard: Guard


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


def _merchants(settings: Settings, database: Database, audit: Audit, clock: Clock, ids: Ids) -> Merchants:
    return Merchants(
        store=MerchantStore(database),
        audit=audit,
        vault=Vault.of(settings.secret_key.get_secret_value(), settings.secret_key_previous.get_secret_value()),
        clock=clock,
        ids=ids,
        deployment_keys=ProcessorKeys(
            settings.razorpay_key_id, settings.razorpay_key_secret.get_secret_value(), settings.default_mode
        ),
        cache=TtlCache(clock, MERCHANT_CACHE_SECONDS),
        opened=TtlCache(clock, MERCHANT_CACHE_SECONDS),
    )


def _identity(
    settings: Settings, database: Database, merchants: Merchants, audit: Audit, clock: Clock, ids: Ids
) -> _Identity:
    users, sessions_store, keys_store = UserStore(database), SessionStore(database), KeyStore(database)
    passwords = Passwords.create(
        use_argon2=settings.password_scheme is PasswordScheme.ARGON2ID,
        bcrypt_rounds=settings.bcrypt_rounds,
        workers=settings.password_hash_workers,
    )
    tokens = Tokens.create(
        clock=clock,
        algorithm=settings.algorithm.value,
        secret=settings.secret_key.get_secret_value(),
        previous_secret=settings.secret_key_previous.get_secret_value(),
        access_minutes=settings.access_token_expire_minutes,
    )
    sessions = Sessions(
        store=sessions_store,
        users=users,
        passwords=passwords,
        tokens=tokens,
        throttle=Throttle(AttemptStore(database), clock),
        audit=audit,
        clock=clock,
        ids=ids,
        refresh_days=settings.refresh_token_expire_days,
    )
    accounts = Accounts(
        database=database,
        users=users,
        sessions=sessions,
        merchants=merchants,
        passwords=passwords,
        audit=audit,
        clock=clock,
        ids=ids,
        signup_enabled=settings.signup_enabled,
    )
    guard = Guard(
        users=users,
        sessions=sessions_store,
        keys=keys_store,
        tokens=tokens,
        clock=clock,
        default_mode=settings.default_mode,
        cache=TtlCache(clock, GUARD_CACHE_SECONDS),
    )
    return {
        "passwords": passwords,
        "accounts": accounts,
        "sessions": sessions,
        "api_keys": ApiKeys(store=keys_store, tokens=tokens, audit=audit, clock=clock, ids=ids),
        "guard": guard,
    }


def _payments(
    settings: Settings,
    database: Database,
    merchants: Merchants,
    processor: RazorpayGateways,
    metrics: Metrics,
    clock: Clock,
    ids: Ids,
) -> tuple[Payments, Outcomes, PaymentChecks]:
    store, intents = PaymentStore(database), IntentStore(database)
    gateways = MerchantGateways(merchants, processor)

    def on_change(payment: Payment, before: PaymentStatus, source: Source) -> None:
        if payment.status is not before:
            metrics.payment_moves.labels(payment.status.value, source.value).inc()
        if payment.review:
            metrics.payments_in_review.inc()

    payments = Payments(
        store=store,
        intents=intents,
        gateways=gateways,
        clock=clock,
        ids=ids,
        expiry_minutes=settings.payment_expiry_minutes,
    )
    outcomes = Outcomes(
        store=store,
        intents=intents,
        gateways=gateways,
        clock=clock,
        ids=ids,
        accepts_late=merchants.accepts_late,
        on_change=on_change,
    )
    checks = PaymentChecks(
        store=store,
        payments=payments,
        outcomes=outcomes,
        clock=clock,
        on_check=lambda end: metrics.payment_checks.labels(end).inc(),
    )
    return payments, outcomes, checks


def _inbox_sampler(store: InboxStore, metrics: Metrics, clock: Clock) -> Sampler:
    async def sample() -> None:
        depth, oldest = await store.measure_backlog()
        metrics.inbox_depth.set(depth)
        metrics.inbox_age_seconds.set((clock.now() - oldest).total_seconds() if oldest else 0)

    return sample


def _heartbeat_sampler(heartbeats: Heartbeats, metrics: Metrics, clock: Clock) -> Sampler:
    async def sample() -> None:
        newest = await heartbeats.find_newest("worker")
        age = (clock.now() - newest).total_seconds() if newest else float("inf")
        metrics.worker_heartbeat_age_seconds.set(max(0.0, age))

    return sample


def _breaker_sampler(processor: RazorpayGateways, metrics: Metrics, settings: Settings) -> Sampler:
    async def sample() -> None:
        is_open = processor.breaker_state is not BreakerState.CLOSED
        metrics.breaker_open.labels(settings.processor_url).set(int(is_open))

    return sample
