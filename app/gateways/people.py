"""Who stands in what a processor sends us, and how it is shown or kept without them: the port beside `EventReader`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from app.gateways.payer import Payer

IsTheirs = Callable[[Payer, datetime], bool]
"""Tells whether somebody, named in what was made at a moment, is to be erased."""


@dataclass(frozen=True, slots=True)
class Mention:
    """Somebody, or a payment of somebody's, in an event.

    Attributes:
        payer: their address and number as the processor wrote them, where it did.
        payment_ids: the processor's ids of payments that this stands in or speaks of.
        order_id: the processor's order that it belongs to, if it names one.
        at: when the processor made what this stands in, if it says so.
    """

    payer: Payer
    payment_ids: tuple[str, ...]
    order_id: str | None
    at: datetime | None


class PeopleReader(Protocol):
    """Finds people in a processor's events and takes them out; pure. A body that is no JSON raises ValueError."""

    def mentions(self, body: bytes) -> Sequence[Mention]:
        """Return who and whose payments stand in a body."""
        ...

    def masked(self, body: bytes) -> Any:
        """Return what a body says, with as much of people as lets those recognise them who know them."""
        ...

    def without_people(self, body: bytes) -> bytes:
        """Return a body that can still be applied: types, states, amounts, times and the processor's ids only."""
        ...
