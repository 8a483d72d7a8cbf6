"""The part of wiring that joins the hosted checkout with the payments, the refunds and the processor's page."""

from app.checkout.service import CHECK_SECONDS, Checkout
from app.config import Settings
from app.gateways.razorpay.hosted import RazorpayHostedCheckout
from app.kit.cache import TtlCache
from app.tenants.service import Merchants
from app.wiring_payments import PaymentServices
from app.wiring_refunds import RefundRoom


def checkout_of(settings: Settings, merchants: Merchants, payments: PaymentServices, refunds: RefundRoom) -> Checkout:
    """Build the room of the hosted checkout."""
    return Checkout(
        payments=payments["payments"],
        outcomes=payments["outcomes"],
        refunds=refunds.refunds,
        merchants=merchants,
        returns=payments["returns"],
        hosted=RazorpayHostedCheckout(settings.processor_url),
        clock=merchants.clock,
        asked=TtlCache(merchants.clock, CHECK_SECONDS),
    )
