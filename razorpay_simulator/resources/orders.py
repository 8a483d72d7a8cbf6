"""Orders: `/v1/orders` (razorpay.md section 3.1)."""

from typing import Any

from razorpay_simulator import validation
from razorpay_simulator.calls import Call, Route
from razorpay_simulator.entities import DEFAULT_WINDOW_MINUTES, CaptureRule, Order
from razorpay_simulator.errors import bad_request
from razorpay_simulator.paging import collection, page
from razorpay_simulator.resources.shown import shown_payment

_FIELDS = frozenset(
    {
        "amount",
        "currency",
        "receipt",
        "notes",
        "partial_payment",
        "first_payment_min_amount",
        "payment",
        "payment_capture",
        "method",
        "customer_id",
        "customer_details",
        "bank_account",
        "account_number",
        "token",
        "transfers",
        "offers",
        "offer_id",
        "discount",
        "line_items",
        "line_items_total",
        "shipping_fee",
        "cod_fee",
        "products",
        "checkout_config_id",
        "app_offer",
        "force_offer",
        "bank",
        "phonepe_switch_context",
        "convenience_fee_config",
        "id",
    }
)
_SHORTEST_WINDOW = 12
_LONGEST_WINDOW = 7200


def create_order(call: Call) -> Any:
    """Create an order; the receipt is the only guard against a second one."""
    body = call.body
    validation.refuse_extra(body, _FIELDS)
    validation.require(body, ["amount"])
    currency = validation.currency(body)
    amount = validation.amount(body, currency)
    receipt = validation.text(body, "receipt", longest=validation.MAX_RECEIPT_LENGTH)
    notes = validation.notes(body)
    is_partial = validation.flag(body, "partial_payment") or False
    first_minimum = validation.integer(body, "first_payment_min_amount")
    rule = _capture_rule(body)
    account, world = call.account, call.world
    if receipt is not None:
        _refuse_known_receipt(call, receipt)
    order = Order(
        id=world.ids.new("order"),
        amount=amount,
        currency=currency,
        created_at=world.clock.seconds(),
        born=world.clock.now(),
        receipt=receipt,
        notes=notes,
        offer_id=validation.text(body, "offer_id", longest=64),
        is_partial=is_partial,
        first_payment_min_amount=first_minimum,
        capture=rule,
    )
    account.orders[order.id] = order
    if receipt is not None:
        account.orders_by_receipt.setdefault(receipt, []).append(order)
    world.journal.write(
        "order.created", account=account.id, order=order.id, amount=amount, currency=currency, receipt=receipt
    )
    return order.to_wire()


def _refuse_known_receipt(call: Call, receipt: str) -> None:
    same = call.account.orders_by_receipt.get(receipt)
    if same and call.world.config.unique_receipts and not call.ignores_idempotency:
        raise bad_request("Order receipt should be unique.", field="receipt", metadata={"order_id": same[0].id})


def _capture_rule(body: dict[str, Any]) -> CaptureRule:
    payment = body.get("payment")
    if payment is None:
        legacy = validation.flag(body, "payment_capture")
        return CaptureRule(is_automatic=legacy is not False)
    if not isinstance(payment, dict):
        raise bad_request("The payment must be an array.", field="payment")
    mode = payment.get("capture", "automatic")
    if mode not in {"automatic", "manual"}:
        raise bad_request("The selected capture is invalid.", field="capture")
    options = payment.get("capture_options") or {}
    if not isinstance(options, dict):
        raise bad_request("The capture options must be an array.", field="capture_options")
    automatic = _window(options, "automatic_expiry_period")
    manual = _window(options, "manual_expiry_period")
    speed = options.get("refund_speed") or "normal"
    if speed not in {"normal", "optimum"}:
        raise bad_request("The selected refund speed is invalid.", field="refund_speed")
    longest = max(automatic or 0, DEFAULT_WINDOW_MINUTES)
    return CaptureRule(
        is_automatic=mode == "automatic",
        automatic_minutes=automatic or DEFAULT_WINDOW_MINUTES,
        manual_minutes=manual or longest,
        refund_speed=speed,
    )


def _window(options: dict[str, Any], name: str) -> int | None:
    minutes = validation.integer(options, name)
    label = name.replace("_", " ")
    if minutes is not None and minutes < _SHORTEST_WINDOW:
        raise bad_request(f"The {label} must be at least {_SHORTEST_WINDOW}.", field=name)
    if minutes is not None and minutes > _LONGEST_WINDOW:
        raise bad_request(f"The {label} may not be greater than {_LONGEST_WINDOW}.", field=name)
    return minutes


def list_orders(call: Call) -> Any:
    """List orders, newest first, by receipt or by whether they were authorised."""
    receipt = call.param("receipt")
    authorized = call.param("authorized")
    if authorized not in {None, "0", "1"}:
        raise bad_request("The selected authorized is invalid.", field="authorized")
    orders = call.account.orders
    chosen = orders.values() if receipt is None else call.account.orders_by_receipt.get(receipt, [])
    newest_first = reversed(list(chosen)) if receipt is not None else reversed(orders.values())

    def keep(order: Order) -> bool:
        return authorized is None or _was_authorized(call, order) == (authorized == "1")

    return page(call, newest_first, lambda order: _shown(call, order), keep=keep)


def _was_authorized(call: Call, order: Order) -> bool:
    return any(call.account.payments[payment_id].authorized_at for payment_id in order.payment_ids)


def get_order(call: Call) -> Any:
    """Return one order."""
    return _shown(call, _order(call))


def edit_order(call: Call) -> Any:
    """Change an order's notes; nothing else can be changed."""
    order = _order(call)
    validation.refuse_extra(call.body, frozenset({"notes"}))
    validation.require(call.body, ["notes"])
    order.notes = validation.notes(call.body)
    return order.to_wire()


def list_order_payments(call: Call) -> Any:
    """List the payments of an order, newest first; never late, as it is a lookup by id."""
    order = _order(call)
    payments = [call.account.payments[payment_id] for payment_id in reversed(order.payment_ids)]
    return collection([shown_payment(call, payment) for payment in payments])


def _order(call: Call) -> Order:
    order: Order = validation.lookup(call.account.orders, call.path_params["id"], "order")
    return order


def _shown(call: Call, order: Order) -> dict[str, Any]:
    wire = order.to_wire()
    if call.expands & {"payments", "payments.card"}:
        payments = [call.account.payments[payment_id] for payment_id in reversed(order.payment_ids)]
        has_card = "payments.card" in call.expands
        wire["payments"] = collection([shown_payment(call, payment, has_card=has_card) for payment in payments])
    if "transfers" in call.expands:
        wire["transfers"] = collection([])
    return wire


ROUTES = (
    Route("POST", "/v1/orders", create_order),
    Route("GET", "/v1/orders", list_orders),
    Route("GET", "/v1/orders/{id}", get_order),
    Route("PATCH", "/v1/orders/{id}", edit_order),
    Route("GET", "/v1/orders/{id}/payments", list_order_payments),
)
