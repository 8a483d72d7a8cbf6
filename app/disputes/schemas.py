"""What the disputes API reads and shows. Amounts are integers in minor units (paise for INR)."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.disputes.files import DOCUMENT_BYTES
from app.disputes.models import Dispute, DisputeStatus, Evidence, HistoryEntry, ReviewReason
from app.disputes.problems import DisputeAmountInvalid, DocumentUnacceptable
from app.disputes.store import DisputeFilter
from app.gateways.contest import Contest, EvidenceKind
from app.kit.ids import Prefix
from app.kit.money import Money, exponents
from app.payments.schemas import Amount, Currency
from app.web.envelope import Timestamp
from app.web.paging import PageQuery

BODY_BYTES = DOCUMENT_BYTES // 3 * 4 + 4096
"""The longest body of a request with a document in base64."""

_DOCUMENTS_OF_A_KIND = 10
_SUMMARY_LENGTH = 1000

DocumentId = Annotated[str, StringConstraints(strict=True, pattern=r"^doc_[A-Za-z0-9]{1,40}$")]
Documents = Annotated[list[DocumentId], Field(min_length=1, max_length=_DOCUMENTS_OF_A_KIND)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DisputeQuery(PageQuery):
    """Filters of the list of disputes."""

    prefix = Prefix.DISPUTE

    status: DisputeStatus | None = None
    payment_id: Annotated[str, StringConstraints(pattern=r"^pmt_[0-9A-Z]{26}$")] | None = None

    def to_filter(self) -> DisputeFilter:
        """Return the filter for the store."""
        return DisputeFilter(status=self.status, payment_id=self.payment_id)


class UrgentQuery(BaseModel):
    """How many of the most urgent disputes."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100)] = 20


class DisputeContest(_In):
    """Why a dispute is wrong, and what proves it. Without `submit` it is a draft that the bank doesn't see yet."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "summary": "The parcel was delivered and signed for.",
                    "documents": {"shipping_proof": ["doc_EFtmUsbwpXwBHI"]},
                    "submit": True,
                }
            ]
        }
    )

    summary: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=_SUMMARY_LENGTH)]
    documents: Annotated[dict[EvidenceKind, Documents], Field(description="Document ids by what they prove.")]
    amount: Amount | None = None
    currency: Currency | None = None
    submit: Annotated[bool, Field(strict=True)] = False

    def to_contest(self, *, default_currency: str) -> Contest:
        """Return the answer for the processor. Raises DisputeAmountInvalid: there is no such currency."""
        currency = self.currency or default_currency
        if currency not in exponents():
            raise DisputeAmountInvalid(param="currency")
        amount = Money(self.amount, currency) if self.amount is not None else None
        return Contest(summary=self.summary, documents=self.documents, amount=amount, is_final=self.submit)


class DocumentCreate(_In):
    """A document for the bank, in base64."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "receipt.pdf", "content_type": "application/pdf", "content": "JVBERi0xLjQKJSVFT0YK"}]
        }
    )

    name: Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$")]
    content_type: Literal["application/pdf", "image/jpeg", "image/png"]
    content: Annotated[str, StringConstraints(strict=True, min_length=4), Field(description="The file in base64.")]
    kind: Annotated[EvidenceKind, Field(description="What it is to prove.")] | None = None

    def to_bytes(self) -> bytes:
        """Return the file. Raises DocumentUnacceptable."""
        try:
            content = base64.b64decode(self.content, validate=True)
        except (binascii.Error, ValueError):
            raise DocumentUnacceptable(param="content") from None
        if not 0 < len(content) <= DOCUMENT_BYTES:
            raise DocumentUnacceptable(param="content")
        return content


class DocumentRead(BaseModel):
    """A document that the processor has; name its id when you contest."""

    id: str

    @classmethod
    def of(cls, document_id: str) -> Self:
        """Show a document."""
        return cls(id=document_id)


class EvidenceRead(BaseModel):
    """A document that was added to a dispute here."""

    id: str
    name: str
    content_type: str
    size_bytes: int
    kind: EvidenceKind | None
    added_at: Timestamp

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Show a document."""
        return cls(
            id=evidence.id,
            name=evidence.name,
            content_type=evidence.mime,
            size_bytes=evidence.size_bytes,
            kind=evidence.kind,
            added_at=evidence.added_at,
        )


class DisputeRead(BaseModel):
    """A dispute. `respond_by` is the last day for evidence; `amount_deducted` is what the processor took for it."""

    id: str
    payment_id: str
    gateway_dispute_id: str
    gateway_payment_id: str
    status: DisputeStatus
    amount: int
    amount_deducted: int
    currency: str
    phase: str | None
    reason_code: str | None
    respond_by: Timestamp | None
    answered: Annotated[str | None, Field(description="What was answered here: accepted, contested or drafted.")]
    needs_review: bool
    opened_at: Timestamp
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, dispute: Dispute) -> "DisputeRead":
        """Show a dispute."""
        return cls(**_facts(dispute))


class DisputeFactRead(BaseModel):
    """One fact of a dispute's life, in the order in which we learnt it."""

    at: Timestamp
    event: str
    status: DisputeStatus
    source: str

    @classmethod
    def of(cls, entry: HistoryEntry) -> Self:
        """Show a fact."""
        return cls(at=entry.at, event=entry.event, status=entry.status, source=entry.source)


class DisputeDetail(DisputeRead):
    """A dispute with its answer so far, its history, and what the processor says of it."""

    summary: Annotated[str | None, Field(description="What was written here last, as a draft or for good.")]
    documents: Annotated[list[EvidenceRead], Field(description="What was added here; a contest names what it uses.")]
    review: list[ReviewReason]
    history: list[DisputeFactRead]
    razorpay_data: dict[str, Any]

    @classmethod
    def of(cls, dispute: Dispute) -> "DisputeDetail":
        """Show a dispute in full."""
        return cls(
            **_facts(dispute),
            summary=dispute.summary,
            documents=[EvidenceRead.of(one) for one in dispute.evidence],
            review=list(dispute.review),
            history=[DisputeFactRead.of(entry) for entry in dispute.history],
            razorpay_data=dict(dispute.razorpay_data),
        )


class UrgentDisputes(BaseModel):
    """The open disputes, those with the nearest last day first."""

    items: list[DisputeRead]

    @classmethod
    def of(cls, disputes: list[Dispute]) -> Self:
        """Show disputes in their order."""
        return cls(items=[DisputeRead.of(dispute) for dispute in disputes])


def _facts(dispute: Dispute) -> Mapping[str, Any]:
    return {
        "id": dispute.id,
        "payment_id": dispute.payment_id,
        "gateway_dispute_id": dispute.gateway_dispute_id,
        "gateway_payment_id": dispute.gateway_payment_id,
        "status": dispute.status,
        "amount": dispute.money.minor,
        "amount_deducted": dispute.amount_deducted,
        "currency": dispute.money.currency,
        "phase": dispute.phase,
        "reason_code": dispute.reason_code,
        "respond_by": dispute.respond_by,
        "answered": dispute.answered,
        "needs_review": bool(dispute.review),
        "opened_at": dispute.opened_at,
        "created_at": dispute.created_at,
        "updated_at": dispute.updated_at,
    }
