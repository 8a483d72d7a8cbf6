"""Disputes, the evidence against them and its documents, and how each is written (razorpay.md section 8)."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

PROOFS = (
    "shipping_proof",
    "billing_proof",
    "cancellation_proof",
    "customer_communication",
    "proof_of_service",
    "explanation_letter",
    "refund_confirmation",
    "access_activity_log",
    "refund_cancellation_policy",
    "term_and_conditions",
)
"""What documents may prove in a dispute, in the order in which the API writes it."""


class DisputeStatus(StrEnum):
    """How far a dispute got; only an open one can be answered."""

    OPEN = "open"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What a merchant says against a dispute; a draft until it is submitted."""

    amount: int
    summary: str | None = None
    proofs: dict[str, list[str] | None] = field(default_factory=dict)
    others: list[dict[str, Any]] | None = None
    submitted_at: int | None = None

    def to_wire(self) -> dict[str, Any]:
        """Return the evidence as the API writes it."""
        proofs = {name: self.proofs.get(name) for name in PROOFS}
        ends = {"others": self.others, "submitted_at": self.submitted_at}
        return {"amount": self.amount, "summary": self.summary, **proofs, **ends}


@dataclass(slots=True, kw_only=True)
class Dispute:
    """A customer's bank that wants money back."""

    id: str
    payment_id: str
    amount: int
    currency: str
    created_at: int
    born: float
    respond_by: int
    reason_code: str
    phase: str
    evidence: Evidence
    status: DisputeStatus = DisputeStatus.OPEN
    amount_deducted: int = 0
    lifecycle: list[dict[str, Any]] = field(default_factory=list)

    def to_wire(self) -> dict[str, Any]:
        """Return the dispute as the API writes it."""
        return {
            "id": self.id,
            "entity": "dispute",
            "payment_id": self.payment_id,
            "amount": self.amount,
            "currency": self.currency,
            "amount_deducted": self.amount_deducted,
            "reason_code": self.reason_code,
            "respond_by": self.respond_by,
            "status": self.status.value,
            "phase": self.phase,
            "created_at": self.created_at,
            "evidence": self.evidence.to_wire(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file that may stand as evidence."""

    id: str
    purpose: str
    name: str
    mime_type: str
    created_at: int
    content: bytes = field(repr=False)

    def to_wire(self) -> dict[str, Any]:
        """Return the document as the API writes it: without its content."""
        return {
            "id": self.id,
            "entity": "document",
            "purpose": self.purpose,
            "name": self.name,
            "mime_type": self.mime_type,
            "size": len(self.content),
            "created_at": self.created_at,
        }
