"""What a merchant answers to a dispute, in our words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.kit.money import Money


class EvidenceKind(StrEnum):
    """What a document is to prove."""

    SHIPPING_PROOF = "shipping_proof"
    BILLING_PROOF = "billing_proof"
    CANCELLATION_PROOF = "cancellation_proof"
    CUSTOMER_COMMUNICATION = "customer_communication"
    PROOF_OF_SERVICE = "proof_of_service"
    EXPLANATION_LETTER = "explanation_letter"
    REFUND_CONFIRMATION = "refund_confirmation"
    ACCESS_ACTIVITY_LOG = "access_activity_log"
    REFUND_CANCELLATION_POLICY = "refund_cancellation_policy"
    TERMS_AND_CONDITIONS = "terms_and_conditions"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Contest:
    """A merchant's answer to a dispute: why it is wrong, the document ids that prove it, and how much is contested.

    Without an amount it is the whole dispute. What is not `is_final` stays a draft that the bank doesn't see yet.
    """

    summary: str
    documents: Mapping[EvidenceKind, Sequence[str]]
    amount: Money | None = None
    is_final: bool = False
