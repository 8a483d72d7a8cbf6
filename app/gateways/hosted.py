"""The processor's own payment page, as the house sees it: a form that brings a customer there and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from app.kit.money import Money


@dataclass(frozen=True, slots=True)
class HostedRequest:
    """What the processor's own payment page is to take, and where it sends the customer afterwards."""

    key_id: str
    order_id: str
    amount: Money
    merchant: str
    description: str
    return_url: str
    leave_url: str


@dataclass(frozen=True, slots=True)
class HostedForm:
    """A form that brings a customer's browser to the processor: its address, that address's origin, its fields."""

    url: str
    origin: str
    fields: Mapping[str, str]


class HostedCheckout(Protocol):
    """The processor's own payment page."""

    def form_of(self, asked: HostedRequest) -> HostedForm:
        """Return the form for one order."""
        ...
