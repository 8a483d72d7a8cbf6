"""Orders and payments: their shapes to our nouns, and ours to the body of an order."""

import re
from datetime import datetime
from typing import Any

from app.gateways.payer import Payer
from app.gateways.port import AttemptStatus, CaptureMethod, Failure, GatewayOrder, GatewayPayment, OrderRequest
from app.gateways.razorpay.translate.reading import (
    Unreadable,
    at,
    known_words,
    moment,
    present,
    shown_acquirer,
    to_shape,
)
from app.gateways.razorpay.wire import (
    CONTRADICTION,
    CardShape,
    CollectionShape,
    OrderShape,
    PaymentShape,
)
from app.kit.ids import Prefix, is_id
from app.kit.money import Money, exponents

MANUAL_CAPTURE_MINUTES = 7200
"""How long an authorised payment waits for a capture before it is refunded: the documented maximum, five days."""

_STATUSES = known_words(AttemptStatus)
_MONEY_STATUSES = frozenset({AttemptStatus.AUTHORIZED, AttemptStatus.CAPTURED, AttemptStatus.REFUNDED})
_TRUE = frozenset({"1", "true"})
_HANDLE = re.compile(r"[A-Za-z0-9.\-]{1,64}", re.ASCII)
_LAST4 = re.compile(r"[0-9]{4}")
_ABSENT = "NA"
_NO_EMAIL = "void@razorpay.com"
"""Stands in a payment whose customer gave no e-mail address."""


def to_order_body(request: OrderRequest, *, automatic_capture_minutes: int) -> dict[str, Any]:
    """Return the body of `POST /orders`.

    The capture settings of the order override those of the merchant's dashboard, so that a payment is captured the
    way we recorded it (Razorpay's capture settings API). An uncaptured payment is refunded at normal speed.
    """
    options: dict[str, Any] = {"manual_expiry_period": MANUAL_CAPTURE_MINUTES, "refund_speed": "normal"}
    if request.capture_method is CaptureMethod.AUTOMATIC:
        options = {"automatic_expiry_period": automatic_capture_minutes, **options}
    return {
        "amount": request.amount.minor,
        "currency": request.amount.currency,
        "receipt": request.receipt,
        "notes": dict(request.notes),
        "partial_payment": False,
        "payment": {"capture": request.capture_method.value, "capture_options": options},
    }


def to_order(body: Any) -> GatewayOrder:
    """Return an order.

    Raises:
        Unreadable: it has no id, status or usable amount.
    """
    return _to_order(to_shape(OrderShape, body))


def to_payment(body: Any, *, seen_at: datetime) -> GatewayPayment:
    """Return one try to pay.

    Args:
        body: the payment entity.
        seen_at: when we heard of it; stands in for a missing or senseless `created_at`, which decides nothing (R8).

    Raises:
        Unreadable: it has no id.
    """
    shape = to_shape(PaymentShape, body)
    status = _STATUSES.get(shape.status or "", AttemptStatus.UNRECOGNIZED)
    amount = _amount(shape, status)
    reference = shape.notes.payment_id if shape.notes is not None else None
    return GatewayPayment(
        id=shape.id,
        order_id=shape.order_id,
        amount=amount,
        status=status,
        method=shape.method,
        created_at=moment(shape.created_at, otherwise=seen_at),
        captured=_was_captured(shape, status),
        amount_refunded=(shape.amount_refunded or 0) if amount is not None else 0,
        fee=shape.fee,
        tax=shape.tax,
        failure=_failure(shape),
        payment_ref=reference if reference is not None and is_id(reference, Prefix.PAYMENT) else None,
        payer=_payer(shape),
        raw=_shown(shape),
    )


def to_payments(body: Any, *, seen_at: datetime) -> tuple[GatewayPayment, ...]:
    """Return the payments of a collection, each once.

    Raises:
        Unreadable: it is no collection, or one of its entities is no payment.
    """
    payments = [to_payment(item, seen_at=seen_at) for item in to_shape(CollectionShape, body).items]
    return tuple({payment.id: payment for payment in payments}.values())


def to_orders_with_receipt(body: Any, *, receipt: str) -> tuple[list[GatewayOrder], int]:
    """Return the orders of a page that carry exactly this receipt, and how many orders the page holds.

    Raises:
        Unreadable: it is no collection, or an order with this receipt makes no sense: then "none" would be a guess.
    """
    items = to_shape(CollectionShape, body).items
    ours = [item for item in items if type(item) is dict and item.get("receipt") == receipt]
    return [to_order(item) for item in ours], len(items)


def _to_order(shape: OrderShape) -> GatewayOrder:
    if shape.currency not in exponents() or shape.created_at is None:
        message = "an order without a known currency or time"
        raise Unreadable(message)
    merchant = shape.notes.merchant_id if shape.notes is not None else None
    return GatewayOrder(
        id=shape.id,
        receipt=shape.receipt,
        amount=Money(shape.amount, shape.currency),
        amount_paid=shape.amount_paid,
        status=shape.status,
        created_at=at(shape.created_at),
        merchant_ref=merchant if merchant is not None and is_id(merchant, Prefix.MERCHANT) else None,
    )


def _amount(shape: PaymentShape, status: AttemptStatus) -> Money | None:
    """Return the amount, or None when the processor's own numbers contradict each other (R7)."""
    refunded = shape.amount_refunded or 0
    if shape.amount is None or shape.currency is None or refunded == CONTRADICTION:
        return None
    if shape.currency not in exponents() or refunded > shape.amount:
        return None
    if shape.amount == 0 and status in _MONEY_STATUSES:
        return None
    return Money(shape.amount, shape.currency)


def _was_captured(shape: PaymentShape, status: AttemptStatus) -> bool:
    """Tell whether the money was ever ours.

    The status word decides, except for a refunded payment: an authorisation that lapsed is refunded too (C1), and
    then the flag tells. Elsewhere the flag is no evidence: Razorpay's own `payment.authorized` may say `captured`.
    """
    if status is AttemptStatus.REFUNDED:
        return shape.captured is True or shape.captured in _TRUE
    return status is AttemptStatus.CAPTURED


def _payer(shape: PaymentShape) -> Payer | None:
    return Payer(email=None if shape.email == _NO_EMAIL else shape.email, phone=shape.contact) or None


def _failure(shape: PaymentShape) -> Failure | None:
    code, reason, source, step = (
        None if word == _ABSENT else word
        for word in (shape.error_code, shape.error_reason, shape.error_source, shape.error_step)
    )
    return None if code is None else Failure(code=code, reason=reason, source=source, step=step)


def _shown(shape: PaymentShape) -> dict[str, Any]:
    """Return what may be stored and shown to the merchant: an allow-list, without what is absent."""
    return present(
        id=shape.id,
        order_id=shape.order_id,
        amount=shape.amount,
        currency=shape.currency,
        status=shape.status,
        method=shape.method,
        international=shape.international,
        amount_refunded=shape.amount_refunded if shape.amount_refunded != CONTRADICTION else None,
        refund_status=shape.refund_status,
        bank=shape.bank,
        wallet=shape.wallet,
        vpa=masked_vpa(shape.vpa),
        card=_shown_card(shape.card),
        acquirer_data=shown_acquirer(shape.acquirer_data),
        fee=shape.fee,
        tax=shape.tax,
        error_code=shape.error_code,
        error_reason=shape.error_reason,
        error_source=shape.error_source,
        error_step=shape.error_step,
        created_at=shape.created_at,
    )


def masked_vpa(vpa: str | None) -> str | None:
    """Return a UPI address with only the first character of its user: enough to recognise one's own."""
    user, separator, handle = (vpa or "").partition("@")
    if not user or not separator or _HANDLE.fullmatch(handle) is None:
        return None
    return f"{user[0]}***@{handle}"


def _shown_card(card: CardShape | None) -> dict[str, str] | None:
    if card is None:
        return None
    # A number that lost its leading zeros is still four digits; anything else is no last4.
    last4 = f"{card.last4:04d}" if type(card.last4) is int else str(card.last4)
    shown = present(
        last4=last4 if _LAST4.fullmatch(last4) else None, network=card.network, type=card.type, issuer=card.issuer
    )
    return shown or None
