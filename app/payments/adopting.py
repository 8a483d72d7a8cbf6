"""A payment written anew from its order at the processor: what a restored backup does not know any more (G12). Pure.

The order tells the id, the merchant and the amount. What only our own document knew (description, reference, metadata,
who captures) is gone; nothing is captured by us unless somebody asks.
"""

from datetime import datetime, timedelta

from app.gateways.port import CaptureMethod, GatewayOrder
from app.kit.ids import born_at
from app.kit.scope import Scope
from app.payments.models import HistoryEntry, OrderState, Payment, PaymentStatus

_LIFE = timedelta(days=1)


def adopted(scope: Scope, order: GatewayOrder, payment_id: str, *, at: datetime) -> Payment:
    """Return the payment behind an order of this merchant's, as it was when the order was made.

    Args:
        scope: whose order.
        order: as the processor has it.
        payment_id: our id, from the order's receipt.
        at: the present moment.
    """
    entry = HistoryEntry(at=at, event="payment.adopted", status=PaymentStatus.PENDING, source="processor")
    return Payment(
        id=payment_id,
        scope=scope,
        money=order.amount,
        status=PaymentStatus.PENDING,
        order_state=OrderState.READY,
        # Lists and numbers find a payment by its id, which was born before its order was made.
        created_at=min(order.created_at, born_at(payment_id)),
        updated_at=at,
        expires_at=order.created_at + _LIFE,
        order_id=order.id,
        # The processor captures by itself what it was told to; a capture of ours would be a guess.
        capture_method=CaptureMethod.MANUAL,
        history=(entry,),
    )
