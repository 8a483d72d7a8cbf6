"""What a snapshot from the processor means for a dispute: pure, the same for every source (D2).

A dispute's states go back and forth, so their order alone can't tell news from old news. What the processor says when
it is asked is the present, and is taken; what it sends by itself may be old, and is taken only if it leads on. Whatever
a message leaves in doubt, the next look decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.disputes.models import RANK, TRANSITIONS, Dispute, DisputeStatus, Evidence, HistoryEntry, ReviewReason, Source
from app.gateways.port import DisputeStatus as Said
from app.gateways.port import GatewayDispute
from app.kit.scope import Scope

_STATUSES = {
    Said.OPEN: DisputeStatus.OPEN,
    Said.UNDER_REVIEW: DisputeStatus.UNDER_REVIEW,
    Said.CLOSED: DisputeStatus.CLOSED,
    Said.WON: DisputeStatus.WON,
    Said.LOST: DisputeStatus.LOST,
}


@dataclass(frozen=True, slots=True)
class Merged:
    """The dispute after the snapshot.

    `is_doubtful` tells that the snapshot contradicts what is known without proving it: the processor should be asked.
    """

    dispute: Dispute
    changed: bool
    is_doubtful: bool


def opened(
    scope: Scope, snapshot: GatewayDispute, *, dispute_id: str, payment_id: str, source: Source, at: datetime
) -> Dispute | None:
    """Return the dispute that a first snapshot tells of, or None when it does not say how much is asked back."""
    if snapshot.amount is None:
        return None
    status = _STATUSES.get(snapshot.status, DisputeStatus.OPEN)
    review = (ReviewReason.UNRECOGNIZED_STATUS,) if snapshot.status is Said.UNRECOGNIZED else ()
    return Dispute(
        id=dispute_id,
        scope=scope,
        gateway_dispute_id=snapshot.id,
        gateway_payment_id=snapshot.payment_id,
        payment_id=payment_id,
        money=snapshot.amount,
        status=status,
        opened_at=snapshot.created_at,
        created_at=at,
        updated_at=at,
        amount_deducted=snapshot.amount_deducted,
        phase=snapshot.phase,
        reason_code=snapshot.reason_code,
        respond_by=snapshot.respond_by,
        review=review,
        history=(HistoryEntry(at=at, event="dispute.opened", status=status, source=source.value),),
        razorpay_data=snapshot.raw,
    )


def merge(dispute: Dispute, snapshot: GatewayDispute, *, source: Source, at: datetime) -> Merged:
    """Return what the dispute becomes when the processor says this of it.

    Args:
        dispute: the dispute as stored.
        snapshot: what the processor said.
        source: who told us: it decides whether this is the present or may be old.
        at: now.
    """
    if doubt := _doubt(dispute, snapshot):
        return _noted(dispute, doubt, source=source, at=at)
    said = _STATUSES[snapshot.status]
    # What has ended is moved by an answer alone: it may have been won after it was lost, and the news of that be late.
    leads_on = RANK[said] > RANK[dispute.status] and not dispute.is_over
    if said is not dispute.status and not leads_on and not source.is_present:
        return Merged(dispute, changed=False, is_doubtful=True)
    known = replace(
        dispute,
        status=said,
        amount_deducted=snapshot.amount_deducted,
        phase=snapshot.phase or dispute.phase,
        reason_code=snapshot.reason_code or dispute.reason_code,
        respond_by=snapshot.respond_by or dispute.respond_by,
        review=_reviewed(dispute, said),
    )
    if known == dispute:
        return Merged(dispute, changed=False, is_doubtful=False)
    if not source.is_present and said is dispute.status and known.amount_deducted < dispute.amount_deducted:
        # An old message would give money back in the books that the processor still has.
        return Merged(dispute, changed=False, is_doubtful=True)
    event = f"dispute.{said}" if said is not dispute.status else "dispute.changed"
    return Merged(_after(known, event=event, source=source, at=at, snapshot=snapshot), changed=True, is_doubtful=False)


def answered(dispute: Dispute, answer: str, *, at: datetime, summary: str | None = None) -> Dispute:
    """Return the dispute with the merchant's answer noted: written before the processor hears of it."""
    noted = replace(dispute, answered=answer, summary=dispute.summary if summary is None else summary)
    return _after(noted, event=f"dispute.{answer}", source=Source.API, at=at, snapshot=None)


def with_evidence(dispute: Dispute, evidence: Sequence[Evidence], *, at: datetime) -> Dispute:
    """Return the dispute with these documents: one was added, or one is not to be named any more."""
    event = "dispute.document_added" if len(evidence) > len(dispute.evidence) else "dispute.document_removed"
    changed = replace(dispute, evidence=tuple(evidence))
    return _after(changed, event=event, source=Source.API, at=at, snapshot=None)


def _after(known: Dispute, *, event: str, source: Source, at: datetime, snapshot: GatewayDispute | None) -> Dispute:
    entry = HistoryEntry(at=at, event=event, status=known.status, source=source.value)
    raw = snapshot.raw if snapshot is not None and snapshot.raw else known.razorpay_data
    return replace(known, history=(*known.history, entry), razorpay_data=raw, updated_at=at, version=known.version + 1)


def _doubt(dispute: Dispute, snapshot: GatewayDispute) -> ReviewReason | None:
    """Return what makes no sense in the snapshot: then it is no evidence of anything (R7)."""
    if snapshot.status not in _STATUSES:
        return ReviewReason.UNRECOGNIZED_STATUS
    is_same = snapshot.amount == dispute.money and snapshot.payment_id == dispute.gateway_payment_id
    return None if is_same else ReviewReason.CONTRADICTORY_AMOUNT


def _reviewed(dispute: Dispute, said: DisputeStatus) -> tuple[ReviewReason, ...]:
    is_expected = said is dispute.status or TRANSITIONS.allows(dispute.status, said)
    news = set() if is_expected else {ReviewReason.UNEXPECTED_MOVE}
    return tuple(sorted({*dispute.review, *news}))


def _noted(dispute: Dispute, doubt: ReviewReason, *, source: Source, at: datetime) -> Merged:
    if doubt in dispute.review:
        return Merged(dispute, changed=False, is_doubtful=False)
    noted = replace(dispute, review=tuple(sorted({*dispute.review, doubt})))
    after = _after(noted, event="dispute.noted", source=source, at=at, snapshot=None)
    return Merged(after, changed=True, is_doubtful=False)
