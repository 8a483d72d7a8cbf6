"""Disputes and the evidence against them: their shapes to our nouns, and ours to the bodies of requests."""

import hashlib
import json
import re
from datetime import datetime
from typing import Any

from app.gateways.contest import Contest, EvidenceKind
from app.gateways.port import DisputeStatus, GatewayDispute
from app.gateways.razorpay.translate.reading import at, known_words, moment, present, to_money, to_shape
from app.gateways.razorpay.wire import CONTRADICTION, DisputeShape, DocumentShape, EvidenceShape
from app.kit.money import Money

_STATUSES = known_words(DisputeStatus)
_THEIR_NAMES = {EvidenceKind.TERMS_AND_CONDITIONS: "term_and_conditions"}
_ODD_IN_NAME = re.compile(r"[^A-Za-z0-9._ -]")


def to_dispute(body: Any, *, seen_at: datetime) -> GatewayDispute:
    """Return a dispute.

    Args:
        body: the dispute entity.
        seen_at: when we heard of it; stands in for a missing or senseless `created_at`, which decides nothing (R8).

    Raises:
        Unreadable: it has no id, or names no payment.
    """
    shape = to_shape(DisputeShape, body)
    amount = _amount(shape)
    return GatewayDispute(
        id=shape.id,
        payment_id=shape.payment_id,
        amount=amount,
        amount_deducted=(shape.amount_deducted or 0) if amount is not None else 0,
        status=_STATUSES.get(shape.status or "", DisputeStatus.UNRECOGNIZED),
        created_at=moment(shape.created_at, otherwise=seen_at),
        phase=shape.phase,
        reason_code=shape.reason_code,
        respond_by=at(shape.respond_by) if shape.respond_by is not None else None,
        raw=_shown(shape),
    )


def to_contest_body(contest: Contest) -> dict[str, Any]:
    """Return the body of `PATCH /disputes/{id}/contest`; without an amount the whole dispute is contested."""
    named = {kind: list(ids) for kind, ids in contest.documents.items() if ids}
    others = named.pop(EvidenceKind.OTHER, None)
    return present(
        amount=contest.amount.minor if contest.amount is not None else None,
        summary=contest.summary,
        **{_THEIR_NAMES.get(kind, kind.value): ids for kind, ids in named.items()},
        others=[{"type": EvidenceKind.OTHER.value, "document_ids": others}] if others is not None else None,
        action="submit" if contest.is_final else "draft",
    )


def to_contest_bytes(contest: Contest) -> bytes:
    """Return the body of a contest as it is sent."""
    return json.dumps(to_contest_body(contest)).encode()


def to_document_id(body: Any) -> str:
    """Return the id of an uploaded document. Raises Unreadable."""
    return to_shape(DocumentShape, body).id


def to_document_body(content: bytes, *, name: str, mime: str, purpose: str) -> tuple[str, bytes]:
    """Return the content type and the body of `POST /documents`.

    Args:
        content: the document itself.
        name: what it is called; what could end the header that carries it is replaced.
        mime: its type, known to be harmless.
        purpose: what it is for, known to be harmless.
    """
    # The digest of the content can't stand in the content.
    boundary = hashlib.sha256(content).hexdigest()
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{_ODD_IN_NAME.sub("_", name)}"\r\n'
        f"Content-Type: {mime}\r\n\r\n"
    )
    body = b"".join([head.encode(), content, f"\r\n--{boundary}--\r\n".encode()])
    return f"multipart/form-data; boundary={boundary}", body


def _amount(shape: DisputeShape) -> Money | None:
    """Return the amount, or None when the processor's own numbers contradict each other (R7)."""
    deducted = shape.amount_deducted or 0
    if deducted == CONTRADICTION or deducted > (shape.amount or 0):
        return None
    return to_money(shape.amount or None, shape.currency)


def _shown(shape: DisputeShape) -> dict[str, Any]:
    """Return what may be stored and shown to the merchant: an allow-list, without what is absent."""
    return present(
        id=shape.id,
        payment_id=shape.payment_id,
        amount=shape.amount,
        currency=shape.currency,
        amount_deducted=shape.amount_deducted if shape.amount_deducted != CONTRADICTION else None,
        reason_code=shape.reason_code,
        respond_by=shape.respond_by,
        status=shape.status,
        phase=shape.phase,
        evidence=_shown_evidence(shape.evidence),
        created_at=shape.created_at,
    )


def _shown_evidence(evidence: EvidenceShape | None) -> dict[str, int] | None:
    return (evidence.model_dump(exclude_none=True) or None) if evidence is not None else None
