"""How a settlement becomes known: booked once, told once, whatever is told and however often."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from app.gateways.settlement import GatewaySettlementStatus
from app.kit.money import Money
from app.settlements.outcomes import Match
from tests.settlements.samples import AMOUNT, said


async def record(shop, snapshot, *, is_present=False):
    outcomes = shop.wiring.settlements.outcomes
    return await outcomes.record_settlement(shop.merchant.scope, snapshot, is_present=is_present)


async def balances(shop):
    accounts = (await shop.merchant.ask("GET", "/api/v1/ledger/accounts?currency=INR")).data["accounts"]
    return {one["account"]: one["balance"] for one in accounts if one["balance"]}


async def test_d5_a_settlement_is_booked_and_told_once_however_often_it_is_heard_of(shop):
    first = await record(shop, said())
    assert (first.match, (await record(shop, said())).match) == (Match.APPLIED, Match.UNCHANGED)
    again = await asyncio.gather(*(record(shop, said()) for _ in range(20)))
    assert {one.match for one in again} == {Match.UNCHANGED}
    assert await shop.entries() == [("settlement", "setl_1")]
    assert await shop.events(first.settlement.id) == [("settlement.processed", 1)]
    assert await balances(shop) == {"bank": AMOUNT, "processor_receivable": -AMOUNT}


async def test_b3_many_who_hear_of_it_at_once_write_it_once(shop):
    told = await asyncio.gather(*(record(shop, said()) for _ in range(30)))
    assert len({one.settlement.id for one in told}) == 1
    assert [one.match for one in told].count(Match.APPLIED) == 1
    assert await shop.entries() == [("settlement", "setl_1")]


async def test_what_is_only_made_is_booked_when_it_is_paid(shop):
    await record(shop, said("created", utr=None))
    assert await shop.entries() == []
    paid = (await record(shop, said())).settlement
    assert (paid.status.value, paid.utr, paid.version) == ("processed", "1568176960vxp0rj", 2)
    assert await shop.entries() == [("settlement", "setl_1")]


async def test_what_is_only_made_may_change_its_numbers_until_it_is_paid(shop):
    await record(shop, said("created", amount=AMOUNT - 1, fees=0, utr=None))
    paid = (await record(shop, said(fees=590, tax=90))).settlement
    assert (paid.money.minor, paid.fees, paid.tax) == (AMOUNT, 590, 90)
    found = await shop.wiring.settlements.settlements.get_settlement(shop.merchant.scope, paid.id)
    assert (found.money, found.fees, found.tax) == (paid.money, 590, 90)
    assert await balances(shop) == {"bank": AMOUNT, "processor_receivable": -AMOUNT}


async def test_c9_what_the_bank_returned_is_booked_back_and_may_be_paid_after_all(shop):
    await record(shop, said())
    # That it failed counts only from one who asked: no event tells it.
    assert (await record(shop, said("failed"))).match is Match.UNCHANGED
    failed = (await record(shop, said("failed"), is_present=True)).settlement
    assert await shop.entries() == [("settlement", "setl_1"), ("settlement", "setl_1/2")]
    assert await balances(shop) == {}
    assert await shop.events(failed.id) == [("settlement.processed", 1), ("settlement.failed", 2)]
    # An old message does not make it paid again (B6), but the processor may try once more, and says so when asked.
    assert (await record(shop, said())).match is Match.UNCHANGED
    assert len(await shop.entries()) == 2
    shop.clock.advance(seconds=86_400)
    again = (await record(shop, said(utr="another-number"), is_present=True)).settlement
    assert (again.status.value, again.version, again.utr) == ("processed", 3, "another-number")
    assert again.paid_at == failed.paid_at + timedelta(days=1)
    assert await balances(shop) == {"bank": AMOUNT, "processor_receivable": -AMOUNT}
    assert (await shop.entries())[-1] == ("settlement", "setl_1/3")
    assert [row["state"] for row in await shop.rows("outbox") if row["kind"] == "job"] == ["waiting"] * 2


@pytest.mark.parametrize(
    "changed",
    [
        {"amount": Money(AMOUNT + 1, "INR")},
        {"amount": Money(AMOUNT, "USD")},
        {"amount": None},
        {"status": GatewaySettlementStatus.UNRECOGNIZED},
    ],
    ids=str,
)
async def test_r7_what_contradicts_what_is_known_changes_nothing(shop, changed):
    known = (await record(shop, said())).settlement
    other = await record(shop, replace(said("failed"), **changed), is_present=True)
    assert other.match is Match.UNREADABLE
    found = await shop.wiring.settlements.settlements.get_settlement(shop.merchant.scope, known.id)
    assert found == known
    assert await shop.entries() == [("settlement", "setl_1")]


async def test_r7_a_new_one_without_an_amount_is_not_written(shop):
    assert (await record(shop, said(amount=None))).settlement is None
    assert await shop.rows("settlements") == []
