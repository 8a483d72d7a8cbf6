"""Customers and what each payment adds to one, as values. Amounts are minor units of their currency; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from app.kit.scope import Scope
from app.kit.transitions import Transitions

MOST_KEYS = 20
"""By how many addresses and numbers a customer is found: whoever comes with a new one each time loses the oldest."""


@dataclass(frozen=True, slots=True)
class Turnover:
    """What a customer paid in one currency, and what went back."""

    payments: int = 0
    captured: int = 0
    refunded: int = 0

    def __add__(self, other: "Turnover") -> "Turnover":
        return Turnover(self.payments + other.payments, self.captured + other.captured, self.refunded + other.refunded)

    def __sub__(self, other: "Turnover") -> "Turnover":
        return Turnover(self.payments - other.payments, self.captured - other.captured, self.refunded - other.refunded)


NOTHING = Turnover()


@dataclass(frozen=True, slots=True)
class Purchase:
    """What one payment adds to its customer, as it stands at a version of the payment."""

    payment_id: str
    version: int
    currency: str
    turnover: Turnover
    paid_at: datetime


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who paid, with the sum of what their payments added.

    Attributes:
        identity: the key that is theirs alone: of their telephone number, of their e-mail address without one.
        keys: by what they are found.
        payer: their newest number and address, sealed.
        named_at: when they paid with what `payer` says.
    """

    id: str
    scope: Scope
    identity: str
    keys: tuple[str, ...]
    payer: str = field(repr=False)
    named_at: datetime
    first_paid_at: datetime
    last_paid_at: datetime
    turnovers: Mapping[str, Turnover] = field(default_factory=dict)

    @property
    def payments(self) -> int:
        """Return how many payments they completed."""
        return sum(turnover.payments for turnover in self.turnovers.values())

    def named(self, *, identity: str, keys: Sequence[str], payer: str, at: datetime) -> "Customer":
        """Return them under the newest of their names."""
        kept = tuple(dict.fromkeys([*keys, *self.keys]))[:MOST_KEYS]
        return replace(self, identity=identity, keys=kept, payer=payer, named_at=at)

    def found_by(self, keys: Sequence[str]) -> "Customer":
        """Return them with further keys; those of their newest name stay in front."""
        return replace(self, keys=tuple(dict.fromkeys([*self.keys, *keys]))[:MOST_KEYS])

    def counted(self, before: Purchase | None, now: Purchase) -> "Customer":
        """Return them with a payment as it is now, in the place of what it added before."""
        sums = dict(self.turnovers)
        if before is not None:
            sums[before.currency] = sums.get(before.currency, NOTHING) - before.turnover
        sums[now.currency] = sums.get(now.currency, NOTHING) + now.turnover
        return replace(
            self,
            turnovers={currency: turnover for currency, turnover in sorted(sums.items()) if turnover != NOTHING},
            first_paid_at=min(self.first_paid_at, now.paid_at),
            last_paid_at=max(self.last_paid_at, now.paid_at),
        )


class ErasureState(StrEnum):
    """How far an erasure is.

    While it is `watching`, everything that was here is erased, and what came late is looked for once more.
    """

    RUNNING = "running"
    WATCHING = "watching"
    DONE = "done"


ERASURE_TRANSITIONS = Transitions(
    {
        ErasureState.RUNNING: frozenset({ErasureState.WATCHING}),
        ErasureState.WATCHING: frozenset({ErasureState.DONE}),
        ErasureState.DONE: frozenset(),
    }
)


class ErasureStep(StrEnum):
    """What an erasure walks through, in this order."""

    COUNTED = "counted"
    """The payments that were counted for them."""

    PAYERS = "payers"
    """All payments that say who paid: one may name them that was not completed, or not counted yet."""

    LINKS = "links"
    """All payment links that say whom they were sent to."""

    NOTICES = "notices"
    """Everything that customers were told: behind payments, since a receipt is theirs whose payment is."""

    EVENTS = "events"
    """All events of the processor."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """That a customer is erased, and how far that is. It says who it was by keyed digests only.

    Attributes:
        own: their identity's keys: whoever has one is not made a customer again by a payment from before `began_at`.
        names: the keys of every address and number that they are known by: what was sent to one of them is theirs.
        position: the last id of the step that was looked at.
        payments: of how many payments the payer was taken out; `events`, `disputes` and `links` likewise.
        notices: how many were removed.
    """

    customer_id: str
    scope: Scope
    own: tuple[str, ...]
    names: tuple[str, ...]
    began_at: datetime
    state: ErasureState = ErasureState.RUNNING
    step: ErasureStep = ErasureStep.COUNTED
    position: str = ""
    payments: int = 0
    events: int = 0
    disputes: int = 0
    links: int = 0
    notices: int = 0
    ended_at: datetime | None = None
