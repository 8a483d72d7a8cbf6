"""Finds a payment by whatever exact id somebody has in hand: ours, the order's, the attempt's, a refund's, a dispute's.

It stands in an address, so there is no search by e-mail or telephone number here: `customers.py` takes those by a form.
"""

from app.dashboard.door import DashboardDoor
from app.kit.ids import Prefix, is_id
from app.kit.scope import Scope
from app.payments.store import PaymentFilter
from app.web.paging import Window

_ONE = Window(limit=1)


async def find_payment_id(door: DashboardDoor, scope: Scope, text: str) -> str | None:
    """Return our id of the payment that an id belongs to; None when it is none, or of nothing in this scope."""
    head = text.partition("_")[0]
    payments = door.payments.store
    match head:
        case "pmt" if is_id(text, Prefix.PAYMENT):
            payment = await payments.find_payment(scope, text)
        case "order":
            payment = await payments.find_by_order(scope, order_id=text)
        case "pay":
            payment = await payments.find_by_attempt(scope, gateway_payment_id=text)
        case "ref" if is_id(text, Prefix.REFUND):
            refund = await door.refunds.store.find_refund(scope, text)
            return None if refund is None else refund.payment_id
        case "rfnd":
            refund = await door.refunds.store.find_by_gateway_id(scope, gateway_refund_id=text)
            return None if refund is None else refund.payment_id
        case "dsp" if is_id(text, Prefix.DISPUTE):
            dispute = await door.disputes.store.find_dispute(scope, text)
            return None if dispute is None else dispute.payment_id
        case "disp":
            dispute = await door.disputes.store.find_by_gateway_id(scope, gateway_dispute_id=text)
            return None if dispute is None else dispute.payment_id
        case _:
            return await _by_reference(door, scope, text)
    return None if payment is None else payment.id


async def _by_reference(door: DashboardDoor, scope: Scope, text: str) -> str | None:
    found = await door.payments.store.list_payments(scope, where=PaymentFilter(reference=text), window=_ONE)
    return found[0].id if found else None
