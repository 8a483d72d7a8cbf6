"""What banks do about disputes: open them, and decide."""

from typing import Any

from razorpay_simulator.control.commands import Command, ControlCall
from razorpay_simulator.entities import PaymentStatus
from razorpay_simulator.errors import bad_request, unknown_id, url_not_found
from razorpay_simulator.processing import disputes

_DISPUTABLE = frozenset({PaymentStatus.CAPTURED, PaymentStatus.REFUNDED})


async def open_dispute(call: ControlCall) -> Any:
    """Let a bank dispute a captured payment."""
    found = call.world.find_payment(call.params["payment_id"])
    if found is None:
        raise unknown_id()
    account, payment = found
    if payment.status not in _DISPUTABLE:
        raise bad_request(f"The payment is {payment.status.value}.")
    claim = disputes.Claim(
        amount=call.whole("amount", payment.amount, minimum=1),
        phase=call.text("phase") or "chargeback",
        reason_code=call.text("reason_code") or "goods_or_services_not_received_or_partially_received",
        respond_seconds=call.number("respond_seconds", disputes.RESPOND_SECONDS),
    )
    if claim.amount > payment.amount:
        raise bad_request("amount must not exceed the payment's.", field="amount")
    if claim.phase not in disputes.PHASES:
        raise bad_request(f"phase must be one of {', '.join(sorted(disputes.PHASES))}.", field="phase")
    return disputes.open_dispute(call.world, account, payment, claim).to_wire()


async def decide_dispute(call: ControlCall) -> Any:
    """Let the bank decide."""
    found = call.world.find_dispute(call.params["dispute_id"])
    if found is None:
        raise unknown_id()
    account, dispute = found
    match call.params["decision"]:
        case "win":
            disputes.win(call.world, account, dispute)
        case "lose":
            disputes.lose(call.world, account, dispute)
        case "reverse":
            disputes.reverse(call.world, account, dispute)
        case "close":
            disputes.close(call.world, account, dispute)
        case "require_action":
            seconds = call.number("respond_seconds", disputes.RESPOND_SECONDS)
            disputes.require_action(call.world, account, dispute, respond_seconds=seconds)
        case _:
            raise url_not_found()
    return dispute.to_wire()


COMMANDS = (
    Command(
        method="POST",
        path="/payments/{payment_id}/dispute",
        handler=open_dispute,
        summary="A bank disputes a captured payment; unanswered it is lost after respond_seconds.",
        fields=frozenset({"amount", "phase", "reason_code", "respond_seconds"}),
    ),
    Command(
        method="POST",
        path="/disputes/{dispute_id}/{decision}",
        handler=decide_dispute,
        summary="The bank decides, for the merchant: `win`, `lose`, `close`, `require_action`, `reverse` (a lost one).",
        fields=frozenset({"respond_seconds"}),
    ),
)
