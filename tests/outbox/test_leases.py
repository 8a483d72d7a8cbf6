"""Leader leases: one process leads at a time, by the database's clock (P11)."""

import asyncio

import pytest

from app.outbox.leases import Leases


@pytest.fixture
def candidates(box):
    return [Leases(box.database, owner=f"lse_{number}") for number in range(8)]


async def expire(box, name="sweep"):
    await box.database.collection("leases").update_one({"_id": name}, [{"$set": {"until": "$$NOW"}}])


async def test_p11_of_many_at_once_one_leads(box, candidates):
    for name in (f"sweep-{number}" for number in range(25)):
        held = await asyncio.gather(*(one.hold(name, 30) for one in candidates))
        assert sum(held) == 1


async def test_p11_a_leader_keeps_its_lease_and_its_token_and_the_others_wait(box, candidates):
    leader, other, *_ = candidates
    assert await leader.hold_fenced("sweep", 30) == 1
    assert await leader.hold_fenced("sweep", 30) == 1
    assert await other.hold_fenced("sweep", 30) is None
    assert not await other.hold("sweep", 30)
    assert await other.hold("seal", 30)


async def test_p11_a_lease_that_ran_out_goes_to_another_with_a_higher_token(box, candidates):
    leader, other, *_ = candidates
    assert await leader.hold_fenced("sweep", 30) == 1
    await expire(box)
    assert await other.hold_fenced("sweep", 30) == 2
    assert await leader.hold_fenced("sweep", 30) is None


async def test_p11_a_leader_that_comes_back_late_knows_that_others_may_have_led(box, candidates):
    leader = candidates[0]
    assert await leader.hold_fenced("sweep", 30) == 1
    await expire(box)
    assert await leader.hold_fenced("sweep", 30) == 2


async def test_a_lease_that_is_given_back_is_free_at_once_and_only_its_holder_gives_it_back(box, candidates):
    leader, other, *_ = candidates
    await leader.hold("sweep", 30)
    await other.release("sweep")
    assert not await other.hold("sweep", 30)
    await leader.release("sweep")
    assert await other.hold_fenced("sweep", 30) == 2
