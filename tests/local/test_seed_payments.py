"""Made-up payments: as many as asked for, the same each time, found by the lists and counted like real ones."""

from datetime import timedelta

from app.local.seed_payments import Seeding, seed_payments
from app.payments.models import PaymentStatus
from app.payments.store import PaymentFilter
from app.web.paging import Window
from tests.stepped import stepped


async def test_made_up_payments_are_listed_found_and_counted(mongodb_url, database_name):
    async with stepped(mongodb_url, f"{database_name}-seeded") as shop:
        scope, until, said = shop.merchant.scope, shop.clock.now(), []
        await seed_payments(shop.wiring, Seeding(scope=scope, count=300, days=5, until=until), say=said.append)
        assert said == ["300 of 300 payments"]
        payments = shop.wiring.payments
        found = await payments.list_payments(scope, where=PaymentFilter(), window=Window(limit=400))
        assert len(found.rows) == 300
        assert [one.created_at for one in found.rows] == sorted((one.created_at for one in found.rows), reverse=True)
        assert all(until - timedelta(days=5) <= one.created_at <= until for one in found.rows)
        where = PaymentFilter(status=PaymentStatus.COMPLETED, created_from=until - timedelta(days=2))
        young = await payments.list_payments(scope, where=where, window=Window(limit=400))
        is_young = [one.created_at >= until - timedelta(days=2) for one in found.rows]
        rows = zip(found.rows, is_young, strict=True)
        wanted = [one for one, young_enough in rows if young_enough and one.status is PaymentStatus.COMPLETED]
        assert list(young.rows) == wanted
        by_reference = PaymentFilter(reference=found.rows[7].reference)
        assert list((await payments.list_payments(scope, where=by_reference, window=Window())).rows) == [found.rows[7]]
        while await shop.wiring.analytics.counting.count_next():
            pass
        rows = await shop.rows("analytics_slots")
        assert sum(sums["created"][0] for row in rows for sums in row["sums"]) == 300
