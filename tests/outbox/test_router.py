"""The outbox over HTTP: a merchant reads their own and takes up again what was parked."""

import pytest

from app.outbox.models import event, job
from tests.stepped import stepped

PATH = "/api/v1/outbox"


@pytest.fixture(scope="module")
async def shop(mongodb_url, database_name):
    async with stepped(mongodb_url, database_name) as running:
        yield running


async def write(shop, *items):
    outbox, scope = shop.wiring.outbox, shop.merchant.scope
    await shop.wiring.database.transaction(lambda session: outbox.add(scope, items, session=session))


async def test_items_are_listed_inspected_and_replayed(shop):
    await write(
        shop,
        event("thing.happened", "pmt_9", sequence=4, payload={"amount": 10**12, "currency": "INR"}),
        job("nobody.handles_this", "ref_9"),
    )
    (news,) = (await shop.merchant.ask("GET", f"{PATH}?subject=pmt_9")).data["items"]
    (work,) = (await shop.merchant.ask("GET", f"{PATH}?subject=ref_9")).data["items"]
    assert news["payload"] == {"amount": 10**12, "currency": "INR"}
    assert (news["kind"], news["lane"], news["sequence"], news["state"]) == ("event", "webhooks", 4, "waiting")
    refused = await shop.merchant.ask_as_owner("POST", f"{PATH}/{work['id']}/replay")
    assert (refused.status, refused.code) == (409, "outbox_item_not_replayable")
    await shop.drain()
    parked = (await shop.merchant.ask("GET", f"{PATH}?state=parked&subject=ref_9")).data["items"]
    assert [(item["id"], item["reason"], item["attempts"]) for item in parked] == [(work["id"], "no_handler", 1)]
    replayed = await shop.merchant.ask_as_owner("POST", f"{PATH}/{work['id']}/replay")
    assert (replayed.status, replayed.data["state"], replayed.data["attempts"]) == (200, "waiting", 0)
    shown = (await shop.merchant.ask("GET", f"{PATH}/{news['id']}")).data
    assert (shown["state"], shown["name"]) == ("done", "thing.happened")
    assert shown["done_at"] >= shown["created_at"]


async def test_a_list_is_narrowed(shop):
    await write(shop, event("thing.narrowed", "pmt_7", sequence=4, payload={}), job("nobody.narrowed", "ref_7"))
    for query, found in (
        ("kind=job&subject=ref_7", ["nobody.narrowed"]),
        ("name=thing.narrowed", ["thing.narrowed"]),
        ("subject=ref_7", ["nobody.narrowed"]),
        ("state=done&subject=pmt_7", []),
        ("subject=pmt_7&kind=event&limit=1", ["thing.narrowed"]),
    ):
        listed = (await shop.merchant.ask("GET", f"{PATH}?{query}")).data["items"]
        assert [item["name"] for item in listed] == found, query


@pytest.mark.parametrize(
    "query", ["state=ended", "kind=x", "name=$ne", "name=a", "subject=a b", "starting_after=pmt_1", "lane=bulk"]
)
async def test_n4_a_filter_that_makes_no_sense_is_refused(shop, query):
    assert (await shop.merchant.ask("GET", f"{PATH}?{query}")).status == 422


async def test_what_is_not_there_is_not_found(shop):
    for method, path in (("GET", f"{PATH}/job_0"), ("POST", f"{PATH}/job_0/replay")):
        answer = await shop.merchant.ask_as_owner(method, path)
        assert (answer.status, answer.code) == (404, "outbox_item_not_found")
