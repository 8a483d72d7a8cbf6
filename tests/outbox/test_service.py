"""The outbox's verbs: items come with their fact, once, and can be read and taken up again (D4, D7, I6)."""

import asyncio
from datetime import UTC, timedelta

import pytest

from app.kit.ids import Prefix, is_id
from app.kit.scope import Mode, Scope
from app.outbox.models import ItemKind, ItemState, Lane, event, job
from app.outbox.service import OutboxItemNotFound, OutboxItemNotReplayable
from app.outbox.store import ItemFilter, LeaseLost
from app.web.paging import Window
from tests.outbox.conftest import OTHER, SHOP

PAID = event("payment.completed", "pmt_1", sequence=3, payload={"amount": 50_000, "$set": "$$NOW"})


async def names(box, scope=SHOP, **where):
    """Return the names of the items that a list shows, newest first."""
    found = await box.outbox.list_items(scope, where=ItemFilter(**where), window=Window(limit=100))
    return [item.name for item in found.rows]


async def test_an_item_is_kept_as_it_was_meant(box):
    await box.add(PAID, job("refund.send", "ref_1", lane=Lane.BULK, once="a"))
    (work, news) = (await box.outbox.list_items(SHOP, where=ItemFilter(), window=Window())).rows
    assert (news.kind, news.lane, news.name, news.subject) == (
        ItemKind.EVENT,
        Lane.WEBHOOKS,
        "payment.completed",
        "pmt_1",
    )
    assert (news.payload, news.sequence, news.key) == (PAID.payload, 3, PAID.key)
    assert (work.kind, work.lane, work.sequence, work.payload) == (ItemKind.JOB, Lane.BULK, None, {})
    for item in (work, news):
        assert is_id(item.id, Prefix.OUTBOX_ITEM)
        assert (item.scope, item.state, item.attempts, item.deferrals, item.fence) == (SHOP, ItemState.WAITING, 0, 0, 0)
        assert (item.reason, item.done_at) == (None, None)


async def test_d4_an_item_exists_only_with_its_fact(box):
    async def fact_that_fails(session):
        await box.outbox.add(SHOP, [PAID], session=session)
        raise OutboxItemNotFound

    with pytest.raises(OutboxItemNotFound):
        await box.database.transaction(fact_that_fails)
    assert await names(box) == []


async def test_the_same_item_written_again_is_one_item_and_stays_as_it_was(box):
    await box.add(PAID)
    before = await box.items.find_one({})
    await box.add(PAID, job("refund.send", "ref_1"), PAID)
    assert sorted(await names(box)) == ["payment.completed", "refund.send"]
    assert await box.items.find_one({"name": PAID.name}) == before


async def test_a_fact_without_news_writes_nothing(box):
    await box.add()
    assert await names(box) == []


async def test_facts_side_by_side_write_the_same_item_once(box):
    await asyncio.gather(*(box.add(PAID, job("refund.send", f"ref_{number}")) for number in range(8)))
    found = await names(box)
    assert (found.count("payment.completed"), found.count("refund.send")) == (1, 8)


async def test_one_key_is_another_item_for_another_merchant_and_mode(box):
    for scope in (SHOP, OTHER, Scope(SHOP.tenant, Mode.LIVE)):
        await box.add(PAID, scope=scope)
    assert await box.items.count_documents({}) == 3


async def test_d7_t1_when_it_is_due_says_the_databases_clock(box):
    now = (await box.database.db.command("hello"))["localTime"].replace(tzinfo=UTC)
    soon, late = await box.job("a.b", "x_1"), await box.job("a.b", "x_2", delay=timedelta(seconds=30))
    assert abs(soon.due_at - now) < timedelta(seconds=5)
    assert timedelta(seconds=29) < late.due_at - soon.due_at < timedelta(seconds=35)
    claimed = await box.store.claim_due_item(Lane.PAYMENTS, owner="lse_1")
    assert claimed.item.id == soon.id
    assert await box.store.claim_due_item(Lane.PAYMENTS, owner="lse_1") is None
    assert await box.store.claim_item(late.id, owner="lse_1") is None


async def test_a_list_is_narrowed_and_pages_from_newest_to_oldest(box):
    await box.add(PAID, job("refund.send", "ref_1"), job("refund.send", "ref_2"))
    await box.add(job("refund.send", "ref_1"), scope=OTHER)
    assert await names(box, kind=ItemKind.EVENT) == ["payment.completed"]
    assert await names(box, name="refund.send") == ["refund.send"] * 2
    assert await names(box, subject="ref_1", state=ItemState.WAITING) == ["refund.send"]
    assert await names(box, state=ItemState.PARKED) == []
    first = await box.outbox.list_items(SHOP, where=ItemFilter(), window=Window(limit=2))
    rest = await box.outbox.list_items(SHOP, where=ItemFilter(), window=Window(starting_after=first.next_cursor))
    assert (len(first.rows), first.has_more, len(rest.rows), rest.has_more) == (2, True, 1, False)
    assert sorted([*first.rows, *rest.rows], key=lambda item: item.id, reverse=True) == [*first.rows, *rest.rows]


@pytest.mark.parametrize("state", [ItemState.DONE, ItemState.PARKED])
async def test_what_ended_is_taken_up_again_from_its_first_try(box, state):
    item = await box.job()
    for number in range(3):
        await box.pass_time()
        claimed = await box.store.claim_item(item.id, owner=f"lse_{number}")
    await box.store.finish_item(SHOP, claimed, state, at=item.created_at, reason="a_reason")
    ended = await box.stored(item)
    assert (ended.state, ended.attempts, ended.reason, ended.done_at) == (state, 3, "a_reason", item.created_at)
    assert await box.store.claim_item(item.id, owner="lse_1") is None
    again = await box.outbox.replay_item(SHOP, item.id)
    assert (again.state, again.attempts, again.reason, again.done_at) == (ItemState.WAITING, 0, None, None)
    claimed = await box.store.claim_item(item.id, owner="lse_9")
    assert (claimed.item.fence, claimed.item.attempts) == (4, 1)


async def test_what_waits_cannot_be_replayed_and_what_is_not_ours_is_not_there(box):
    item = await box.job()
    with pytest.raises(OutboxItemNotReplayable):
        await box.outbox.replay_item(SHOP, item.id)
    for scope, item_id in ((OTHER, item.id), (SHOP, "job_0"), (Scope(SHOP.tenant, Mode.LIVE), item.id)):
        with pytest.raises(OutboxItemNotFound):
            await box.outbox.get_item(scope, item_id)
        with pytest.raises(OutboxItemNotFound):
            await box.outbox.replay_item(scope, item_id)


async def test_p3_d7_whoever_is_overtaken_writes_nothing(box):
    item = await box.job()
    slow = await box.store.claim_due_item(Lane.PAYMENTS, owner="lse_slow")
    assert await box.store.claim_item(item.id, owner="lse_quick") is None
    await box.pass_time()
    quick = await box.store.claim_item(item.id, owner="lse_quick")
    assert (slow.item.fence, quick.item.fence) == (1, 2)
    with pytest.raises(LeaseLost):
        await box.store.finish_item(SHOP, slow, ItemState.DONE, at=item.created_at)
    with pytest.raises(LeaseLost):
        await box.store.postpone_item(SHOP, slow, delay=timedelta(0), reason="x", is_failure=True)
    assert (await box.stored(item)).state is ItemState.WAITING
    await box.store.finish_item(SHOP, quick, ItemState.DONE, at=item.created_at)
    with pytest.raises(LeaseLost):
        await box.store.finish_item(SHOP, quick, ItemState.DONE, at=item.created_at)


async def test_p3_the_same_worker_is_fenced_off_from_its_own_earlier_claim(box):
    item = await box.job()
    early = await box.store.claim_item(item.id, owner="lse_1")
    await box.pass_time()
    await box.store.claim_item(item.id, owner="lse_1")
    with pytest.raises(LeaseLost):
        await box.store.finish_item(SHOP, early, ItemState.DONE, at=item.created_at)


async def test_d7_forty_claims_at_once_share_ten_items_without_overlap(box):
    await box.add(*(job("a.b", f"x_{number}") for number in range(10)))
    claims = await asyncio.gather(
        *(box.store.claim_due_item(Lane.PAYMENTS, owner=f"lse_{number}") for number in range(40))
    )
    claimed = [claim.item.id for claim in claims if claim]
    assert len(claimed) == len(set(claimed)) == 10


async def test_a_lane_gives_only_its_own_items(box):
    await box.job(lane=Lane.BULK)
    for lane in (Lane.PAYMENTS, Lane.WEBHOOKS):
        assert await box.store.claim_due_item(lane, owner="lse_1") is None
    assert await box.store.claim_due_item(Lane.BULK, owner="lse_1") is not None


async def test_what_did_not_fail_begins_to_count_its_tries_anew(box):
    item = await box.job()
    for is_failure, counted in ((True, (1, 0)), (True, (2, 0)), (False, (0, 1)), (True, (1, 1)), (False, (0, 2))):
        claimed = await box.store.claim_item(item.id, owner="lse_1")
        soon = timedelta(seconds=9)
        await box.store.postpone_item(SHOP, claimed, delay=soon, reason="$x", is_failure=is_failure)
        later = await box.stored(item)
        assert (later.attempts, later.deferrals, later.reason) == (*counted, "$x")
        await box.pass_time()


async def test_the_backlog_counts_what_waits_and_tells_since_when(box):
    empty = await box.store.measure_backlog()
    assert {lane: (one.waiting, one.oldest) for lane, one in empty.items()} == dict.fromkeys(Lane, (0, None))
    await box.job("a.b", "x_1", delay=timedelta(hours=1))
    first = await box.job("a.b", "x_2", scope=OTHER)
    backlog = (await box.store.measure_backlog())[Lane.PAYMENTS]
    assert (backlog.waiting, backlog.oldest) == (2, first.due_at)


async def test_what_waits_for_a_person_is_counted(box):
    item = await box.job("a.b", "x_1")
    assert await box.store.measure_parked() == 0
    claimed = await box.store.claim_item(item.id, owner="lse_1")
    await box.store.finish_item(SHOP, claimed, ItemState.PARKED, at=box.outbox.clock.now(), reason="x")
    assert await box.store.measure_parked() == 1


async def test_the_claims_of_the_worker_read_no_more_than_they_need(box):
    """However much waits for later, a claim goes from turn to turn by the index."""
    await box.add(*(job("a.b", f"x_{number}", delay=timedelta(hours=1)) for number in range(200)))
    await box.add(job("a.b", "x_due"), scope=OTHER)
    query = {"lane": "payments", "state": "waiting", "turn": {"$gt": ""}, "$expr": {"$lte": ["$due_at", "$$NOW"]}}
    find = {"find": "outbox", "filter": query, "sort": {"turn": 1, "due_at": 1}, "limit": 1}
    plan = await box.database.db.command({"explain": find, "verbosity": "executionStats"})
    assert plan["executionStats"]["nReturned"] == 1
    assert plan["executionStats"]["totalKeysExamined"] < 10
    assert "SORT" not in str(plan["queryPlanner"]["winningPlan"])
