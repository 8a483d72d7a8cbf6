"""What the customers API reads and shows. Amounts are integers in minor units (paise for INR)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from app.customers.models import Customer, Erasure, ErasureState
from app.customers.places import is_cursor
from app.gateways.payer import Payer
from app.kit.contacts import masked_email, masked_phone
from app.kit.ids import Prefix
from app.payments.payers import plain_payer
from app.payments.schemas import EmailGiven, PhoneGiven
from app.web.envelope import Timestamp
from app.web.paging import PageQuery


class CustomerQuery(PageQuery):
    """Which page of the customers: behind or in front of a `next_cursor`, or of a customer's id.

    A `next_cursor` keeps its place; an id is where its customer stands now.
    """

    @field_validator("starting_after", "ending_before")
    @classmethod
    def refuse_other_cursors(cls, cursor: str | None) -> str | None:
        """Refuse what names no place in this list."""
        if cursor is not None and not is_cursor(cursor):
            message = f"a cursor of this list is a next_cursor of it, or an id that starts with {Prefix.CUSTOMER}_"
            raise ValueError(message)
        return cursor


class CustomerPaymentsQuery(PageQuery):
    """Which page of a customer's payments."""

    prefix = Prefix.PAYMENT


class CustomerSearch(BaseModel):
    """Whom to look for: by their whole e-mail address or their whole telephone number."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"email": "customer@example.com"}]}
    )

    email: EmailGiven = None
    phone: PhoneGiven = None

    @model_validator(mode="after")
    def refuse_what_nobody_has(self) -> Self:
        """Refuse both at once, neither, and what is no address or number."""
        if (self.email is None) == (self.phone is None):
            message = "send either email or phone"
            raise ValueError(message)
        if not self.to_payer():
            message = "this is no e-mail address" if self.phone is None else "this is no telephone number"
            raise ValueError(message)
        return self

    def to_payer(self) -> Payer:
        """Return whom to look for, in the one spelling."""
        return plain_payer(email=self.email, phone=self.phone)


class TurnoverRead(BaseModel):
    """What a customer paid in one currency, and what went back."""

    currency: str
    payments: int
    amount_captured: int
    amount_refunded: int


class CustomerRead(BaseModel):
    """Somebody who paid. `masked` tells whether address and number are shortened, for want of `customers:read`."""

    id: Annotated[str, Field(examples=["cus_01KAQ7X2V8M3TZB5C6D9EFGHJK"])]
    email: str | None
    phone: str | None
    masked: bool
    livemode: bool
    payments: Annotated[int, Field(description="How many payments they completed.")]
    turnovers: list[TurnoverRead]
    first_paid_at: Timestamp
    last_paid_at: Timestamp

    @classmethod
    def of(cls, customer: Customer, payer: Payer, *, is_open: bool) -> Self:
        """Show a customer, whole or masked."""
        return cls(**_facts(customer, payer if is_open else masked(payer), is_open=is_open))


class ErasureRead(BaseModel):
    """How far the erasure of a customer is, and out of how much they were taken so far.

    While it is `watching` nothing of them is left, and what comes late is looked for once more.
    """

    customer_id: Annotated[str, Field(examples=["cus_01KAQ7X2V8M3TZB5C6D9EFGHJK"])]
    status: ErasureState
    livemode: bool
    payments: int
    events: int
    disputes: int
    links: int
    notices: int
    began_at: Timestamp
    ended_at: Timestamp | None

    @classmethod
    def of(cls, erasure: Erasure) -> Self:
        """Show an erasure."""
        return cls(
            customer_id=erasure.customer_id,
            status=erasure.state,
            livemode=erasure.scope.livemode,
            payments=erasure.payments,
            events=erasure.events,
            disputes=erasure.disputes,
            links=erasure.links,
            notices=erasure.notices,
            began_at=erasure.began_at,
            ended_at=erasure.ended_at,
        )


class CustomersFound(BaseModel):
    """The customers who paid with an address or number, who paid last first."""

    items: list[CustomerRead]

    @classmethod
    def of(cls, found: Sequence[CustomerRead]) -> Self:
        """Show them in their order."""
        return cls(items=list(found))


def masked(payer: Payer) -> Payer:
    """Return as much of somebody as lets those recognise them who know them."""
    return Payer(
        email=None if payer.email is None else masked_email(payer.email),
        phone=None if payer.phone is None else masked_phone(payer.phone),
    )


def _facts(customer: Customer, payer: Payer, *, is_open: bool) -> Mapping[str, Any]:
    return {
        "id": customer.id,
        "email": payer.email,
        "phone": payer.phone,
        "masked": not is_open,
        "livemode": customer.scope.livemode,
        "payments": customer.payments,
        "turnovers": [
            TurnoverRead(
                currency=currency,
                payments=turnover.payments,
                amount_captured=turnover.captured,
                amount_refunded=turnover.refunded,
            )
            for currency, turnover in customer.turnovers.items()
        ],
        "first_paid_at": customer.first_paid_at,
        "last_paid_at": customer.last_paid_at,
    }
