"""What is not as it must be is found in the live database, named, and forgotten once it is mended."""

from datetime import timedelta

import pytest

from app.recovery.models import Walk
from tests.stepped import AMOUNT


async def walked(shop):
    """Walk through everything once; return what is open, as words."""
    shop.clock.advance(seconds=61)
    while await shop.wiring.recovery.invariants.check_next():
        pass
    answer = await shop.merchant.ask_as_owner("GET", "/api/v1/invariants/violations")
    assert answer.status == 200, answer.body
    return sorted(f"{one['invariant']} {one['fact']} {one['subject']}" for one in answer.data["items"])


async def captured(shop):
    payment = (await shop.create()).data
    await shop.verify(payment, await shop.pay(payment))
    return payment


async def raw(shop, collection, query, change):
    result = await shop.wiring.database.collection(collection).update_one(query, change)
    assert result.matched_count == 1


async def test_a_sound_house_has_no_violation_and_says_when_it_looked(shop):
    await captured(shop)
    await shop.create()
    assert await walked(shop) == []
    rounds = (await shop.merchant.ask_as_owner("GET", "/api/v1/invariants")).data["items"]
    assert {one["walk"] for one in rounds} == {walk.value for walk in Walk}
    assert all(one["last_whole_at"] for one in rounds)
    assert next(one["last_examined"] for one in rounds if one["walk"] == "payments") == 2


async def test_i1_a_capture_without_its_entry_is_named_until_it_is_there(shop):
    payment = await captured(shop)
    entries = shop.wiring.database.collection("ledger_entries")
    entry = await entries.find_one_and_delete({"cause.kind": "capture"})
    assert await walked(shop) == [f"I1 captured_not_booked {payment['id']}"]
    assert shop.wiring.metrics.registry.get_sample_value("invariant_finds_total", {"invariant": "I1"}) == 1
    await entries.insert_one(entry)
    assert await walked(shop) == []
    resolved = await shop.merchant.ask_as_owner("GET", "/api/v1/invariants/violations?resolved=true")
    [over] = resolved.data["items"]
    assert (over["subject"], over["resolved_at"] is not None) == (payment["id"], True)


async def test_i1_money_in_suspense_without_its_entry_is_named(shop):
    payment = (await shop.create()).data
    await shop.merchant.ask("POST", f"/api/v1/payments/{payment['id']}/cancel")
    await shop.pay(payment)
    await shop.merchant.ask("POST", f"/api/v1/payments/{payment['id']}/recheck")
    [entry] = await shop.suspense()
    await shop.wiring.database.collection("ledger_entries").delete_many({"cause.kind": "capture"})
    assert f"I1 suspended_not_booked {entry['id']}" in await walked(shop)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"refunds_reserved": 700}, ["I10 reserved_differs_from_refunds"]),
        ({"amount_refunded": 700}, ["I10 refunded_exceeds_reserved"]),
        (
            {"refunds_reserved": AMOUNT + 1},
            ["I10 reserved_differs_from_refunds", "I7 reserved_exceeds_captured"],
        ),
    ],
)
async def test_i7_i10_counters_that_no_refund_explains_are_named(shop, change, words):
    payment = await captured(shop)
    await raw(shop, "payments", {"_id": payment["id"]}, {"$set": change})
    assert await walked(shop) == [f"{word} {payment['id']}" for word in words]


async def test_i10_counters_are_explained_by_the_sum_of_the_refunds(shop):
    payment = await captured(shop)
    for key, amount in (("k-one", 300), ("k-two", 400)):
        path = f"/api/v1/payments/{payment['id']}/refunds"
        refund = await shop.merchant.ask("POST", path, {"amount": amount}, key=key)
        assert refund.status == 201, refund.body
    assert await walked(shop) == []
    await raw(shop, "payments", {"_id": payment["id"]}, {"$set": {"refunds_reserved": 701}})
    assert await walked(shop) == [f"I10 reserved_differs_from_refunds {payment['id']}"]


async def test_i4_a_book_that_was_tampered_with_is_named(shop):
    await captured(shop)
    while await shop.wiring.ledger.seal_next():
        pass
    await raw(shop, "ledger_entries", {"cause.kind": "fee"}, {"$set": {"payment_id": "pmt_another"}})
    shop.clock.advance(seconds=1)
    while await shop.wiring.book_checks.check_next():
        pass
    book = f"{shop.merchant.id}:test"
    assert [word.split()[0::2] for word in await walked(shop)] == [["I4", book]]


async def test_i14_work_that_waits_too_long_is_named(shop):
    payment = await captured(shop)
    hour_ago = {"$dateSubtract": {"startDate": "$$NOW", "unit": "hour", "amount": 1}}
    outbox = shop.wiring.database.collection("outbox")
    await outbox.update_one({"subject": payment["id"]}, [{"$set": {"due_at": hour_ago}}])
    item = await outbox.find_one({"subject": payment["id"]})
    assert await walked(shop) == [f"I14 job_overdue {item['_id']}"]
    await shop.drain()
    assert await walked(shop) == []


async def test_i14_an_order_that_stays_unknown_is_named(shop):
    payment = (await shop.create()).data
    hours_ago = shop.clock.now() - timedelta(hours=2)
    await raw(shop, "payments", {"_id": payment["id"]}, {"$set": {"order_state": "unknown", "created_at": hours_ago}})
    assert await walked(shop) == [f"I14 order_unknown {payment['id']}"]


async def test_i11_s13_a_merchant_sees_only_their_own_violations(shop):
    payment = await captured(shop)
    await raw(shop, "payments", {"_id": payment["id"]}, {"$set": {"refunds_reserved": 700}})
    assert len(await walked(shop)) == 1
    stranger = await shop.world.merchant(webhooks=False)
    assert (await stranger.ask_as_owner("GET", "/api/v1/invariants/violations")).data["items"] == []


async def test_a_long_walk_goes_slice_by_slice(shop):
    for _ in range(3):
        await captured(shop)
    object.__setattr__(shop.wiring.recovery.invariants, "slice_size", 1)
    shop.clock.advance(seconds=61)
    slices = 0
    for _ in range(20):
        slices += await shop.wiring.recovery.invariants.check_next()
        shop.clock.advance(seconds=1)
    rounds = (await shop.merchant.ask_as_owner("GET", "/api/v1/invariants")).data["items"]
    assert next(one["last_examined"] for one in rounds if one["walk"] == "payments") == 3
    assert slices > 4


async def test_p11_of_two_workers_one_has_a_walk(shop):
    findings = shop.wiring.recovery.invariants.findings
    at = shop.clock.now()
    taken = [await findings.claim_due_round(at=at) for _ in range(len(Walk) + 1)]
    assert taken[-1] is None
    assert len({one.walk for one in taken[:-1]}) == len(Walk)
    late = at - timedelta(seconds=1)
    assert not await findings.claim_end_of_slice(taken[0], next_at=at, leased_at=late)
