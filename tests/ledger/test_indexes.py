"""A walk through a book reads each entry once, however long the book is."""

from dataclasses import replace

from app.local.seed_payments import Seeding, seed_payments
from tests.stepped import stepped

PIECE = 50


async def test_a_piece_of_a_long_book_reads_no_other_entries(mongodb_url, database_name):
    async with stepped(mongodb_url, f"{database_name}-walks") as shop:
        scope, database = shop.merchant.scope, shop.wiring.database
        asked = Seeding(scope=scope, count=300, days=5, until=shop.clock.now(), with_books=True)
        await seed_payments(shop.wiring, asked, say=lambda line: None)
        assert await database.collection("ledger_entries").count_documents({}) > 5 * PIECE
        checks = replace(shop.wiring.book_checks, piece=PIECE)
        await database.db.command("profile", 2)
        verdict = await checks.walk_whole(scope)
        await database.db.command("profile", 0)
        assert (verdict.breaks, verdict.sequence > 5 * PIECE) == ((), True)
        asked_for = {"ns": f"{database.name}.ledger_entries", "command.find": "ledger_entries"}
        reads = [row async for row in database.collection("system.profile").find(asked_for)]
        assert len(reads) > 5
        assert max(row["docsExamined"] for row in reads) <= PIECE
