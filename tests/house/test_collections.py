"""Collections: every one is created at start-up, and its indexes begin with whose data they order."""

from collections.abc import Iterable, Mapping

from app.database import Collection, Index
from app.wiring import COLLECTIONS
from tests.house.rooms import collections

# Why an index is not of one tenant. `collection.index`.
WITHOUT_TENANT: Mapping[str, str] = {
    "payments.due_check": "the worker's claim takes the payment that has been due longest, of any merchant",
    "payments.key_expiry": "keys past their days are found for all merchants at once",
    "payments.authorized": "the gauge of payments that are authorised for long counts those of all merchants",
    "suspense.open": "the gauge of open money counts that of all merchants",
    "ledger_checks.due": "the worker's claim takes the book whose check has been due longest, of any merchant",
    "refunds.due_check": "the worker's claim takes the refund that has been due longest, of any merchant",
    "refunds.open_since": "the alarm counts what is overdue of all merchants",
    "disputes.due_check": "the worker's claim takes the dispute that has been due longest, of any merchant",
    "settlements.differing": "the gauge counts the settlements of all merchants that are not as what is here",
    "disputes.unanswered": "the gauge of what is about to be lost counts the disputes of all merchants",
    "analytics_slots.due_count": "the worker's claim takes the half hour that has been due longest, of any merchant",
    "webhook_endpoints.due": "the worker's claim takes the queue that has been due longest, of any merchant",
    "webhook_deliveries.pending": "the gauge of what is overdue counts that of all merchants",
    "webhook_deliveries.ended": "deliveries past their days are found for all merchants at once",
    "notices.age": "notices past their days are found for all merchants at once",
    "invariant_findings.open_by_invariant": "the gauge of what is wrong counts that of all merchants",
    "invariant_rounds.due_round": "a walk through the database belongs to no merchant",
    "sweeps.due_sweep": "the worker's claim takes the walk that has been due longest, of any merchant",
    "inbox_events.due": "the worker's claim takes the event that has been due longest, of any merchant",
    "inbox_events.parked": "the gauge of what waits for a person counts that of all merchants",
    "inbox_events.quarantined": "the gauge of what waits for a person counts that of all merchants",
    "outbox.parked": "the command line lists what is parked, of any merchant",
    "outbox.due_by_turn": "the worker's claim goes round all merchants; `turn` begins with the tenant",
    "outbox.due": "what has waited longest in a lane is measured over all merchants",
    "idempotency_keys.expiry": "MongoDB removes old keys by age alone; the digest in _id holds the tenant",
    "api_keys.digest": "a caller who sends a key names no tenant: the key's own document tells it",
    "sessions.session_expiry": "MongoDB removes sessions past their end by age alone",
    "sessions.cookie": "a browser that sends a cookie names no tenant: the session's own document tells it",
    "sign_in_attempts.attempt_expiry": "sign-in is counted before anybody is known",
    "users.email": "an e-mail belongs to one user of the whole service: sign-in has no tenant yet",
    **{
        f"merchants.{mode}_key": "who uses the deployment's account is asked of all merchants: they share it"
        for mode in ("live", "test")
    },
    "heartbeats.beat_expiry": "signs of life belong to processes, not to merchants",
    "heartbeats.newest_of_kind": "signs of life belong to processes, not to merchants",
}


def tenantless(declared: Iterable[Collection]) -> set[str]:
    """Return the indexes that do not begin with the tenant."""
    return {
        f"{collection.name}.{index.name}"
        for collection in declared
        for index in collection.indexes
        if index.keys[0][0] != "tenant"
    }


def test_every_index_begins_with_the_tenant_or_says_why_not() -> None:
    found = tenantless(collections().values())
    assert found == set(WITHOUT_TENANT), (
        "let the index begin with tenant (and mode), or write the reason into WITHOUT_TENANT of this file; "
        f"unexplained: {sorted(found - set(WITHOUT_TENANT))}, explained but gone: {sorted(set(WITHOUT_TENANT) - found)}"
    )


def test_an_index_over_all_merchants_is_noticed() -> None:
    planted = Collection("refunds", (Index("newest", [("created_at", -1)]), Index("own", [("tenant", 1)])))
    assert tenantless([planted]) == {"refunds.newest"}


def test_wiring_creates_every_declared_collection() -> None:
    forgotten = set(collections()) - {collection.name for collection in COLLECTIONS}
    assert not forgotten, f"add to COLLECTIONS in app/wiring.py what these rooms declare: {sorted(forgotten)}"
    names = [collection.name for collection in COLLECTIONS]
    assert len(names) == len(set(names)), "two rooms declare a collection of one name; a collection has one room"
