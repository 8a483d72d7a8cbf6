"""What the payments API reads and shows. Amounts are integers in minor units (paise for INR)."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.gateways.port import CaptureMethod
from app.kit.bounds import (
    DESCRIPTION_LENGTH,
    METADATA_KEY_LENGTH,
    METADATA_KEYS,
    METADATA_VALUE_LENGTH,
    REFERENCE_LENGTH,
)
from app.kit.contacts import EMAIL_LENGTH, PHONE_LENGTH
from app.kit.ids import Prefix
from app.kit.money import MAX_MINOR, Money, exponents
from app.payments.addresses import CheckoutAddresses
from app.payments.models import (
    Attempt,
    DisputeState,
    HistoryEntry,
    Payment,
    PaymentStatus,
    ReviewReason,
    ShownStatus,
)
from app.payments.problems import AmountRefused
from app.payments.store import PaymentFilter
from app.web.envelope import Moment, Timestamp
from app.web.paging import PageQuery

Amount = Annotated[int, Field(strict=True, ge=1, le=MAX_MINOR, description="In minor units: 50000 is ₹500.00.")]
Currency = Annotated[
    str, StringConstraints(strict=True, pattern=r"^[A-Z]{3}$"), Field(description="ISO 4217 code.", examples=["INR"])
]
Reference = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=REFERENCE_LENGTH),
    Field(description="Your own order number; unique per merchant and mode."),
]
Metadata = Annotated[
    dict[
        Annotated[str, StringConstraints(strict=True, pattern=rf"^[A-Za-z0-9_-]{{1,{METADATA_KEY_LENGTH}}}$")],
        Annotated[str, StringConstraints(strict=True, max_length=METADATA_VALUE_LENGTH)],
    ],
    Field(max_length=METADATA_KEYS, description="Up to 15 facts of your own."),
]
GatewayId = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z]{3,6}_[A-Za-z0-9]{1,40}$")]

ReturnUrl = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=2000),
    Field(description="Where the hosted checkout sends the customer at the end; on a registered origin."),
]
EmailGiven = Annotated[str, StringConstraints(strict=True, max_length=EMAIL_LENGTH)] | None
PhoneGiven = Annotated[
    Annotated[str, StringConstraints(strict=True, max_length=PHONE_LENGTH)] | None,
    Field(description="With its country, as in `+919812345670`; one without is Indian."),
]
LinkId = Annotated[str, StringConstraints(strict=True, pattern=r"^lnk_[0-9A-Z]{26}$")]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PaymentCreate(_In):
    """A payment to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "amount": 50000,
                    "currency": "INR",
                    "description": "Two tickets",
                    "reference": "order-1001",
                    "metadata": {"seat": "12A"},
                }
            ]
        }
    )

    amount: Amount
    currency: Currency = "INR"
    description: Annotated[str, StringConstraints(strict=True, max_length=DESCRIPTION_LENGTH)] | None = None
    reference: Reference | None = None
    metadata: Metadata = Field(default_factory=dict)
    capture_method: CaptureMethod = CaptureMethod.AUTOMATIC
    return_url: ReturnUrl | None = None

    def to_money(self) -> Money:
        """Return the amount as money. Raises AmountRefused for a currency that ISO 4217 does not know."""
        return _money(self.amount, self.currency)


class PaymentVerify(_In):
    """What the checkout's callback carries."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "razorpay_order_id": "order_AbCdEfGhIjKlMn",
                    "razorpay_payment_id": "pay_AbCdEfGhIjKlMn",
                    "razorpay_signature": "9a0f9a0f9a0f9a0f9a0f9a0f9a0f9a0f9a0f9a0f9a0f9a0f9a0f9a0f9a0f9a0f",
                }
            ]
        }
    )

    razorpay_order_id: GatewayId
    razorpay_payment_id: GatewayId
    razorpay_signature: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=256)]


class PaymentCapture(_In):
    """How much to capture; the whole authorised amount when left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"amount": 50000, "currency": "INR"}]})

    amount: Amount | None = None
    currency: Currency | None = None

    def to_money(self, *, default_currency: str) -> Money | None:
        """Return the amount as money, or None for all of it."""
        return None if self.amount is None else _money(self.amount, self.currency or default_currency)


class PaymentQuery(PageQuery):
    """Filters of the list of payments."""

    prefix = Prefix.PAYMENT

    status: PaymentStatus | None = None
    reference: Reference | None = None
    order_id: GatewayId | None = None
    link_id: LinkId | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None
    amount_min: Annotated[int, Field(ge=0, le=MAX_MINOR)] | None = None
    amount_max: Annotated[int, Field(ge=0, le=MAX_MINOR)] | None = None

    def to_filter(self) -> PaymentFilter:
        """Return the filter for the store."""
        return PaymentFilter(
            status=self.status,
            reference=self.reference,
            order_id=self.order_id,
            link_id=self.link_id,
            created_from=self.created_from,
            created_before=self.created_before,
            amount_min=self.amount_min,
            amount_max=self.amount_max,
        )


class PaymentRead(BaseModel):
    """A payment. `order_id`, `payment_id` and `key_id` are the processor's, for its checkout."""

    id: Annotated[str, Field(examples=["pmt_01KAQ7X2V8M3TZB5C6D9EFGHJK"])]
    status: ShownStatus
    amount: int
    currency: str
    amount_captured: int
    amount_refunded: int
    amount_refundable: int
    dispute_state: DisputeState | None
    description: str | None
    reference: str | None
    metadata: dict[str, str]
    capture_method: CaptureMethod
    livemode: bool
    user_id: str | None
    order_id: str | None
    payment_id: str | None
    key_id: str | None
    checkout_url: Annotated[str, Field(description="The hosted page where the customer pays.")]
    return_url: str | None
    link_id: str | None
    needs_review: bool
    expires_at: Timestamp
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, payment: Payment, addresses: CheckoutAddresses) -> "PaymentRead":
        """Show a payment."""
        return cls.model_construct(**_facts(payment, addresses))


class FailureRead(BaseModel):
    """Why an attempt failed, in the processor's machine words."""

    code: str
    reason: str | None
    source: str | None
    step: str | None


class AttemptRead(BaseModel):
    """One try of the customer to pay."""

    id: str
    status: str
    part: str
    amount: int | None
    currency: str | None
    method: str | None
    captured: bool
    amount_refunded: int
    fee: int | None
    tax: int | None
    failure: FailureRead | None
    created_at: Timestamp

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """Show an attempt."""
        failure = attempt.failure
        return cls(
            id=attempt.id,
            status=attempt.status.value,
            part=attempt.part.value,
            amount=attempt.amount.minor if attempt.amount else None,
            currency=attempt.amount.currency if attempt.amount else None,
            method=attempt.method,
            captured=attempt.captured,
            amount_refunded=attempt.amount_refunded,
            fee=attempt.fee,
            tax=attempt.tax,
            failure=None
            if failure is None
            else FailureRead(code=failure.code, reason=failure.reason, source=failure.source, step=failure.step),
            created_at=attempt.created_at,
        )


class HistoryRead(BaseModel):
    """One fact of the payment's life, in the order in which we learnt it."""

    at: Timestamp
    event: str
    status: PaymentStatus
    source: str
    attempt: str | None

    @classmethod
    def of(cls, entry: HistoryEntry) -> Self:
        """Show a history entry."""
        return cls(at=entry.at, event=entry.event, status=entry.status, source=entry.source, attempt=entry.attempt)


class PaymentDetail(PaymentRead):
    """A payment with its attempts, its history and the processor's own data."""

    review: list[ReviewReason]
    attempts: list[AttemptRead]
    history: list[HistoryRead]
    razorpay_data: dict[str, Any]

    @classmethod
    def of(cls, payment: Payment, addresses: CheckoutAddresses) -> "PaymentDetail":
        """Show a payment in full."""
        return cls.model_construct(
            **_facts(payment, addresses),
            review=list(payment.review),
            attempts=[AttemptRead.of(attempt) for attempt in payment.attempts],
            history=[HistoryRead.of(entry) for entry in payment.history],
            razorpay_data=dict(payment.razorpay_data),
        )


def _facts(payment: Payment, addresses: CheckoutAddresses) -> Mapping[str, Any]:
    """Return the fields of `PaymentRead`. They come from our own types, so nothing is validated again."""
    primary = payment.primary
    return {
        "id": payment.id,
        "status": payment.shown_status,
        "amount": payment.money.minor,
        "currency": payment.money.currency,
        "amount_captured": payment.amount_captured,
        "amount_refunded": payment.amount_refunded,
        "amount_refundable": payment.amount_refundable,
        "dispute_state": payment.dispute_state,
        "description": payment.description,
        "reference": payment.reference,
        "metadata": dict(payment.metadata),
        "capture_method": payment.capture_method,
        "livemode": payment.scope.livemode,
        "user_id": payment.user_id,
        "order_id": payment.order_id,
        "payment_id": primary.id if primary else None,
        "key_id": payment.key_id,
        "checkout_url": addresses.url_of(payment.id),
        "return_url": payment.return_url,
        "link_id": payment.link.link_id if payment.link else None,
        "needs_review": bool(payment.review),
        "expires_at": payment.expires_at,
        "created_at": payment.created_at,
        "updated_at": payment.updated_at,
    }


def checked_currency(currency: str) -> str:
    """Return the currency. Raises AmountRefused for one that ISO 4217 does not know."""
    if currency not in exponents():
        message = "This is not a currency of ISO 4217."
        raise AmountRefused(message, param="currency")
    return currency


def _money(amount: int, currency: str) -> Money:
    return Money(amount, checked_currency(currency))
