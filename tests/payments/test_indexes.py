"""Look-ups by one text read one key of an index, however many payments there are."""

import pytest

from app.local.seed_payments import Seeding, seed_payments
from app.payments.store import PaymentFilter
from tests.stepped import stepped


@pytest.fixture
async def shop(mongodb_url, database_name):
    async with stepped(mongodb_url, f"{database_name}-indexes") as running:
        asked = Seeding(scope=running.merchant.scope, count=200, days=5, until=running.clock.now())
        await seed_payments(running.wiring, asked, say=lambda line: None)
        yield running


@pytest.mark.parametrize("name", ["reference", "order_id"])
async def test_a_look_up_by_a_text_reads_one_key(shop, name):
    rows = await shop.rows("payments")
    value = rows[100][name]
    scope = {"tenant": shop.merchant.id, "mode": "test"}
    query = {**scope, **PaymentFilter(**{name: value}).query()}
    found = shop.wiring.database.collection("payments").find(query).sort([("_id", -1)]).limit(26)
    spent = (await found.explain())["executionStats"]
    assert (spent["nReturned"], spent["totalDocsExamined"]) == (1, 1)
