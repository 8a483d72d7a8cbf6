"""How payments are shown where several resources show them."""

from typing import Any

from razorpay_simulator.calls import Call
from razorpay_simulator.entities import Payment
from razorpay_simulator.errors import bad_request
from razorpay_simulator.paging import collection

_EXPANDS = ("card", "emi", "transaction", "transaction.settlement", "refunds", "offers", "token")
_ALSO_TAKEN = frozenset({"upi", "payments", "payments.card", "transfers", "virtual_account"})


def refuse_unknown_expands(call: Call) -> None:
    """Refuse an expansion that payments don't have. Raises ApiError."""
    if call.expands - set(_EXPANDS) - _ALSO_TAKEN:
        raise bad_request(f"Value of each expand must be one of following types: {', '.join(_EXPANDS)}")


def shown_payment(call: Call, payment: Payment, *, has_card: bool = False) -> dict[str, Any]:
    """Return a payment with what the call wants expanded."""
    wire = payment.to_wire()
    if (has_card or "card" in call.expands) and payment.card_id is not None:
        wire["card"] = call.account.cards[payment.card_id].to_wire()
    if "refunds" in call.expands:
        refunds = call.account.refunds_by_payment.get(payment.id, [])
        wire["refunds"] = collection([refund.to_wire() for refund in reversed(refunds)])
    if "offers" in call.expands:
        wire["offers"] = collection([])
    if "emi" in call.expands:
        wire["emi"] = None
    if call.expands & {"transaction", "transaction.settlement"}:
        wire["transaction"] = None
    if "token" in call.expands:
        wire["token"] = None
    return wire
