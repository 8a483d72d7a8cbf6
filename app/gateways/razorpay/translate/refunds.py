"""Refunds: their shapes to our nouns, and ours to the body of a refund."""

import json
from datetime import datetime
from typing import Any

from app.gateways.port import GatewayRefund, RefundRequest, RefundStatus
from app.gateways.razorpay.translate.reading import known_words, moment, present, shown_acquirer, to_money, to_shape
from app.gateways.razorpay.wire import AcquirerShape, CollectionShape, RefundShape
from app.kit.ids import Prefix, is_id

_STATUSES = known_words(RefundStatus)


def to_refund_body(request: RefundRequest) -> bytes:
    """Return the body of `POST /payments/{id}/refund`: the same bytes for the same request, as its key demands (C6)."""
    body = {
        "amount": request.amount.minor,
        "speed": request.speed.value,
        "receipt": request.receipt,
        "notes": dict(request.notes),
    }
    return json.dumps(body, separators=(",", ":")).encode()


def to_refund(body: Any, *, seen_at: datetime) -> GatewayRefund:
    """Return a refund.

    Args:
        body: the refund entity.
        seen_at: when we heard of it; stands in for a missing or senseless `created_at`, which decides nothing (R8).

    Raises:
        Unreadable: it has no id, or names no payment.
    """
    shape = to_shape(RefundShape, body)
    reference = shape.notes.refund_id if shape.notes is not None else None
    return GatewayRefund(
        id=shape.id,
        payment_id=shape.payment_id,
        amount=to_money(shape.amount or None, shape.currency),
        status=_STATUSES.get(shape.status or "", RefundStatus.UNRECOGNIZED),
        created_at=moment(shape.created_at, otherwise=seen_at),
        receipt=shape.receipt,
        refund_ref=reference if reference is not None and is_id(reference, Prefix.REFUND) else None,
        speed_requested=shape.speed_requested,
        speed_processed=shape.speed_processed,
        reference=_reference(shape.acquirer_data),
        raw=_shown(shape),
    )


def to_refunds(body: Any, *, seen_at: datetime) -> tuple[tuple[GatewayRefund, ...], int]:
    """Return the refunds of a page, and how many the page holds.

    Raises:
        Unreadable: it is no collection, or one of its entities is no refund.
    """
    refunds = tuple(to_refund(item, seen_at=seen_at) for item in to_shape(CollectionShape, body).items)
    return refunds, len(refunds)


def _reference(data: AcquirerShape | None) -> str | None:
    return None if data is None else data.arn or data.rrn or data.utr


def _shown(shape: RefundShape) -> dict[str, Any]:
    """Return what may be stored and shown to the merchant: an allow-list, without what is absent."""
    return present(
        id=shape.id,
        payment_id=shape.payment_id,
        amount=shape.amount,
        currency=shape.currency,
        status=shape.status,
        receipt=shape.receipt,
        acquirer_data=shown_acquirer(shape.acquirer_data),
        speed_requested=shape.speed_requested,
        speed_processed=shape.speed_processed,
        created_at=shape.created_at,
    )
