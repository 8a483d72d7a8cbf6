"""What the API of money in suspense reads and shows. Amounts are integers in minor units (paise for INR)."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.kit.bounds import DESCRIPTION_LENGTH
from app.kit.ids import Prefix
from app.payments.models import ReviewReason, SuspenseEntry, SuspenseFact, SuspenseState
from app.web.envelope import Timestamp
from app.web.paging import PageQuery


class SuspenseQuery(PageQuery):
    """Which page of the money in suspense."""

    prefix = Prefix.SUSPENSE

    state: SuspenseState | None = None


Reason = Annotated[
    str,
    StringConstraints(strict=True, strip_whitespace=True, min_length=3, max_length=DESCRIPTION_LENGTH),
    Field(description="Why, in your own words; it is kept in the audit log."),
]
PaymentId = Annotated[str, StringConstraints(strict=True, pattern=r"^pmt_[0-9A-Z]{26}$")]


class SuspensePlace(BaseModel):
    """That the money is the merchant's, and why."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"reason": "The customer paid the shipping by a second payment"}]},
    )

    reason: Reason
    payment_id: Annotated[
        PaymentId | None, Field(description="The payment it was meant for; the one it came with when left out.")
    ] = None


class SuspenseReturn(BaseModel):
    """That the money goes back to the customer, and why."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"reason": "The customer paid twice"}]}
    )

    reason: Reason


class SuspenseRead(BaseModel):
    """Captured money that is no payment's, and what became of it."""

    id: str
    state: SuspenseState
    gateway_payment_id: str
    payment_id: str
    amount: int
    currency: str
    amount_placed: int
    amount_refunded: int
    placed_payment_id: str | None
    reason: ReviewReason
    created_at: Timestamp

    @classmethod
    def of(cls, entry: SuspenseEntry) -> "SuspenseRead":
        """Show a suspense entry."""
        return cls(**_suspense_facts(entry))


class SuspenseFactRead(BaseModel):
    """One fact of the money's life in suspense, in the order in which we learnt it."""

    at: Timestamp
    event: str
    state: SuspenseState

    @classmethod
    def of(cls, fact: SuspenseFact) -> Self:
        """Show a fact."""
        return cls(at=fact.at, event=fact.event, state=fact.state)


class SuspenseDetail(SuspenseRead):
    """Money in suspense with its history; `amount_open` is neither placed nor on its way back."""

    amount_open: int
    history: list[SuspenseFactRead]

    @classmethod
    def of(cls, entry: SuspenseEntry) -> "SuspenseDetail":
        """Show a suspense entry in full."""
        history = [SuspenseFactRead.of(fact) for fact in entry.history]
        return cls(**_suspense_facts(entry), amount_open=entry.rest, history=history)


def _suspense_facts(entry: SuspenseEntry) -> Mapping[str, Any]:
    held = entry.held
    return {
        "id": entry.id,
        "state": entry.state,
        "gateway_payment_id": held.gateway_payment_id,
        "payment_id": held.payment_id,
        "amount": held.amount.minor,
        "currency": held.amount.currency,
        "amount_placed": entry.amount_placed,
        "amount_refunded": entry.amount_refunded,
        "placed_payment_id": entry.placed_payment_id,
        "reason": held.reason,
        "created_at": held.created_at,
    }
