"""The part of wiring that joins payments with the processor, the books and the outbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from app.config import Settings
from app.database import Database
from app.gateways.port import Credentials, Gateway, Gateways
from app.gateways.razorpay.factory import RazorpayGateways
from app.kit.scope import Scope
from app.kit.tokens import SignedIds
from app.migrations import Migration
from app.payments.addresses import PURPOSE as CHECKOUT
from app.payments.addresses import CheckoutAddresses
from app.payments.backfill import Backfill
from app.payments.facts import Facts
from app.payments.intents import IntentStore
from app.payments.models import Payment, PaymentStatus, Source
from app.payments.outcomes import OnChange, Outcomes
from app.payments.payers import Payers
from app.payments.service import Payments
from app.payments.store import PaymentStore
from app.payments.suspense import SuspenseMoney
from app.payments.suspense_store import SuspenseStore
from app.payments.tasks import PaymentChecks
from app.tenants.returns import Returns
from app.tenants.service import Merchants
from app.web.metrics import Metrics


class PaymentServices(TypedDict):
    """The services of payments."""

    returns: Returns
    payments: Payments
    outcomes: Outcomes
    suspense: SuspenseMoney
    checks: PaymentChecks
    migrations: Sequence[Migration]


@dataclass(frozen=True, slots=True)
class MerchantGateways:
    """Implements `port.Gateways`: a merchant's account, or the deployment's where the merchant has none."""

    merchants: Merchants
    gateways: RazorpayGateways

    async def of(self, scope: Scope) -> Gateway:
        """Return the account to use. Raises ProcessorNotConfigured."""
        keys = await self.merchants.keys_of(scope)
        return self.gateways.for_credentials(Credentials(keys.key_id, keys.key_secret, keys.mode))


def payments_of(
    settings: Settings, database: Database, merchants: Merchants, gateways: Gateways, facts: Facts, metrics: Metrics
) -> PaymentServices:
    """Build the room of payments."""
    store, intents, suspense = PaymentStore(database), IntentStore(database), SuspenseStore(database)
    clock, ids, returns = merchants.clock, merchants.ids, Returns(merchants)

    payments = Payments(
        store=store,
        intents=intents,
        facts=facts,
        gateways=gateways,
        clock=clock,
        ids=ids,
        expiry_minutes=settings.payment_expiry_minutes,
        addresses=_addresses(settings),
        check_return_url=returns.check_url,
    )
    outcomes = Outcomes(
        store=store,
        suspense=suspense,
        intents=intents,
        facts=facts,
        gateways=gateways,
        clock=clock,
        ids=ids,
        payers=Payers(merchants.vault),
        settings_of=merchants.money_settings_of,
        on_change=_counted(metrics),
    )
    checks = PaymentChecks(
        store=store,
        payments=payments,
        outcomes=outcomes,
        clock=clock,
        on_check=lambda end: metrics.payment_checks.labels(end).inc(),
    )
    return {
        "returns": returns,
        "payments": payments,
        "outcomes": outcomes,
        "suspense": SuspenseMoney(store=suspense, payments=store, facts=facts, audit=merchants.audit, clock=clock),
        "checks": checks,
        "migrations": (Backfill(facts, clock).migration(),),
    }


def _addresses(settings: Settings) -> CheckoutAddresses:
    secret, previous = settings.secret_key.get_secret_value(), settings.secret_key_previous.get_secret_value()
    return CheckoutAddresses(settings.public_address, SignedIds.of(secret, previous, purpose=CHECKOUT))


def _counted(metrics: Metrics) -> OnChange:
    def on_change(payment: Payment, before: PaymentStatus, source: Source) -> None:
        if payment.status is not before:
            mode = payment.scope.mode.value
            metrics.payment_moves.labels(mode, payment.status.value, source.value).inc()
        if payment.review:
            metrics.payments_in_review.inc()

    return on_change
