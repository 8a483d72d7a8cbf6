"""The part of wiring that joins refunds with the captured money, the books and the news."""

from dataclasses import dataclass

from app.database import Database
from app.payments.facts import Facts
from app.payments.refundable import RefundableStore, RefundableSuspenseStore
from app.refunds.models import Refund
from app.refunds.outcomes import RefundOutcomes
from app.refunds.sending import RefundSending
from app.refunds.service import Refunds
from app.refunds.store import RefundStore
from app.refunds.tasks import RefundChecks, RefundJobs
from app.refunds.writing import OnChange, RefundWriter
from app.web.metrics import Metrics
from app.wiring_payments import PaymentServices


@dataclass(frozen=True, slots=True)
class RefundRoom:
    """The services of refunds."""

    store: RefundStore
    refunds: Refunds
    outcomes: RefundOutcomes
    sending: RefundSending
    jobs: RefundJobs
    checks: RefundChecks


def refunds_of(
    database: Database,
    metrics: Metrics,
    *,
    of_payments: PaymentServices,
    facts: Facts,
) -> RefundRoom:
    """Join the services; clock, ids and gateways are those of payments."""
    payments, suspense = of_payments["payments"], of_payments["suspense"]
    clock, ids, gateways = payments.clock, payments.ids, payments.gateways
    store = RefundStore(database)
    writer = RefundWriter(
        database=database,
        store=store,
        payments=RefundableStore(database),
        suspense=RefundableSuspenseStore(database),
        facts=facts,
        on_change=_counter(metrics),
    )
    outcomes = RefundOutcomes(
        store=store,
        writer=writer,
        payments=payments.store,
        suspense=suspense.store,
        gateways=gateways,
        clock=clock,
        ids=ids,
    )
    sending = RefundSending(store=store, writer=writer, outcomes=outcomes, gateways=gateways, clock=clock, ids=ids)
    refunds = Refunds(
        store=store,
        writer=writer,
        sending=sending,
        payments=payments,
        suspense=suspense,
        gateways=gateways,
        clock=clock,
        ids=ids,
    )
    checks = RefundChecks(
        store=store,
        sending=sending,
        outcomes=outcomes,
        clock=clock,
        on_check=lambda end: metrics.refunds.checks.labels(end).inc(),
    )
    jobs = RefundJobs(refunds=refunds, sending=sending, outcomes=outcomes)
    return RefundRoom(store=store, refunds=refunds, outcomes=outcomes, sending=sending, jobs=jobs, checks=checks)


def _counter(metrics: Metrics) -> OnChange:
    def on_change(refund: Refund, before: Refund | None) -> None:
        if before is None or refund.status is not before.status:
            mode, source = refund.scope.mode.value, refund.history[-1].source
            metrics.refunds.moves.labels(mode, refund.status.value, refund.origin.value, source).inc()
        if refund.review and (before is None or refund.review != before.review):
            metrics.refunds.reviews.inc()

    return on_change
