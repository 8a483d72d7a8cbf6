"""What customers, banks and the dashboard do: pay, decide late, refund, and suffer downtimes."""

from typing import Any

from razorpay_simulator.control.commands import Command, ControlCall
from razorpay_simulator.entities import Downtime, Payment, PaymentStatus, Refund
from razorpay_simulator.errors import bad_request, unknown_id, url_not_found
from razorpay_simulator.processing import paying, payments
from razorpay_simulator.processing.failures import failure
from razorpay_simulator.processing.refunds import RefundRequest, bounce, check, finish, refund
from razorpay_simulator.world import Account

_PAY_FIELDS = frozenset(
    {
        "method",
        "outcome",
        "card_number",
        "vpa",
        "bank",
        "wallet",
        "email",
        "contact",
        "customer_id",
        "description",
        "notes",
        "amount",
        "currency",
        "error_reason",
        "late_authorization_after_seconds",
        "double",
    }
)


async def pay_order(call: ControlCall) -> Any:
    """Pay an order as a customer would."""
    found = call.world.find_order(call.params["order_id"])
    if found is None:
        raise unknown_id()
    account, order = found
    return paying.pay(call.world, account, order, _wish(call))


def _wish(call: ControlCall) -> paying.Wish:
    late = call.body.get("late_authorization_after_seconds")
    notes = call.body.get("notes") or {}
    if not isinstance(notes, dict):
        raise bad_request("notes must be an object.", field="notes")
    return paying.Wish(
        method=call.text("method") or "card",
        outcome=paying.outcome(call.text("outcome")),
        double=paying.double(call.body.get("double")),
        card_number=call.text("card_number"),
        vpa=call.text("vpa"),
        bank=call.text("bank"),
        wallet=call.text("wallet"),
        email=call.text("email"),
        contact=call.text("contact"),
        customer_id=call.text("customer_id"),
        description=call.text("description"),
        notes={str(name): str(value) for name, value in notes.items()},
        amount=call.whole("amount", minimum=1) if "amount" in call.body else None,
        currency=call.text("currency"),
        error_reason=call.text("error_reason"),
        late_seconds=None if late is None else call.number("late_authorization_after_seconds"),
    )


def _payment(call: ControlCall) -> tuple[Account, Payment]:
    found = call.world.find_payment(call.params["payment_id"])
    if found is None:
        raise unknown_id()
    return found


async def authorize_payment(call: ControlCall) -> Any:
    """Let the bank say yes, perhaps late."""
    account, payment = _payment(call)
    payments.authorize(call.world, account, payment, may_capture=call.flag("may_capture", default=True))
    return payments.to_wire(account, payment)


async def capture_payment(call: ControlCall) -> Any:
    """Capture an authorised payment as from the dashboard, whatever its order says."""
    account, payment = _payment(call)
    if payment.status is not PaymentStatus.AUTHORIZED:
        raise bad_request(f"The payment is {payment.status.value}.", reason="capture_failed")
    payments.capture(call.world, account, payment)
    return payments.to_wire(account, payment)


async def fail_payment(call: ControlCall) -> Any:
    """Let the bank say no."""
    account, payment = _payment(call)
    why = failure(call.text("error_reason") or "payment_failed", payment.method)
    payments.fail(call.world, account, payment, why)
    return payments.to_wire(account, payment)


async def refund_payment(call: ControlCall) -> Any:
    """Refund a payment as from the dashboard, behind the client's back."""
    account, payment = _payment(call)
    amount = call.whole("amount", payment.amount - payment.amount_refunded, minimum=1)
    speed = call.text("speed") or "normal"
    request = RefundRequest(amount=amount, speed=speed, receipt=call.text("receipt"))
    check(account, payment, request)
    return refund(call.world, account, payment, request).to_wire()


async def finish_refund(call: ControlCall) -> Any:
    """End a refund."""
    found: tuple[Account, Refund] | None = next(
        (
            (account, account.refunds[call.params["refund_id"]])
            for account in call.world.accounts.values()
            if call.params["refund_id"] in account.refunds
        ),
        None,
    )
    if found is None:
        raise unknown_id()
    account, made = found
    match call.params["end"]:
        case "process":
            finish(call.world, account, made, succeeds=True)
        case "fail":
            finish(call.world, account, made, succeeds=False)
        case "bounce":
            bounce(call.world, account, made)
        case _:
            raise url_not_found()
    return made.to_wire()


async def start_downtime(call: ControlCall) -> Any:
    """Begin a downtime that all accounts learn of."""
    world = call.world
    now = world.clock.seconds()
    instrument = call.body.get("instrument") or {"bank": "HDFC"}
    if not isinstance(instrument, dict):
        raise bad_request("instrument must be an object.", field="instrument")
    downtime = Downtime(
        id=world.ids.new("down"),
        method=call.text("method") or "netbanking",
        begin=now,
        created_at=now,
        updated_at=now,
        born=world.clock.now(),
        instrument={str(name): str(value) for name, value in instrument.items()},
        severity=call.text("severity") or "high",
    )
    world.downtimes[downtime.id] = downtime
    return _announced(call, downtime)


async def change_downtime(call: ControlCall) -> Any:
    """Change a downtime's severity, or end it."""
    downtime = call.world.downtimes.get(call.params["downtime_id"])
    if downtime is None:
        raise unknown_id()
    if call.params["change"] not in {"update", "resolve"}:
        raise url_not_found()
    downtime.updated_at = call.world.clock.seconds()
    if call.params["change"] == "resolve":
        downtime.status, downtime.end = "resolved", downtime.updated_at
    else:
        downtime.status, downtime.severity = "updated", call.text("severity") or "medium"
    return _announced(call, downtime)


def _announced(call: ControlCall, downtime: Downtime) -> dict[str, Any]:
    wire = downtime.to_wire()
    for account in call.world.accounts.values():
        call.world.emit(account, f"payment.downtime.{downtime.status}", **{"payment.downtime": wire})
    return wire


COMMANDS = (
    Command(
        method="POST",
        path="/orders/{order_id}/pay",
        handler=pay_order,
        summary="Pays an order as a customer would; without an outcome the test instrument decides.",
        fields=_PAY_FIELDS,
    ),
    Command(
        method="POST",
        path="/payments/{payment_id}/authorize",
        handler=authorize_payment,
        summary="The bank says yes, for a failed payment late; {may_capture: false} leaves it authorised.",
        fields=frozenset({"may_capture"}),
    ),
    Command(
        method="POST",
        path="/payments/{payment_id}/capture",
        handler=capture_payment,
        summary="Captures an authorised payment, even for a paid order.",
    ),
    Command(
        method="POST",
        path="/payments/{payment_id}/fail",
        handler=fail_payment,
        summary="The bank says no.",
        fields=frozenset({"error_reason"}),
    ),
    Command(
        method="POST",
        path="/payments/{payment_id}/refund",
        handler=refund_payment,
        summary="Refunds a payment as from the dashboard.",
        fields=frozenset({"amount", "speed", "receipt"}),
    ),
    Command(
        method="POST",
        path="/refunds/{refund_id}/{end}",
        handler=finish_refund,
        summary="Ends a pending refund: `process` or `fail`; `bounce` fails a processed one, as banks do.",
    ),
    Command(
        method="POST",
        path="/downtimes",
        handler=start_downtime,
        summary="Begins a downtime.",
        fields=frozenset({"method", "instrument", "severity"}),
    ),
    Command(
        method="POST",
        path="/downtimes/{downtime_id}/{change}",
        handler=change_downtime,
        summary="Changes a downtime: `update` or `resolve`.",
        fields=frozenset({"severity"}),
    ),
)
