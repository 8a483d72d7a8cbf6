"""A settlement is of whoever owns the account: merchants who share the deployment's see nothing of each other."""

import dataclasses

import pytest

from app.settlements.outcomes import Match
from tests.settlements.samples import said
from tests.settlements.test_settlements import balance, captured, compared, settled, swept
from tests.stepped import stepped


@pytest.fixture
async def shared(mongodb_url, database_name):
    """A merchant who uses the deployment's account."""
    async with stepped(mongodb_url, database_name, has_account=False) as running:
        yield running


async def test_the_only_merchant_who_uses_the_deployment_s_account_owns_it(shared):
    await shared.world.merchant(webhooks=False)  # brings an account of its own
    await captured(shared)
    made = await settled(shared)
    await swept(shared)
    found = await compared(shared)
    assert (found["gateway_settlement_id"], found["agreement"]) == (made["id"], "agreed")
    assert await balance(shared, "processor_receivable") == 0


async def test_s13_i11_of_merchants_who_share_an_account_nobody_is_shown_or_booked_what_it_was_paid(shared):
    other = await shared.world.merchant(webhooks=False, has_account=False)
    await captured(shared)
    await settled(shared)
    await swept(shared)
    for merchant in (shared.merchant, other):
        told = await shared.wiring.settlements.outcomes.record_settlement(merchant.scope, said(), is_present=True)
        assert (told.match, told.settlement) == (Match.FOREIGN, None)
        assert (await merchant.ask("GET", "/api/v1/settlements")).data["items"] == []
    assert await shared.rows("settlements") == await shared.rows("settlement_lines") == []
    assert await balance(shared, "bank") == 0


async def test_s13_what_was_known_before_others_came_is_compared_no_more(shared):
    await captured(shared)
    await settled(shared)
    await swept(shared)
    await shared.world.merchant(webhooks=False, has_account=False)
    assert (await compared(shared))["tally"] is None
    assert await shared.rows("settlement_lines") == []


async def test_the_settings_name_whose_the_deployment_s_account_is(shared):
    other = await shared.world.merchant(webhooks=False, has_account=False)
    own = await shared.world.merchant(webhooks=False)
    named = dataclasses.replace(shared.wiring.merchants, deployment_merchant=other.id)
    owners = [one.id for one in (shared.merchant, other, own) if await named.owns_account(one.scope)]
    assert owners == [other.id, own.id]
    live = dataclasses.replace(other.scope, mode="live")
    assert not await named.owns_account(live)


async def test_an_event_of_an_account_that_is_shared_is_set_aside(mongodb_url, database_name):
    async with stepped(mongodb_url, database_name, webhooks=True, has_account=False) as shop:
        await shop.world.merchant(webhooks=False, has_account=False)
        await captured(shop)
        await settled(shop)
        await shop.apply_events(at_least=4)
        (event,) = [row for row in await shop.rows("inbox_events") if row["type"] == "settlement.processed"]
        assert (event["state"], event["reason"]) == ("ignored", "not_our_account")
