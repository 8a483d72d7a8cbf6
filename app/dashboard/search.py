"""Finds the page of whatever exact id somebody has in hand.

That of a payment by our id, the order's, the attempt's, a refund's or a dispute's; that of a settlement by ours or the
processor's.

It stands in an address, so there is no search by e-mail or telephone number here: `customers.py` takes those by a form.
"""

from app.dashboard.door import HOME, DashboardDoor
from app.kit.ids import Prefix, is_id
from app.kit.scope import Scope
from app.payments.store import PaymentFilter
from app.web.paging import Window

_ONE = Window(limit=1)


async def find_page(door: DashboardDoor, scope: Scope, text: str) -> str | None:
    """Return the address of the page that shows what an id names; None when it is none, or of nothing in this scope."""
    settlements = door.settlements.store
    match text.partition("_")[0]:
        case "stl" if is_id(text, Prefix.SETTLEMENT):
            settlement = await settlements.find_settlement(scope, text)
        case "setl":
            settlement = await settlements.find_by_gateway_id(scope, gateway_settlement_id=text)
        case _:
            payment_id = await _find_payment_id(door, scope, text)
            return None if payment_id is None else f"{HOME}/payments/{payment_id}"
    return None if settlement is None else f"{HOME}/settlements/{settlement.id}"


async def _find_payment_id(door: DashboardDoor, scope: Scope, text: str) -> str | None:
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
