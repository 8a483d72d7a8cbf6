"""The part of wiring that joins disputes with the captured money, the books and the news."""

from dataclasses import dataclass

from app.database import Database
from app.disputes.models import Dispute
from app.disputes.outcomes import DisputeOutcomes
from app.disputes.service import Disputes
from app.disputes.store import DisputeStore
from app.disputes.tasks import DisputeChecks
from app.payments.facts import Facts
from app.payments.refundable import RefundableStore
from app.web.metrics import Metrics
from app.wiring_payments import PaymentServices


@dataclass(frozen=True, slots=True)
class DisputeRoom:
    """The services of disputes."""

    store: DisputeStore
    disputes: Disputes
    outcomes: DisputeOutcomes
    checks: DisputeChecks


def disputes_of(database: Database, metrics: Metrics, *, of_payments: PaymentServices, facts: Facts) -> DisputeRoom:
    """Join the services; clock, ids and gateways are those of payments."""
    payments = of_payments["payments"]
    store = DisputeStore(database)

    def on_change(dispute: Dispute, before: Dispute | None) -> None:
        if before is None or dispute.status is not before.status:
            metrics.disputes.moves.labels(dispute.status.value, dispute.history[-1].source).inc()

    outcomes = DisputeOutcomes(
        database=database,
        store=store,
        payments=payments.store,
        refundable=RefundableStore(database),
        facts=facts,
        gateways=payments.gateways,
        clock=payments.clock,
        ids=payments.ids,
        on_change=on_change,
    )
    disputes = Disputes(store=store, outcomes=outcomes, gateways=payments.gateways, clock=payments.clock)
    checks = DisputeChecks(
        store=store,
        outcomes=outcomes,
        clock=payments.clock,
        on_check=lambda end: metrics.disputes.checks.labels(end).inc(),
    )
    return DisputeRoom(store=store, disputes=disputes, outcomes=outcomes, checks=checks)
