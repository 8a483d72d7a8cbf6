"""One key, one effect: claims, replays, leases by the database's clock, and fencing (A6, A7, A8, A9, A11)."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError

from app.database import Database
from app.idempotency.models import Answer, Lease
from app.idempotency.service import (
    Idempotency,
    IdempotencyKeyInUse,
    IdempotencyKeyMalformed,
    IdempotencyKeyReused,
    IdempotencyLeaseLost,
    check_key,
    fingerprint_of,
)
from app.idempotency.store import COLLECTION, IdempotencyStore
from app.kit.bounds import IDEMPOTENCY_DAYS
from app.kit.clock import SystemClock
from app.kit.ids import RandomIds

ANSWER = Answer(status=201, headers={"content-type": "application/json"}, body=b'{"a": "\xe2\x82\xb9"}\x00\xff')
REQUEST: dict[str, Any] = {"mode": "test", "operation": "POST /x", "key": "k", "fingerprint": "f"}


@pytest.fixture
async def database(mongodb_url: str, database_name: str) -> AsyncIterator[Database]:
    database = Database.connect(mongodb_url, name=f"{database_name}-keys")
    await database.client.drop_database(database.name)
    await database.ensure([COLLECTION])
    yield database
    await database.client.drop_database(database.name)
    await database.close()


@pytest.fixture
def keeper(database: Database) -> Idempotency:
    return Idempotency(store=IdempotencyStore(database), ids=RandomIds(SystemClock()), lease_seconds=30)


async def begin(keeper: Idempotency, **changes: str) -> Lease | Answer:
    request = {**REQUEST, **changes}
    return await keeper.begin(request.pop("tenant", "mer_1"), **request)


async def lease_of(keeper: Idempotency, **changes: str) -> Lease:
    begun = await begin(keeper, **changes)
    assert isinstance(begun, Lease)
    return begun


async def test_a_finished_request_is_answered_again_byte_by_byte(keeper: Idempotency) -> None:
    await keeper.finish(await lease_of(keeper), answer=ANSWER)
    assert await begin(keeper) == ANSWER
    assert await begin(keeper) == ANSWER


async def test_a6_of_fifty_claims_at_once_exactly_one_gets_the_lease(keeper: Idempotency) -> None:
    for attempt in range(5):
        barrier = asyncio.Barrier(50)

        async def claim(key: str, barrier: asyncio.Barrier = barrier) -> object:
            await barrier.wait()
            try:
                return await begin(keeper, key=key)
            except IdempotencyKeyInUse as problem:
                return problem

        results = await asyncio.gather(*(claim(f"key-{attempt}") for _ in range(50)))
        assert sum(isinstance(result, Lease) for result in results) == 1
        refusals = [result for result in results if isinstance(result, IdempotencyKeyInUse)]
        assert len(refusals) == 49
        assert all(refusal.retry_after_seconds for refusal in refusals)


@pytest.mark.parametrize("is_finished", [True, False])
async def test_a7_another_request_with_the_key_is_refused(keeper: Idempotency, is_finished: Any) -> None:
    lease = await lease_of(keeper)
    if is_finished:
        await keeper.finish(lease, answer=ANSWER)
    with pytest.raises(IdempotencyKeyReused):
        await begin(keeper, fingerprint="other")


@pytest.mark.parametrize("difference", [{"tenant": "mer_2"}, {"mode": "live"}, {"operation": "POST /y"}, {"key": "K"}])
async def test_a8_s13_keys_of_other_tenants_modes_and_routes_are_others(keeper: Idempotency, difference: Any) -> None:
    await keeper.finish(await lease_of(keeper), answer=ANSWER)
    assert isinstance(await begin(keeper, **difference), Lease)


async def let_leases_run_out(database: Database) -> None:
    """Let every lease have ended this moment, by the database's clock."""
    await database.collection(COLLECTION.name).update_many({"state": "open"}, [{"$set": {"leased_until": "$$NOW"}}])


async def test_a9_a_lease_that_ran_out_is_taken_over_and_the_late_owner_is_fenced(
    database: Database, keeper: Idempotency
) -> None:
    late = await lease_of(keeper)
    with pytest.raises(IdempotencyKeyInUse):
        await begin(keeper)
    await let_leases_run_out(database)
    with pytest.raises(IdempotencyKeyReused):
        await begin(keeper, fingerprint="other")
    successor = await lease_of(keeper)
    assert (late.attempt, successor.attempt) == (1, 2)
    with pytest.raises(IdempotencyLeaseLost):
        await keeper.finish(late, answer=ANSWER)
    await keeper.release(late)
    answer = Answer(status=200, headers={}, body=b"the successor's")
    await keeper.finish(successor, answer=answer)
    assert await begin(keeper) == answer
    with pytest.raises(IdempotencyLeaseLost):
        await keeper.finish(successor, answer=ANSWER)


async def test_a9_only_one_of_many_takes_a_lease_over(database: Database, keeper: Idempotency) -> None:
    await lease_of(keeper)
    await let_leases_run_out(database)
    results = await asyncio.gather(*(begin(keeper) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, Lease) for result in results) == 1
    assert sum(isinstance(result, IdempotencyKeyInUse) for result in results) == 19


@dataclass(frozen=True)
class Racing:
    """A real database whose first claim loses the race of two inserts, which no test can time."""

    database: Database
    lost: list[str] = field(default_factory=list)

    def collection(self, name: str) -> Any:
        if not self.lost:
            self.lost.append(name)
            return self
        return self.database.collection(name)

    async def find_one_and_update(self, *_: object, **__: object) -> None:
        raise DuplicateKeyError("E11000")


async def test_a6_a_claim_that_loses_the_race_of_two_inserts_looks_again(
    database: Database, keeper: Idempotency
) -> None:
    racing = Racing(database)
    loser = replace(keeper, store=IdempotencyStore(racing))  # type: ignore[arg-type]  stands in for a Database
    await keeper.finish(await lease_of(keeper), answer=ANSWER)
    assert await begin(loser) == ANSWER
    assert racing.lost


async def test_a11_a_released_key_is_free_for_a_corrected_request(keeper: Idempotency) -> None:
    await keeper.release(await lease_of(keeper))
    assert isinstance(await begin(keeper, fingerprint="corrected"), Lease)


async def test_a_finished_answer_is_not_released(keeper: Idempotency) -> None:
    lease = await lease_of(keeper)
    await keeper.finish(lease, answer=ANSWER)
    await keeper.release(lease)
    assert await begin(keeper) == ANSWER


@pytest.mark.parametrize("key", ["", "a" * 256, "with space", "tab\t", "line\n", "é", "\x7f", "\x00"])
async def test_a_key_that_is_not_visible_ascii_of_sane_length_is_refused(keeper: Idempotency, key: str) -> None:
    with pytest.raises(IdempotencyKeyMalformed):
        await begin(keeper, key=key)


@pytest.mark.parametrize("key", ["a", "a" * 255, "!~", "$where", "$$NOW", "a.b", "{$gt:''}"])
async def test_n4_any_visible_key_is_only_a_key(keeper: Idempotency, key: str) -> None:
    check_key(key)
    await keeper.finish(await lease_of(keeper, key=key, fingerprint=key, operation=key), answer=ANSWER)
    assert await begin(keeper, key=key, fingerprint=key, operation=key) == ANSWER


async def test_answers_are_forgotten_after_thirty_days(database: Database, keeper: Idempotency) -> None:
    await lease_of(keeper)
    indexes = await database.collection(COLLECTION.name).index_information()
    assert indexes["expiry"]["expireAfterSeconds"] == IDEMPOTENCY_DAYS * 24 * 3600
    document = await database.collection(COLLECTION.name).find_one({})
    assert document is not None
    assert abs((document["created_at"] - SystemClock().now()).total_seconds()) < 60
    assert "k" not in document.values()


def test_a_fingerprint_tells_method_path_and_body_apart() -> None:
    parts = [("POST", "/a", b"b"), ("POST", "/ab", b""), ("PUT", "/a", b"b"), ("POST", "/a", b"b ")]
    assert len({fingerprint_of(*part) for part in parts}) == len(parts)
    assert fingerprint_of("POST", "/a", b"b") == fingerprint_of("POST", "/a", b"b")
