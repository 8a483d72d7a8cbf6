"""What the API of payment links reads and shows. Amounts are integers in minor units (paise for INR)."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.gateways.payer import Payer
from app.kit.bounds import DESCRIPTION_LENGTH
from app.kit.contacts import masked_email, masked_phone
from app.kit.ids import Prefix
from app.links.models import Link, ShownStatus
from app.links.service import NewLink
from app.payments.payers import plain_payer
from app.payments.schemas import Amount, Currency, EmailGiven, PhoneGiven, Reference, ReturnUrl, checked_currency
from app.web.envelope import Moment, Timestamp
from app.web.paging import PageQuery


class LinkNotify(BaseModel):
    """The customer whom the link is sent to: by e-mail, by SMS, or both."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"email": "customer@example.com"}]}
    )

    email: EmailGiven = None
    phone: PhoneGiven = None

    @model_validator(mode="after")
    def refuse_what_nobody_has(self) -> Self:
        """Refuse neither, and what is no address or number."""
        if self.email is None and self.phone is None:
            message = "send email, phone or both"
            raise ValueError(message)
        customer = self.to_payer()
        if self.email is not None and customer.email is None:
            message = "this is no e-mail address"
            raise ValueError(message)
        if self.phone is not None and customer.phone is None:
            message = "this is no telephone number"
            raise ValueError(message)
        return self

    def to_payer(self) -> Payer:
        """Return whom to send it to, in the one spelling."""
        return plain_payer(email=self.email, phone=self.phone)


class LinkResend(BaseModel):
    """To whom a link goes from now on; without it, to whom it went before."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"notify": {"phone": "+919812345670"}}]}
    )

    notify: LinkNotify | None = None


class LinkCreate(BaseModel):
    """A link to be made: with an amount, or with bounds between which the customer chooses."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"amount": 50000, "currency": "INR", "description": "Two tickets", "reference": "invoice-7"},
                {"min_amount": 10000, "max_amount": 1000000, "description": "A donation", "reusable": True},
            ]
        },
    )

    amount: Amount | None = None
    min_amount: Amount | None = None
    max_amount: Amount | None = None
    currency: Currency = "INR"
    description: Annotated[str, StringConstraints(strict=True, max_length=DESCRIPTION_LENGTH)] | None = None
    reference: Annotated[Reference, Field(description="Your own number; several links may carry it.")] | None = None
    return_url: ReturnUrl | None = None
    expires_at: Annotated[Moment, Field(description="15 minutes to 366 days from now; never when left out.")] | None = (
        None
    )
    reusable: Annotated[
        bool, Field(strict=True, description="Whether everybody who opens it pays, or it is paid once.")
    ] = False
    notify: Annotated[
        LinkNotify | None, Field(description="Whom the link is sent to; you send it yourself when left out.")
    ] = None

    def to_new(self) -> NewLink:
        """Return what the service needs. Raises AmountRefused for a currency that ISO 4217 does not know."""
        return NewLink(
            currency=checked_currency(self.currency),
            amount=self.amount,
            min_amount=self.min_amount,
            max_amount=self.max_amount,
            description=self.description,
            reference=self.reference,
            return_url=self.return_url,
            expires_at=self.expires_at,
            is_reusable=self.reusable,
            notify=None if self.notify is None else self.notify.to_payer(),
        )


class LinkQuery(PageQuery):
    """Filters of the list of links."""

    prefix = Prefix.LINK

    status: ShownStatus | None = None
    reference: Reference | None = None


class LinkNotifyRead(BaseModel):
    """Whom the link is sent to, masked."""

    email: str | None
    phone: str | None

    @classmethod
    def of(cls, customer: Payer) -> "LinkNotifyRead | None":
        """Show somebody; None for nobody."""
        if not customer:
            return None
        email, phone = customer.email, customer.phone
        return cls(email=email and masked_email(email), phone=phone and masked_phone(phone))


class LinkRead(BaseModel):
    """A payment link. `url` is what you send; `payment_id` is the current payment of a link that is paid once."""

    id: Annotated[str, Field(examples=["lnk_01KAQ7X2V8M3TZB5C6D9EFGHJK"])]
    status: ShownStatus
    url: str
    amount: int | None
    min_amount: int | None
    max_amount: int | None
    currency: str
    description: str | None
    reference: str | None
    return_url: str | None
    reusable: bool
    payment_id: str | None
    notify: LinkNotifyRead | None
    livemode: bool
    expires_at: Timestamp | None
    resent_at: Timestamp | None
    created_at: Timestamp
    updated_at: Timestamp

    @classmethod
    def of(cls, link: Link, *, url: str, status: ShownStatus, customer: Payer) -> "LinkRead":
        """Show a link. Its fields come from our own types, so nothing is validated again."""
        return cls.model_construct(
            id=link.id,
            status=status,
            url=url,
            amount=link.amount,
            min_amount=link.min_amount,
            max_amount=link.max_amount,
            currency=link.currency,
            description=link.description,
            reference=link.reference,
            return_url=link.return_url,
            reusable=link.is_reusable,
            payment_id=link.payment_id,
            notify=LinkNotifyRead.of(customer),
            livemode=link.scope.livemode,
            expires_at=link.expires_at,
            resent_at=link.resent_at,
            created_at=link.created_at,
            updated_at=link.updated_at,
        )
