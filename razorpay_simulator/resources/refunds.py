"""Refunds: `/v1/refunds` and those of a payment, with their idempotency header (razorpay.md sections 4 and 5)."""

import re
from typing import Any

from razorpay_simulator import validation
from razorpay_simulator.calls import Call, Route
from razorpay_simulator.entities import Payment, Refund
from razorpay_simulator.errors import bad_request, unknown_id
from razorpay_simulator.paging import page
from razorpay_simulator.processing.refunds import RefundRequest, check, refund
from razorpay_simulator.resources.payments import find_payment

_FIELDS = frozenset({"amount", "speed", "notes", "receipt", "reverse_all", "payment_id", "reversals"})
KEY_HEADER = b"x-refund-idempotency"
_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SHORTEST_KEY = 10


def create_refund_of_payment(call: Call) -> Any:
    """Refund a payment, wholly when no amount is given."""
    return _create(call, find_payment(call))


def create_refund(call: Call) -> Any:
    """Refund the payment that the body names."""
    validation.require(call.body, ["payment_id"])
    payment: Payment = validation.lookup(call.account.payments, str(call.body["payment_id"]), "pay")
    return _create(call, payment)


def _create(call: Call, payment: Payment) -> Any:
    key = _idempotency_key(call)
    account = call.account
    fingerprint = (payment.id, repr(sorted(call.body.items(), key=lambda item: str(item[0]))))
    if key is not None and not call.ignores_idempotency and key in account.refunds_by_key:
        known, made = account.refunds_by_key[key]
        if known != fingerprint:
            raise bad_request("Different request with the same idempotency key has already been processed.", status=409)
        return made.to_wire()
    if key in account.refund_keys_at_work:
        raise bad_request("Another request with the same idempotency key is still in progress.", status=409)
    request = _read(call.body, payment)
    check(account, payment, request, may_repeat=call.ignores_idempotency)
    made = refund(call.world, account, payment, request)
    if key is not None:
        account.refunds_by_key[key] = (fingerprint, made)
    return made.to_wire()


def _idempotency_key(call: Call) -> str | None:
    key = call.header(KEY_HEADER)
    if key is None:
        return None
    if len(key) < _SHORTEST_KEY:
        raise bad_request(f"The idempotency key must be at least {_SHORTEST_KEY} characters long.")
    if _KEY.fullmatch(key) is None:
        raise bad_request("The idempotency key must only contain alphanumeric characters, underscores, and hyphens")
    return key


def _read(body: dict[str, Any], payment: Payment) -> RefundRequest:
    validation.refuse_extra(body, _FIELDS)
    remaining = payment.amount - payment.amount_refunded
    has_amount = body.get("amount") not in (None, "")
    amount = validation.amount(body, payment.currency) if has_amount else remaining
    speed = body.get("speed") or "normal"
    if speed not in {"normal", "optimum"}:
        raise bad_request("The selected speed is invalid.", field="speed")
    return RefundRequest(
        amount=amount,
        speed=speed,
        receipt=validation.text(body, "receipt", longest=validation.MAX_RECEIPT_LENGTH),
        notes=validation.notes(body),
    )


def list_refunds_of_payment(call: Call) -> Any:
    """List the refunds of a payment, newest first."""
    payment = find_payment(call)
    return page(call, reversed(call.account.refunds_by_payment.get(payment.id, [])), Refund.to_wire)


def get_refund_of_payment(call: Call) -> Any:
    """Return one refund of a payment."""
    payment = find_payment(call)
    refund_: Refund = validation.lookup(call.account.refunds, call.path_params["refund_id"], "rfnd")
    if refund_.payment_id != payment.id:
        raise unknown_id()
    return refund_.to_wire()


def list_refunds(call: Call) -> Any:
    """List refunds, newest first."""
    return page(call, reversed(call.account.refunds.values()), Refund.to_wire)


def get_refund(call: Call) -> Any:
    """Return one refund."""
    return _find(call).to_wire()


def edit_refund(call: Call) -> Any:
    """Change a refund's notes; nothing else can be changed."""
    found = _find(call)
    validation.refuse_extra(call.body, frozenset({"notes"}))
    validation.require(call.body, ["notes"])
    found.notes = validation.notes(call.body)
    return found.to_wire()


def _find(call: Call) -> Refund:
    found: Refund = validation.lookup(call.account.refunds, call.path_params["id"], "rfnd")
    return found


ROUTES = (
    Route("POST", "/v1/payments/{id}/refund", create_refund_of_payment),
    Route("GET", "/v1/payments/{id}/refunds", list_refunds_of_payment),
    Route("GET", "/v1/payments/{id}/refunds/{refund_id}", get_refund_of_payment),
    Route("POST", "/v1/refunds", create_refund),
    Route("GET", "/v1/refunds", list_refunds),
    Route("GET", "/v1/refunds/{id}", get_refund),
    Route("PATCH", "/v1/refunds/{id}", edit_refund),
)
