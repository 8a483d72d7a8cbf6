"""The verbs of the numbers: what a merchant took, by day and altogether, against the days before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from app.analytics.models import EMPTY, Slot, Sums, slot_of, total
from app.analytics.store import AnalyticsStore
from app.kit.clock import Clock
from app.kit.scope import Scope

MOST_DAYS = 92
"""How many days are shown at most: what is read for a page has a bound."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day in the viewer's zone."""

    day: date
    sums: Sums


@dataclass(frozen=True, slots=True)
class Overview:
    """What one currency came to.

    `today` is compared with what the day before and the same weekday of last week had come to by the same time.
    """

    currency: str
    whole: Sums
    days: Sequence[Day]
    hours: Sequence[Sums]
    today: Sums
    yesterday: Sums
    last_week: Sums


@dataclass(frozen=True, slots=True)
class Analytics:
    """Answers what was taken, from half hours that were counted ahead."""

    store: AnalyticsStore
    clock: Clock

    async def get_overview(self, scope: Scope, *, days: int, zone: tzinfo) -> "Numbers":
        """Return the numbers of the last days, today included, by currency; the busiest currency first."""
        now = self.clock.now()
        today = now.astimezone(zone).date()
        first = today - timedelta(days=min(days, MOST_DAYS) - 1)
        since = min(_midnight(first, zone), _midnight(today - timedelta(days=7), zone))
        slots = await self.store.list_slots(scope, since=since, before=now)
        counted = [slot.counted_at for slot in slots if slot.counted_at is not None]
        currencies = sorted(
            {currency for slot in slots for currency in slot.sums},
            key=lambda currency: (-sum(slot.sums.get(currency, EMPTY).created.count for slot in slots), currency),
        )
        made = [_overview(currency, slots, first=first, now=now, zone=zone) for currency in currencies]
        return Numbers(overviews=made, counted_at=max(counted, default=None))


@dataclass(frozen=True, slots=True)
class Numbers:
    """The overviews by currency, and how fresh they are."""

    overviews: Sequence[Overview]
    counted_at: datetime | None


def _overview(currency: str, slots: Sequence[Slot], *, first: date, now: datetime, zone: tzinfo) -> Overview:
    today = now.astimezone(zone).date()
    by_day: dict[date, list[Sums]] = {}
    hours: dict[int, list[Sums]] = {}
    for slot in slots:
        sums = slot.sums.get(currency)
        if sums is None:
            continue
        local = slot.begins_at.astimezone(zone)
        by_day.setdefault(local.date(), []).append(sums)
        if local.date() == today:
            hours.setdefault(local.hour, []).append(sums)
    span = [first + timedelta(days=at) for at in range((today - first).days + 1)]
    days = [Day(day, total(by_day.get(day, ()))) for day in span]
    return Overview(
        currency=currency,
        whole=total(day.sums for day in days),
        days=days,
        hours=[total(hours.get(hour, ())) for hour in range(24)],
        today=total(by_day.get(today, ())),
        yesterday=_so_far(currency, slots, today - timedelta(days=1), now=now, zone=zone),
        last_week=_so_far(currency, slots, today - timedelta(days=7), now=now, zone=zone),
    )


def _so_far(currency: str, slots: Sequence[Slot], day: date, *, now: datetime, zone: tzinfo) -> Sums:
    """Return what an earlier day had come to by this time of the day, to the half hour."""
    begins, ends = _midnight(day, zone), datetime.combine(day, slot_of(now).astimezone(zone).time(), zone)
    return total(slot.sums[currency] for slot in slots if begins <= slot.begins_at <= ends and currency in slot.sums)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)


def shares_of(parts: Mapping[str, int], *, most: int) -> Sequence[tuple[str, int]]:
    """Return the largest parts with their names, and the rest of them as `other`."""
    ranked = sorted(parts.items(), key=lambda part: (-part[1], part[0]))
    shown, rest = ranked[:most], sum(count for _, count in ranked[most:])
    return [*shown, ("other", rest)] if rest else shown
