"""Working on items: whatever happens to one, the others flow, and nothing is lost or written by two (P2-P5)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from pymongo.errors import AutoReconnect

from app.kit.errors import Kind, Problem
from app.outbox.drain import Drain
from app.outbox.handlers import NotYet
from app.outbox.models import ItemState, Lane, event, job
from app.outbox.retry import MOST_DEFERRALS, MOST_TRIES
from app.outbox.runner import OutboxRunner
from app.outbox.wake import Wake
from tests.logs import captured_logs
from tests.outbox.conftest import OTHER, SHOP


class Refused(Problem):
    """The processor would rather not."""

    code = "refused_by_test"
    kind = Kind.UNAVAILABLE


class Work:
    """A handler that remembers what it was given, and does as it is told."""

    def __init__(self, *ends):
        self.ends = list(ends)
        self.seen = []

    async def __call__(self, item):
        self.seen.append(item)
        end = self.ends.pop(0) if self.ends else None
        if isinstance(end, BaseException):
            raise end


async def test_work_is_given_its_item_once_and_is_done(box):
    item = await box.job(payload={"amount": 700})
    work = Work()
    assert await box.exhaust(box.runner(refund_send=work)) == 1
    (seen,) = work.seen
    assert (seen.id, seen.scope, seen.payload, seen.attempts, seen.fence) == (item.id, SHOP, {"amount": 700}, 1, 1)
    ended = await box.stored(item)
    assert (ended.state, ended.reason) == (ItemState.DONE, None)
    assert ended.done_at >= item.created_at
    assert box.ends == [("refund.send", "done")]


async def test_news_without_a_listener_is_told_by_being_there(box):
    await box.add(event("payment.completed", "pmt_1", sequence=1, payload={}))
    assert await box.exhaust(box.runner(), Lane.WEBHOOKS) == 1
    assert box.ends == [("payment.completed", "done")]


async def test_every_event_goes_to_the_one_listener_and_no_job_does(box):
    listener, work = Work(), Work()
    runner = box.runner(any_event=listener, refund_send=work)
    await box.add(event("refund.send", "ref_1", sequence=1, payload={}), job("refund.send", "ref_1"))
    await box.add(event("payment.completed", "pmt_1", sequence=1, payload={}))
    assert (await box.exhaust(runner, Lane.WEBHOOKS), await box.exhaust(runner)) == (2, 1)
    assert sorted(item.name for item in listener.seen) == ["payment.completed", "refund.send"]
    assert len(work.seen) == 1


async def test_p4_work_that_nobody_knows_is_parked_loudly_and_can_be_replayed(box):
    item = await box.job("no.such_work")
    with captured_logs() as logs:
        await box.exhaust(box.runner())
    parked = await box.stored(item)
    assert (parked.state, parked.reason) == (ItemState.PARKED, "no_handler")
    (line,) = logs
    assert (line["event"], line["log_level"], line["item_id"]) == ("outbox_item_parked", "error", item.id)
    await box.outbox.replay_item(SHOP, item.id)
    await box.exhaust(replace(box.runner(), handlers={item.name: Work()}))
    assert (await box.stored(item)).state is ItemState.DONE


async def test_p6_work_that_an_older_worker_does_not_know_is_done_by_a_newer_one(box):
    unknown, poison = await box.job("new.work"), await box.job("poison.take", "x_1")
    older = box.runner(poison_take=Work(*[KeyError()] * MOST_TRIES))
    with captured_logs():
        for _ in range(MOST_TRIES):
            await box.exhaust(older)
            await box.pass_time()
    assert await Drain(older, Wake(box.store)).take_up_known() == 0
    work = Work()
    newer = box.runner(new_work=work, poison_take=Work())
    assert await Drain(newer, Wake(box.store)).take_up_known() == 1
    await box.exhaust(newer)
    assert [item.id for item in work.seen] == [unknown.id]
    assert (await box.stored(unknown)).state is ItemState.DONE
    # What was parked for another reason waits for a person.
    assert (await box.stored(poison)).reason == "defect"


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [(Refused(), "refused_by_test"), (KeyError("a secret"), "defect"), (TimeoutError("a secret"), "defect")],
)
async def test_p4_poison_is_parked_after_its_last_try_and_the_others_flow(box, trouble, reason):
    poison = await box.job("poison.take", "x_1")
    others = [await box.job(subject=f"ref_{number}", scope=OTHER) for number in range(3)]
    work, bad = Work(), Work(*[trouble] * MOST_TRIES)
    runner = box.runner(refund_send=work, poison_take=bad)
    with captured_logs() as logs:
        for _ in range(MOST_TRIES + 3):
            await box.exhaust(runner)
            await box.pass_time()
    assert [item.id for item in work.seen] == [item.id for item in others]
    parked = await box.stored(poison)
    assert (parked.state, parked.reason, parked.attempts) == (ItemState.PARKED, reason, MOST_TRIES)
    assert len(bad.seen) == MOST_TRIES
    assert [end for name, end in box.ends if name == "poison.take"] == ["postponed"] * (MOST_TRIES - 1) + ["parked"]
    assert sum(line["event"] == "outbox_item_parked" for line in logs) == 1


async def test_a_failure_is_tried_again_later_and_ends_well(box):
    item = await box.job()
    work = Work(Refused())
    runner = box.runner(refund_send=work, seed=3)
    assert await runner.run_next(Lane.PAYMENTS)
    waiting = await box.stored(item)
    assert (waiting.state, waiting.attempts, waiting.reason) == (ItemState.WAITING, 1, "refused_by_test")
    await box.pass_time()
    await box.exhaust(runner)
    assert (await box.stored(item)).state is ItemState.DONE
    assert [one.attempts for one in work.seen] == [1, 2]


async def test_a_refusal_that_names_a_time_is_not_asked_again_before(box):
    item = await box.job()
    await box.exhaust(box.runner(refund_send=Work(Refused(retry_after_seconds=600))))
    later = await box.stored(item)
    assert later.due_at - item.due_at > timedelta(seconds=599)


async def test_work_that_is_not_ready_yet_is_no_failure(box):
    item = await box.job()
    work = Work(*[NotYet(30)] * (MOST_TRIES + 5))
    runner = box.runner(refund_send=work)
    for _ in range(MOST_TRIES + 6):
        await box.exhaust(runner)
        await box.pass_time()
    done = await box.stored(item)
    assert (done.state, done.deferrals, done.attempts) == (ItemState.DONE, MOST_TRIES + 5, 1)
    assert box.ends[-2:] == [("refund.send", "deferred"), ("refund.send", "done")]


async def test_p4_work_that_is_never_ready_counts_as_failed_in_the_end(box):
    item = await box.job()
    await box.items.update_one({"_id": item.id}, {"$set": {"deferrals": MOST_DEFERRALS, "attempts": MOST_TRIES - 2}})
    runner = box.runner(refund_send=Work(NotYet(30), NotYet(30)))
    await box.exhaust(runner)
    await box.pass_time()
    await box.exhaust(runner)
    parked = await box.stored(item)
    assert (parked.state, parked.reason) == (ItemState.PARKED, "never_ready")


async def test_p3_work_that_is_too_slow_is_cut_short_within_its_lease(box):
    item = await box.job()
    cut = asyncio.Event()

    async def slow(_item):
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cut.set()
            raise

    await box.exhaust(box.runner(refund_send=slow, handler_seconds=0.05, seed=5))
    assert cut.is_set()
    assert (await box.stored(item)).reason == "too_slow"
    assert OutboxRunner.__dataclass_fields__["handler_seconds"].default < 30


async def test_trouble_with_the_database_leaves_the_item_to_its_lease(box):
    item = await box.job()
    with pytest.raises(AutoReconnect):
        await box.runner(refund_send=Work(AutoReconnect("gone"))).run_next(Lane.PAYMENTS)
    held = await box.stored(item)
    assert (held.state, held.attempts, held.reason) == (ItemState.WAITING, 1, None)
    await box.pass_time()
    await box.exhaust(box.runner(refund_send=Work()))
    assert (await box.stored(item)).state is ItemState.DONE


async def test_p4_an_item_that_ends_its_workers_is_parked_without_being_run(box):
    item = await box.job()
    for number in range(MOST_TRIES):
        await box.store.claim_item(item.id, owner=f"lse_{number}")
        await box.pass_time()
    work = Work()
    await box.exhaust(box.runner(refund_send=work))
    parked = await box.stored(item)
    assert (parked.state, parked.reason, work.seen) == (ItemState.PARKED, "no_end", [])


async def test_p3_a_worker_paused_beyond_its_lease_marks_nothing(box):
    """Another took the item over meanwhile and is still at it: the late one must not call it done."""
    item = await box.job()
    quick = box.runner(refund_send=Work())

    async def paused(_item):
        await box.pass_time()
        assert await quick.claim_item(item.id) is not None

    await box.exhaust(box.runner(refund_send=paused))
    assert box.ends == [("refund.send", "lease_lost")]
    held = await box.stored(item)
    assert (held.state, held.fence, held.attempts) == (ItemState.WAITING, 2, 2)


@pytest.mark.parametrize("trouble", [Refused(), NotYet(5), KeyError("x")])
async def test_p3_a_worker_that_failed_beyond_its_lease_postpones_nothing(box, trouble):
    item = await box.job()
    twin = box.runner(refund_send=Work())

    async def paused(_item):
        await box.pass_time()
        await twin.run_next(Lane.PAYMENTS)
        raise trouble

    await box.exhaust(box.runner(refund_send=paused))
    assert (await box.stored(item)).state is ItemState.DONE
    assert box.ends == [("refund.send", "done"), ("refund.send", "lease_lost")]


@pytest.mark.parametrize("at_once", [1, 8])
async def test_p5_a_flood_of_one_merchant_delays_another_by_a_bounded_number_of_turns(box, at_once):
    await box.add(*(job("refund.send", f"ref_a{number}") for number in range(300)))
    await box.add(*(job("refund.send", f"ref_b{number}") for number in range(5)), scope=OTHER)
    work = Work()
    runner = box.runner(refund_send=work)
    while len(work.seen) < 100:
        await asyncio.gather(*(runner.run_next(Lane.PAYMENTS) for _ in range(at_once)))
    turns = [place for place, item in enumerate(work.seen, start=1) if item.scope == OTHER]
    # Between two of its items at most one round of the others' stands: a turn for each merchant and claimer.
    assert len(turns) == 5
    assert turns[-1] <= 2 * at_once * 5


async def test_p5_turns_go_round_all_merchants_and_begin_anew(box):
    shops = [replace(SHOP, tenant=f"mer_{letter}") for letter in "CAB"]
    for shop in shops:
        await box.add(*(job("refund.send", f"ref_{number}") for number in range(3)), scope=shop)
    work = Work()
    await box.exhaust(box.runner(refund_send=work))
    assert "".join(item.scope.tenant[-1] for item in work.seen) == "ABCABCABC"


async def test_p5_later_work_of_a_merchant_waits_for_its_turn_however_old(box):
    """A backlog that has been due for an hour does not go before what another merchant wants now."""
    await box.add(*(job("refund.send", f"ref_a{number}") for number in range(50)))
    await box.pass_time(hours=1)
    work = Work()
    runner = box.runner(refund_send=work)
    for _ in range(10):
        await runner.run_next(Lane.PAYMENTS)
    late = await box.job(subject="ref_b", scope=OTHER)
    await runner.run_next(Lane.PAYMENTS)
    assert work.seen[-1].id == late.id


async def test_a_merchants_test_work_does_not_stand_before_their_live_work(box):
    live = replace(SHOP, mode=type(SHOP.mode).LIVE)
    await box.add(*(job("refund.send", f"ref_{number}") for number in range(50)))
    await box.add(job("refund.send", "ref_live"), scope=live)
    work = Work()
    runner = box.runner(refund_send=work)
    for _ in range(2):
        await runner.run_next(Lane.PAYMENTS)
    assert {item.scope for item in work.seen} == {SHOP, live}
