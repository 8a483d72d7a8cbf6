"""What the processor and the merchant's bank do about settlements: make one early, hold money back, send one back."""

from typing import Any

from razorpay_simulator.control.commands import ACCOUNT_FIELDS, Command, ControlCall
from razorpay_simulator.errors import bad_request, unknown_id
from razorpay_simulator.processing import settlements


async def settle_now(call: ControlCall) -> Any:
    """Settle what waits, without its two working days."""
    made = settlements.settle(call.world, call.account(), is_early=True)
    if made is None:
        raise bad_request("What waits comes to nothing, or to less: it stays for the next settlement.")
    return made.to_wire()


async def fail_settlement(call: ControlCall) -> Any:
    """Let the bank send a settlement back."""
    found = call.world.find_settlement(call.params["settlement_id"])
    if found is None:
        raise unknown_id()
    account, settlement = found
    settlements.fail(call.world, account, settlement)
    return settlement.to_wire()


async def hold_payment(call: ControlCall) -> Any:
    """Keep a payment from being settled, or let it go."""
    found = call.world.find_payment(call.params["payment_id"])
    if found is None:
        raise unknown_id()
    account, payment = found
    is_on_hold = call.flag("on_hold", default=True)
    return settlements.hold(call.world, account, payment, is_on_hold=is_on_hold).to_wire()


COMMANDS = (
    Command(
        method="POST",
        path="/settlements",
        handler=settle_now,
        summary="Settles what an account has to get, due or not; without it that happens at T+2 working days.",
        fields=ACCOUNT_FIELDS,
    ),
    Command(
        method="POST",
        path="/settlements/{settlement_id}/fail",
        handler=fail_settlement,
        summary="The merchant's bank sends a settlement back; its rows are in the next one.",
    ),
    Command(
        method="POST",
        path="/payments/{payment_id}/hold",
        handler=hold_payment,
        summary="Keeps a captured payment from being settled; {on_hold: false} lets it go.",
        fields=frozenset({"on_hold"}),
    ),
)
