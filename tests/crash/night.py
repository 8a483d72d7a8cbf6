"""What happens between two lives in one database: time passes, and before the next case everything is wiped.

Leases run by the database's clock, which nobody can move, so what was leased is made as old as it would be by then.
What a dead process had open in a transaction MongoDB would undo after seconds; here it is undone at once.
"""

from app.database import Database, Document

_SINCE: Document = {"$dateSubtract": {"startDate": "$$NOW", "unit": "minute", "amount": 10}}


async def let_time_pass(database: Database) -> None:
    """Let every lease of a dead process run out, and every delay."""
    await database.client.admin.command({"killAllSessions": []})
    is_leased = {"idempotency.leased_at": {"$type": "date"}}
    await database.collection("payments").update_many(is_leased, [{"$set": {"idempotency.leased_at": _SINCE}}])
    for name, field in (
        ("idempotency_keys", "leased_until"),
        ("refunds", "leased_until"),
        ("leases", "until"),
    ):
        await database.collection(name).update_many({field: {"$type": "date"}}, [{"$set": {field: _SINCE}}])
    for name, state, field in (("inbox_events", "received", "next_attempt_at"), ("outbox", "waiting", "due_at")):
        await database.collection(name).update_many({"state": state}, [{"$set": {field: _SINCE}}])


async def forget(database: Database) -> None:
    """Empty every collection; collections and indexes stay."""
    for name in await database.db.list_collection_names():
        await database.collection(name).delete_many({})
