"""The part of wiring that joins what finds lost money and holds the invariants."""

from dataclasses import dataclass

from app.database import Database
from app.inbox.store import InboxStore
from app.kit.cache import TtlCache
from app.ledger.books_store import BookStore
from app.ledger.store import EntryStore
from app.outbox.leases import Leases
from app.outbox.store import OutboxStore
from app.payments.suspense_store import SuspenseStore
from app.recovery.books import BookVerdicts
from app.recovery.findings import FindingStore
from app.recovery.invariants import Invariants, Sources
from app.recovery.models import Swept, Violation
from app.recovery.service import Recovery
from app.recovery.store import SweepStore
from app.recovery.sweeps import FOREIGN_SECONDS, Sweeps
from app.recovery.tasks import Enrolment
from app.tenants.service import Merchants
from app.web.metrics import Metrics
from app.wiring_disputes import DisputeRoom
from app.wiring_payments import PaymentServices
from app.wiring_refunds import RefundRoom
from app.wiring_settlements import SettlementRoom


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms whose money is looked for and looked at."""

    payments: PaymentServices
    refunds: RefundRoom
    disputes: DisputeRoom
    settlements: SettlementRoom


@dataclass(frozen=True, slots=True)
class RecoveryRoom:
    """The services of recovery."""

    recovery: Recovery
    sweeps: Sweeps
    enrolment: Enrolment
    invariants: Invariants


def recovery_of(
    database: Database,
    metrics: Metrics,
    merchants: Merchants,
    leases: Leases,
    rooms: Rooms,
) -> RecoveryRoom:
    """Join the services; clock, ids and gateways are those of payments."""
    payments, refunds, disputes = rooms.payments["payments"], rooms.refunds, rooms.disputes
    clock, findings = payments.clock, FindingStore(database, payments.ids)

    for listed in Swept:
        # An alarm looks for growth: a counter that is born with its first find has not grown.
        metrics.recovery.found.labels(listed.value)

    def on_sweep(swept: Swept, found: int, end: str) -> None:
        metrics.recovery.pages.labels(swept.value, end).inc()
        metrics.recovery.found.labels(swept.value).inc(found)

    def on_found(violation: Violation) -> None:
        metrics.recovery.finds.labels(violation.invariant.value).inc()

    sweeps = Sweeps(
        store=SweepStore(database),
        merchants=merchants,
        payments=rooms.payments["outcomes"],
        refunds=refunds.outcomes,
        disputes=disputes.outcomes,
        settlements=rooms.settlements.outcomes,
        gateways=payments.gateways,
        clock=clock,
        foreign=TtlCache(clock, FOREIGN_SECONDS),
        on_sweep=on_sweep,
    )
    sources = Sources(
        payments=payments.store,
        suspense=SuspenseStore(database),
        refunds=refunds.store,
        entries=EntryStore(database),
        inbox=InboxStore(database),
        outbox=OutboxStore(database),
        books=BookVerdicts(BookStore(database)),
    )
    invariants = Invariants(database=database, findings=findings, sources=sources, clock=clock, on_found=on_found)
    return RecoveryRoom(
        recovery=Recovery(findings), sweeps=sweeps, enrolment=Enrolment(sweeps, leases), invariants=invariants
    )
