"""What a snapshot from the processor means for a refund: pure, monotone, the same for every source (D2, D3).

The answer to our request, webhook, poll and list all end here. Merging the same snapshots in any order, any number of
times, ends in the same state; a test permutes, repeats and drops them.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from app.gateways.port import GatewayRefund
from app.gateways.port import RefundStatus as Said
from app.refunds.models import RANK, HistoryEntry, Refund, RefundStatus, ReviewReason, Source

FAILED_AT_BANK = "failed_at_bank"
"""Why a refund failed that the processor had accepted: it says no more than that."""

_NORMAL = "normal"


@dataclass(frozen=True, slots=True)
class Merged:
    """The refund after the snapshot, and whether it told anything new."""

    refund: Refund
    changed: bool


def merge(refund: Refund, snapshot: GatewayRefund, *, source: Source, at: datetime) -> Merged:
    """Return what the refund becomes when the processor says this of it.

    Args:
        refund: the refund as stored; one that never reached the processor by our belief (refused, cancelled) has no
            snapshots: what the processor has of it is another refund (see `is_about`).
        snapshot: what the processor said, at whatever moment; it may be old.
        source: who told us; written to the history only, it decides nothing.
        at: now.
    """
    doubt = _doubt(refund, snapshot)
    known = refund if doubt is ReviewReason.CONTRADICTORY_AMOUNT else _advance(refund, snapshot)
    review = (*refund.review, doubt) if doubt is not None and doubt not in refund.review else refund.review
    if known == refund and review == refund.review:
        return Merged(refund, changed=False)
    event = f"refund.{known.status}" if known.status is not refund.status else "refund.noted"
    entry = HistoryEntry(at=at, event=event, status=known.status, source=source.value)
    merged = replace(
        known,
        review=tuple(sorted(review)),
        history=(*refund.history, entry),
        razorpay_data=snapshot.raw or refund.razorpay_data,
        updated_at=at,
        version=refund.version + 1,
    )
    return Merged(merged, changed=True)


def is_about(refund: Refund, snapshot: GatewayRefund) -> bool:
    """Tell whether the processor's refund is this one: by its id, else by our id in its receipt or notes (C8).

    A refund that we believe never reached the processor can't be what the processor has: money that went back against
    that belief is a refund of its own, so that it is counted.
    """
    if refund.gateway_refund_id is not None:
        return refund.gateway_refund_id == snapshot.id
    is_ours = refund.id in {snapshot.receipt, snapshot.refund_ref}
    return is_ours and refund.status is RefundStatus.REQUESTED and snapshot.payment_id == refund.gateway_payment_id


def refused(refund: Refund, *, reason: str, source: Source, at: datetime) -> Refund:
    """Return a requested refund after the processor's explicit no; its key stays with it (ADR 0025)."""
    return moved(replace(refund, failure=reason), RefundStatus.FAILED, event="refund.refused", source=source, at=at)


def moved(refund: Refund, target: RefundStatus, *, event: str, source: Source, at: datetime) -> Refund:
    """Return the refund in another state, with its history."""
    entry = HistoryEntry(at=at, event=event, status=target, source=source.value)
    return replace(refund, status=target, history=(*refund.history, entry), updated_at=at, version=refund.version + 1)


def _advance(refund: Refund, snapshot: GatewayRefund) -> Refund:
    """Return the refund in the further of its two states; facts only ever accumulate.

    The id is taken even with a status that nobody knows: it proves that the processor has the refund, so it is never
    sent again.
    """
    said = _status(snapshot.status)
    status = said if RANK[said] > RANK[refund.status] else refund.status
    return replace(
        refund,
        status=status,
        gateway_refund_id=refund.gateway_refund_id or snapshot.id,
        speed_processed=_slower(refund.speed_processed, snapshot.speed_processed),
        reference=refund.reference or snapshot.reference,
        failure=refund.failure or (FAILED_AT_BANK if status is RefundStatus.FAILED else None),
    )


def _status(said: Said) -> RefundStatus:
    match said:
        case Said.PENDING:
            return RefundStatus.PENDING
        case Said.PROCESSED:
            return RefundStatus.PROCESSED
        case Said.FAILED:
            return RefundStatus.FAILED
        case Said.UNRECOGNIZED:
            return RefundStatus.REQUESTED
        case _:
            assert_never(said)


def _doubt(refund: Refund, snapshot: GatewayRefund) -> ReviewReason | None:
    """Return what makes no sense in the snapshot; with another amount it is no evidence of anything (R7)."""
    if snapshot.amount != refund.money:
        return ReviewReason.CONTRADICTORY_AMOUNT
    return ReviewReason.UNRECOGNIZED_STATUS if snapshot.status is Said.UNRECOGNIZED else None


def _slower(known: str | None, said: str | None) -> str | None:
    """Return how it really goes: what was to go at once may fall back to the banks' pace, and never the other way."""
    return max(
        (word for word in (known, said) if word is not None), key=lambda word: (word == _NORMAL, word), default=None
    )
