"""Half hours are counted as the payments stand: new ones, changed ones, refunds, after a stop and by two at once."""

import asyncio
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from app.analytics.counting import Counting
from app.analytics.models import Share
from app.kit.scope import Mode, Scope

IST = ZoneInfo("Asia/Kolkata")


async def count(shop, *, after=0.0):
    """Let time pass, and count everything that is due then."""
    shop.clock.advance(seconds=after)
    room = shop.wiring.analytics
    counting = Counting(room.counting.store, room.counting.payments, room.counting.refunds, shop.clock)
    turns = 0
    while await counting.count_next():
        turns += 1
        assert turns < 1000
    return turns


async def inr(shop, *, days=7, zone=IST):
    numbers = await shop.wiring.analytics.analytics.get_overview(shop.merchant.scope, days=days, zone=zone)
    return next(one for one in numbers.overviews if one.currency == "INR")


async def paid(shop, *, amount=50_000, method="card"):
    payment = (await shop.create(amount=amount)).data
    callback = await shop.pay(payment, method=method)
    assert (await shop.verify(payment, callback)).status == 200
    return payment


async def test_what_was_made_paid_failed_and_refunded_is_counted_by_currency_and_method(shop):
    await paid(shop, amount=50_000)
    await paid(shop, amount=25_001, method="upi")
    failed = (await shop.create(amount=700)).data
    await shop.pay(failed, outcome="failure")
    await shop.merchant.ask("POST", f"/api/v1/payments/{failed['id']}/recheck")
    await shop.create(amount=100, currency="USD")
    returned = await paid(shop, amount=10_000)
    key = "a-key-of-the-refund"
    refund = await shop.merchant.ask("POST", f"/api/v1/payments/{returned['id']}/refunds", {"amount": 2_500}, key=key)
    assert refund.status == 201, refund.body
    await count(shop)
    shown = await inr(shop)
    assert shown.today == shown.whole
    assert shown.whole.created == Share(4, 85_701)
    assert shown.whole.succeeded == Share(3, 85_001)
    assert (shown.whole.open, shown.whole.ended) == (0, 4)
    assert shown.whole.refunded == Share(1, 2_500)
    assert shown.whole.methods == {"card": Share(2, 60_000), "upi": Share(1, 25_001)}
    assert sum(shown.whole.failures.values()) == 1
    assert (shown.whole.success_permille, shown.whole.average_ticket) == (750, 28_333)
    assert sum((hour.created.count for hour in shown.hours), 0) == 4
    numbers = await shop.wiring.analytics.analytics.get_overview(shop.merchant.scope, days=7, zone=IST)
    assert [one.currency for one in numbers.overviews] == ["INR", "USD"]


async def test_counting_again_changes_nothing_and_a_late_change_is_seen(shop):
    payment = (await shop.create()).data
    await count(shop)
    before = (await inr(shop)).whole
    assert (before.created.count, before.open, before.success_permille) == (1, 1, None)
    await count(shop, after=20)
    assert (await inr(shop)).whole == before
    callback = await shop.pay(payment)
    await shop.verify(payment, callback)
    await count(shop, after=4 * 24 * 3600)
    assert (await inr(shop)).whole.succeeded == Share(1, 50_000)


async def test_a_payment_that_stays_open_is_looked_at_daily_and_forgotten_in_the_end(shop):
    await shop.create()
    await count(shop)
    await count(shop, after=20 * 24 * 3600)
    assert [row["next_at"] - shop.clock.now() for row in await shop.rows("analytics_slots")] == [timedelta(days=1)]
    await count(shop, after=30 * 24 * 3600)
    assert ["next_at" in row for row in await shop.rows("analytics_slots")] == [False]
    assert await count(shop, after=24 * 3600) == 0


async def test_two_workers_at_once_and_one_that_died_count_everything_once(shop):
    for _ in range(3):
        await shop.create()
    room = shop.wiring.analytics
    await room.counting.store.claim_walk("pmt", at=shop.clock.now())  # it took the walk, and died
    assert await count(shop) == 0
    shop.clock.advance(seconds=61)
    await asyncio.gather(count(shop), count(shop))
    await count(shop)
    assert (await inr(shop)).whole.created.count == 3
    await room.counting.store.claim_due_slot(at=shop.clock.now() + timedelta(days=1))  # it took a half hour, and died
    await count(shop, after=2 * 24 * 3600)
    assert (await inr(shop)).whole.created.count == 3


async def test_s13_the_numbers_are_of_one_merchant_in_one_mode(shop):
    await shop.create()
    await count(shop)
    other = await shop.world.merchant(webhooks=False)
    analytics = shop.wiring.analytics.analytics
    for scope in (other.scope, Scope(shop.merchant.id, Mode.LIVE)):
        assert not (await analytics.get_overview(scope, days=7, zone=IST)).overviews
    counted_at = (await analytics.get_overview(shop.merchant.scope, days=7, zone=IST)).counted_at
    assert shop.clock.now() - counted_at < timedelta(milliseconds=1)  # the database keeps no finer


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "UTC", "America/New_York"])
async def test_a_day_is_the_viewers_and_today_is_compared_with_days_at_the_same_hour(shop, zone):
    place = ZoneInfo(zone)
    for _ in range(8 * 6):
        await shop.create(amount=100)
        shop.clock.advance(seconds=4 * 3600)
    await count(shop)
    shown = await inr(shop, days=8, zone=place)
    made = [row["created_at"] for row in await shop.rows("payments")]
    assert [day.sums.created.count for day in shown.days] == [
        sum(moment.astimezone(place).date() == day.day for moment in made) for day in shown.days
    ]
    now = shop.clock.now()
    for ago, sums in ((1, shown.yesterday), (7, shown.last_week)):
        until = now.astimezone(place) - timedelta(days=ago)
        begins = until.replace(hour=0, minute=0, second=0, microsecond=0)
        slack = timedelta(minutes=30)
        least = sum(begins <= moment <= until for moment in made)
        most = sum(begins <= moment <= until + slack for moment in made)
        assert least <= sums.created.count <= most
