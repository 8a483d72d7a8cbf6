"""The part of wiring that joins settlements with the books, the news and what is known of money."""

from dataclasses import dataclass

from app.database import Database
from app.kit.cache import TtlCache
from app.payments.facts import Facts
from app.settlements.models import Settlement
from app.settlements.outcomes import OwnsAccount, SettlementOutcomes
from app.settlements.reconciling import IN_VAIN_SECONDS, Books, Reconciling
from app.settlements.service import Settlements
from app.settlements.store import LineStore, SettlementStore
from app.settlements.tasks import SettlementJobs
from app.web.metrics import Metrics
from app.wiring_disputes import DisputeRoom
from app.wiring_payments import PaymentServices
from app.wiring_refunds import RefundRoom


@dataclass(frozen=True, slots=True)
class SettlementRoom:
    """The services of settlements."""

    settlements: Settlements
    outcomes: SettlementOutcomes
    jobs: SettlementJobs


def settlements_of(
    database: Database,
    metrics: Metrics,
    *,
    of_payments: PaymentServices,
    refunds: RefundRoom,
    disputes: DisputeRoom,
    facts: Facts,
    owns_account: OwnsAccount,
) -> SettlementRoom:
    """Join the services; clock, ids and gateways are those of payments."""
    payments = of_payments["payments"]
    store, lines = SettlementStore(database), LineStore(database)

    def on_change(settlement: Settlement, before: Settlement | None) -> None:
        if before is None or settlement.status is not before.status:
            metrics.settlements.moves.labels(settlement.status.value).inc()

    outcomes = SettlementOutcomes(
        database=database,
        store=store,
        facts=facts,
        clock=payments.clock,
        ids=payments.ids,
        owns_account=owns_account,
        on_change=on_change,
    )
    reconciling = Reconciling(
        store=store,
        lines=lines,
        books=Books(payments.store, refunds.store, disputes.store, facts.ledger.store),
        outcomes=outcomes,
        payments=of_payments["outcomes"],
        gateways=payments.gateways,
        clock=payments.clock,
        ids=payments.ids,
        in_vain=TtlCache(payments.clock, IN_VAIN_SECONDS),
    )
    jobs = SettlementJobs(
        reconciling=reconciling,
        on_reconciled=lambda agreement: metrics.settlements.reconciled.labels(agreement.value).inc(),
    )
    settlements = Settlements(
        database=database, store=store, lines=lines, facts=facts, clock=payments.clock, ids=payments.ids
    )
    return SettlementRoom(settlements=settlements, outcomes=outcomes, jobs=jobs)
