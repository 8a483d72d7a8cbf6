"""What the refunds API reads and shows. Amounts are integers in minor units (paise for INR)."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.gateways.port import RefundSpeed
from app.kit.bounds import DESCRIPTION_LENGTH
from app.kit.ids import Prefix
from app.payments.schemas import Amount, Currency, GatewayId, Metadata
from app.refunds.models import HistoryEntry, Origin, Refund, RefundStatus, ReviewReason
from app.refunds.service import NewRefund
from app.refunds.store import RefundFilter
from app.web.envelope import Moment, Timestamp
from app.web.paging import PageQuery


class RefundCreate(BaseModel):
    """What is to go back: everything that is left when no amount is given."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"amount": 20000, "reason": "One ticket returned", "metadata": {"seat": "12A"}}]
        },
    )

    amount: Amount | None = None
    currency: Annotated[Currency, Field(description="The payment's, if you say it.")] | None = None
    speed: Annotated[
        RefundSpeed, Field(description="`optimum` goes at once where the customer's bank can, at a price.")
    ] = RefundSpeed.NORMAL
    reason: Annotated[str, StringConstraints(strict=True, max_length=DESCRIPTION_LENGTH)] | None = None
    metadata: Metadata = Field(default_factory=dict)

    def to_new(self) -> NewRefund:
        """Return what the service needs."""
        return NewRefund(
            amount=self.amount,
            currency=self.currency,
            speed=self.speed,
            reason=self.reason,
            metadata=self.metadata,
        )


class PaymentRefundsQuery(PageQuery):
    """Which page of a payment's refunds."""

    prefix = Prefix.REFUND


class RefundQuery(PaymentRefundsQuery):
    """Filters of the list of refunds."""

    status: RefundStatus | None = None
    payment_id: Annotated[str, StringConstraints(pattern=r"^pmt_[0-9A-Z]{26}$")] | None = None
    gateway_refund_id: GatewayId | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None

    def to_filter(self) -> RefundFilter:
        """Return the filter for the store."""
        return RefundFilter(
            status=self.status,
            payment_id=self.payment_id,
            gateway_refund_id=self.gateway_refund_id,
            created_from=self.created_from,
            created_before=self.created_before,
        )


class RefundRead(BaseModel):
    """A refund. `gateway_refund_id` is the processor's; by `reference` the customer's bank finds the money."""

    id: Annotated[str, Field(examples=["ref_01KAQ7X2V8M3TZB5C6D9EFGHJK"])]
    payment_id: str
    status: RefundStatus
    amount: int
    currency: str
    origin: Origin
    speed: RefundSpeed
    speed_processed: str | None
    reason: str | None
    metadata: dict[str, str]
    livemode: bool
    gateway_refund_id: str | None
    gateway_payment_id: str
    suspense_id: str | None
    reference: str | None
    failure: str | None
    needs_review: bool
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, refund: Refund) -> "RefundRead":
        """Show a refund."""
        return cls.model_construct(**_facts(refund))


class RefundHistoryRead(BaseModel):
    """One fact of the refund's life, in the order in which we learnt it."""

    at: Timestamp
    event: str
    status: RefundStatus
    source: str

    @classmethod
    def of(cls, entry: HistoryEntry) -> "RefundHistoryRead":
        """Show a history entry."""
        return cls(at=entry.at, event=entry.event, status=entry.status, source=entry.source)


class RefundDetail(RefundRead):
    """A refund with its history and the processor's own data."""

    review: list[ReviewReason]
    history: list[RefundHistoryRead]
    razorpay_data: dict[str, Any]

    @classmethod
    def of(cls, refund: Refund) -> "RefundDetail":
        """Show a refund in full."""
        return cls.model_construct(
            **_facts(refund),
            review=list(refund.review),
            history=[RefundHistoryRead.of(entry) for entry in refund.history],
            razorpay_data=dict(refund.razorpay_data),
        )


def _facts(refund: Refund) -> Mapping[str, Any]:
    """Return the fields of `RefundRead`. They come from our own types, so nothing is validated again."""
    return {
        "id": refund.id,
        "payment_id": refund.payment_id,
        "status": refund.status,
        "amount": refund.money.minor,
        "currency": refund.money.currency,
        "origin": refund.origin,
        "speed": refund.speed,
        "speed_processed": refund.speed_processed,
        "reason": refund.reason,
        "metadata": dict(refund.metadata),
        "livemode": refund.scope.livemode,
        "gateway_refund_id": refund.gateway_refund_id,
        "gateway_payment_id": refund.gateway_payment_id,
        "suspense_id": refund.suspense_id,
        "reference": refund.reference,
        "failure": refund.failure,
        "needs_review": bool(refund.review),
        "created_at": refund.created_at,
        "updated_at": refund.updated_at,
    }
