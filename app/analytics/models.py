"""Half hours with what was taken in them, and sums of them, as values. Amounts are minor units of their currency."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.kit.scope import Scope

SLOT = timedelta(minutes=30)
"""The span that is counted ahead. Half an hour, because a day in India begins at half past the hour of UTC."""

_SOON, _LATER, _DAILY = timedelta(seconds=15), timedelta(minutes=10), timedelta(days=1)
_FRESH, _YOUNG = timedelta(hours=1), timedelta(days=1)
_SETTLED = timedelta(days=6)
"""Late authorisations come within three days, and sweeps look back five."""
_FORGOTTEN = timedelta(days=45)
"""A payment lives for thirty days at most, and then for those three."""


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a sum: how many payments, and their amount."""

    count: int = 0
    amount: int = 0

    def __add__(self, other: "Share") -> "Share":
        return Share(self.count + other.count, self.amount + other.amount)


NOTHING = Share()


@dataclass(frozen=True, slots=True)
class Sums:
    """What payments of one currency came to.

    Attributes:
        created: all that were made.
        succeeded: those whose money was taken or is held by the bank.
        open: those that may still be paid.
        refunded: what was given back, by the day on which the refund was asked for.
        methods: the succeeded ones by how they were paid.
        failures: attempts that failed, by the processor's machine word.
    """

    created: Share = NOTHING
    succeeded: Share = NOTHING
    open: int = 0
    refunded: Share = NOTHING
    methods: Mapping[str, Share] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)

    @property
    def ended(self) -> int:
        """Return how many payments have come to an end, good or bad."""
        return self.created.count - self.open

    @property
    def success_permille(self) -> int | None:
        """Return how many of a thousand payments that ended were paid; None when none has ended."""
        return self.succeeded.count * 1000 // self.ended if self.ended > 0 else None

    @property
    def average_ticket(self) -> int | None:
        """Return the mean amount of a paid payment, rounded down; None when there is none."""
        return self.succeeded.amount // self.succeeded.count if self.succeeded.count else None

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            created=self.created + other.created,
            succeeded=self.succeeded + other.succeeded,
            open=self.open + other.open,
            refunded=self.refunded + other.refunded,
            methods=_shares(self.methods, other.methods),
            failures=_counts(self.failures, other.failures),
        )


EMPTY = Sums()


@dataclass(frozen=True, slots=True)
class Slot:
    """One half hour of a merchant's payments, by currency."""

    scope: Scope
    begins_at: datetime
    sums: Mapping[str, Sums] = field(default_factory=dict)
    counted_at: datetime | None = None

    @property
    def ends_at(self) -> datetime:
        """Return the first moment behind it."""
        return self.begins_at + SLOT

    def next_look(self, now: datetime) -> datetime | None:
        """Return when to count again, or None once nothing in it can change any more."""
        age = now - self.ends_at
        if age < _FRESH:
            return now + _SOON
        if age < _YOUNG:
            return now + _LATER
        if age < _SETTLED:
            return now + _SETTLED / 24
        can_change = any(sums.open or sums.refunded.count for sums in self.sums.values())
        return now + _DAILY if can_change and age < _FORGOTTEN else None


def slot_of(moment: datetime) -> datetime:
    """Return the beginning of the half hour that a moment is in."""
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)


def total(sums: Iterable[Sums]) -> Sums:
    """Return the sum of sums of one currency."""
    made = EMPTY
    for one in sums:
        made += one
    return made


def _shares(one: Mapping[str, Share], other: Mapping[str, Share]) -> Mapping[str, Share]:
    if not one or not other:
        return one or other
    return {name: one.get(name, NOTHING) + other.get(name, NOTHING) for name in {**one, **other}}


def _counts(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    if not one or not other:
        return one or other
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
