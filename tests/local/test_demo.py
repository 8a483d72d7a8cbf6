"""`make demo` tells four stories, and fails loudly when one does not end as it must."""

import pytest

from app.kit.clock import SystemClock
from app.local.demo import Demo, DemoFailed
from app.local.seed_demo import seed_demo
from tests.world import running_world


async def test_the_four_stories_end_as_they_must(mongodb_url, database_name):
    async with running_world(mongodb_url, f"{database_name}-demo") as world:
        said: list[str] = []
        async with Demo(world.url, world.simulator.url, SystemClock(), said.append) as stories:
            await stories.run()
    told = "\n".join(said)
    for word in ("signed up", "created", "callback verified", "authorised", "webhook received", "captured", "late"):
        assert word in told, told
    booked = [line.split() for line in said if line.strip().startswith("booked")]
    assert [(cause, side, account) for _, cause, side, account, *_ in booked] == [
        ("capture", "debit", "processor_receivable"),
        ("capture", "credit", "merchant_payable"),
        ("fee", "debit", "fees"),
        ("fee", "debit", "tax"),
        ("fee", "credit", "processor_receivable"),
        *[("refund", "debit", "refunds"), ("refund", "credit", "customer_clearing")] * 2,
        *[("refund_payout", "debit", "customer_clearing"), ("refund_payout", "credit", "processor_receivable")] * 2,
    ]
    assert [line.split()[1] for line in said if "=> " in line and "refunded" in line] == [
        "partially_refunded",
        "refunded",
    ]
    assert [line.split("captured")[1].strip() for line in said if "=> " in line and "captured" in line] == [
        "₹500.00",
        "₹0.00",
        "₹500.00",
    ]


async def test_a_story_that_can_not_go_on_says_where(mongodb_url, database_name):
    async with (
        running_world(mongodb_url, f"{database_name}-demo-off", signup_enabled=False) as world,
        Demo(world.url, world.simulator.url, SystemClock(), lambda line: None) as stories,
    ):
        with pytest.raises(DemoFailed, match="/auth/signup answered 403"):
            await stories.run()


async def test_a_service_that_is_not_there_is_said_in_one_sentence():
    async with Demo("http://127.0.0.1:9", "http://127.0.0.1:9", SystemClock(), lambda line: None) as stories:
        with pytest.raises(DemoFailed, match="make run"):
            await stories.run()


async def test_the_demo_account_is_made_once_and_shown_with_its_key(mongodb_url, database_name):
    async with running_world(mongodb_url, f"{database_name}-seed", has_worker=False) as world:
        first = await seed_demo(world.settings)
        again = await seed_demo(world.settings)
    assert first["email"] == again["email"]
    assert set(first) == set(again)
