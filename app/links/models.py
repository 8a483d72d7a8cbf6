"""Payment links as values, the table of their states, and what becomes of the payment that a link has."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from app.kit.money import Money
from app.kit.scope import Scope
from app.kit.transitions import Transitions
from app.payments.models import OrderState, Payment, PaymentStatus


class LinkStatus(StrEnum):
    """What is stored of a payment link's state; that it has expired follows from the time.

    A cancelled link may still turn out paid: by money that was on its way when the merchant cancelled it.
    """

    ACTIVE = "active"
    CANCELLED = "cancelled"
    PAID = "paid"


TRANSITIONS = Transitions(
    {
        LinkStatus.ACTIVE: frozenset({LinkStatus.CANCELLED, LinkStatus.PAID}),
        LinkStatus.CANCELLED: frozenset({LinkStatus.PAID}),
        LinkStatus.PAID: frozenset(),
    }
)


class ShownStatus(StrEnum):
    """The state as the API shows it."""

    ACTIVE = "active"
    PAID = "paid"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Slot:
    """The one payment that a link for one payment has at a time: which it is, for how much, and its id once known.

    It is written before the payment is made, and the payment's idempotency key is made of its number: so a crash
    between the two, a double click and two customers at once all end in one payment.
    """

    number: int
    amount: int
    payment_id: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A payment link. Amounts are minor units: either `amount` is set, or `min_amount` and `max_amount` are.

    `request_key` is the client's Idempotency-Key.

    `notify` is the customer whom it is sent to, sealed, if the merchant named one.
    """

    id: str
    scope: Scope
    status: LinkStatus
    currency: str
    is_reusable: bool
    created_at: datetime
    updated_at: datetime
    amount: int | None = None
    min_amount: int | None = None
    max_amount: int | None = None
    description: str | None = None
    reference: str | None = None
    return_url: str | None = None
    expires_at: datetime | None = None
    slot: Slot | None = None
    resent_at: datetime | None = None
    notify: str | None = field(default=None, repr=False)
    request_key: str | None = None
    version: int = 1

    @property
    def payment_id(self) -> str | None:
        """Return the current payment of a link for one payment."""
        return self.slot.payment_id if self.slot is not None else None

    def shown_status(self, now: datetime) -> ShownStatus:
        """Return the state to show at a moment."""
        match self.status:
            case LinkStatus.ACTIVE if self.expires_at is not None and self.expires_at <= now:
                return ShownStatus.EXPIRED
            case LinkStatus.ACTIVE | LinkStatus.CANCELLED | LinkStatus.PAID:
                return ShownStatus(self.status.value)
            case _:
                assert_never(self.status)

    def accepts(self, money: Money) -> bool:
        """Tell whether this amount may be paid through the link."""
        if money.currency != self.currency:
            return False
        if self.amount is not None:
            return money.minor == self.amount
        return (self.min_amount or 0) <= money.minor <= (self.max_amount or 0)


class Fate(StrEnum):
    """What is done about the payment of a link's slot when somebody wants to pay."""

    SHOW = "show"
    """It can be paid, or money for it is here or on its way."""

    MAKE = "make"
    """It is not there yet, or has no order: whoever began it stopped on the way."""

    REPLACE = "replace"
    """It can't be paid any more, or is for another amount: it is given up, and another one made."""


def fate_of(slot: Slot | None, payment: Payment | None, *, amount: int, now: datetime) -> Fate:
    """Return what is done when somebody wants to pay an amount."""
    if slot is None:
        return Fate.REPLACE
    if payment is None:
        return Fate.MAKE if slot.amount == amount else Fate.REPLACE
    match payment.status:
        case PaymentStatus.COMPLETED:
            return Fate.SHOW
        case PaymentStatus.AUTHORIZED:
            has_lapsed = payment.primary is not None and payment.primary.has_lapsed
            return Fate.REPLACE if has_lapsed else Fate.SHOW
        case PaymentStatus.CANCELLED | PaymentStatus.EXPIRED:
            return Fate.REPLACE
        case PaymentStatus.PENDING | PaymentStatus.FAILED:
            return _fate_of_open(payment, amount=amount, now=now)
        case _:
            assert_never(payment.status)


def _fate_of_open(payment: Payment, *, amount: int, now: datetime) -> Fate:
    if payment.money.minor != amount or payment.expires_at <= now:
        return Fate.REPLACE
    match payment.order_state:
        case OrderState.READY:
            return Fate.SHOW
        case OrderState.REQUESTED | OrderState.UNKNOWN:
            return Fate.MAKE
        case OrderState.REFUSED:
            return Fate.REPLACE
        case _:
            assert_never(payment.order_state)
