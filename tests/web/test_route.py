"""Every operation: first who may, then what was sent, then once per key (A6, A7, A8, A11, A12, S13)."""

import asyncio
from typing import Any

import httpx2
import pytest
from pymongo.errors import AutoReconnect
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.database import Database
from app.idempotency.service import Idempotency
from app.idempotency.store import COLLECTION
from app.kit.errors import Kind, Problem

JSON = {"content-type": "application/json"}
KEYED = {**JSON, "idempotency-key": "key-1"}
BODY = b'{"amount": 100, "name": "first"}'
THINGS = "/api/v1/things"


class AfterTheDeed(Problem):
    code = "after_the_deed"
    kind = Kind.UNAVAILABLE
    is_after_the_deed = True


class Refusal(Problem):
    """A 4xx of the tests."""

    code = "refusal"
    kind = Kind.CONFLICT
    message = "No."


@pytest.fixture
def kept(make_world: Any, keeper: Idempotency) -> Any:
    """The application with a keeper on a real database."""
    return make_world(idempotency=keeper)


async def end_lease(database: Database) -> None:
    """Let the lease of the one request that holds one run out."""
    keys = database.collection(COLLECTION.name)
    result = await keys.update_one({"state": "open"}, [{"$set": {"leased_until": "$$NOW"}}])
    assert result.modified_count == 1


async def test_an_anonymous_caller_cannot_make_us_parse(world: Any) -> None:
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=world.app), base_url="http://testserver"
    ) as anonymous:
        answer = await anonymous.post(THINGS, content=b"{not json", headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    assert "Bearer" in answer.headers["www-authenticate"]
    assert world.guard.asked == ["create_thing"]


async def test_the_guard_is_asked_by_operation_id_also_behind_an_alias(client: httpx2.AsyncClient, world: Any) -> None:
    await client.get(THINGS)
    await client.get("/things")
    await client.get("/api/v1/things/x")
    assert world.guard.asked == ["list_things", "list_things", "public_thing"]


async def test_a_route_without_a_body_schema_gets_the_raw_bytes(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/v1/raw", content=b"\xff\x00{")
    assert answer.json() == {"length": 3, "streamed": 3, "attempt": 1}


async def test_a_replay_is_byte_identical_and_says_so(kept: Any) -> None:
    async with kept.client() as client:
        first = await client.post(THINGS, content=BODY, headers=KEYED)
        again = await client.post(THINGS, content=BODY, headers=KEYED)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.headers["content-type"] == again.headers["content-type"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    assert kept.effects.done == ["first"]


async def test_without_a_key_every_request_is_its_own(client: httpx2.AsyncClient, world: Any) -> None:
    for _ in range(2):
        assert (await client.post(THINGS, content=BODY, headers=JSON)).status_code == 201
    assert world.effects.done == ["first", "first"]


async def test_a6_fifty_requests_with_one_key_have_one_effect(kept: Any) -> None:
    async def pause() -> None:
        await asyncio.sleep(0.05)

    kept.effects.before = pause
    barrier = asyncio.Barrier(50)

    async def send(client: httpx2.AsyncClient) -> httpx2.Response:
        await barrier.wait()
        return await client.post(THINGS, content=BODY, headers=KEYED)

    async with kept.client() as client:
        answers = await asyncio.gather(*(send(client) for _ in range(50)))
        later = await client.post(THINGS, content=BODY, headers=KEYED)
    assert kept.effects.done == ["first"]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.content for answer in answers if answer.status_code == 201} == {later.content}
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["error"]["code"] == "idempotency_key_in_use"
            assert int(answer.headers["retry-after"]) >= 1


async def test_a7_the_same_key_with_another_body_is_422_and_does_nothing(kept: Any) -> None:
    async with kept.client() as client:
        await client.post(THINGS, content=BODY, headers=KEYED)
        answer = await client.post(THINGS, content=b'{"amount":100,"name":"first"}', headers=KEYED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert kept.effects.done == ["first"]


async def test_a8_s13_another_tenant_or_route_with_the_key_is_independent(kept: Any) -> None:
    async with kept.client() as client:
        await client.post(THINGS, content=BODY, headers=KEYED)
        other = await client.post(THINGS, content=BODY, headers={**KEYED, "authorization": "Bearer mer_2"})
        route = await client.post("/api/v1/required", content=BODY, headers=KEYED)
    assert "idempotent-replayed" not in {**other.headers, **route.headers}
    assert kept.effects.done == ["first"] * 3


@pytest.mark.parametrize("refusal", [Refusal(), HTTPException(404)])
async def test_a11_a_refused_request_binds_nothing(kept: Any, refusal: Any) -> None:
    async with kept.client() as client:
        kept.effects.fail_with = refusal
        assert (await client.post(THINGS, content=BODY, headers=KEYED)).status_code in {404, 409}
        kept.effects.fail_with = None
        invalid = await client.post(THINGS, content=b'{"amount": "x"}', headers=KEYED)
        assert invalid.status_code == 422
        corrected = await client.post(THINGS, content=b'{"amount": 7, "name": "fixed"}', headers=KEYED)
    assert corrected.status_code == 201
    assert kept.effects.done == ["fixed"]


@pytest.mark.parametrize("failure", [RuntimeError("x"), AutoReconnect("gone"), AfterTheDeed()])
async def test_a12_a_5xx_is_never_kept_and_the_key_is_resumed_after_the_lease(
    kept: Any, database: Database, failure: Any
) -> None:
    async with kept.client() as client:
        kept.effects.fail_with = failure
        assert (await client.post(THINGS, content=BODY, headers=KEYED)).status_code in {500, 503}
        kept.effects.fail_with = None
        assert (await client.post(THINGS, content=BODY, headers=KEYED)).status_code == 409
        await end_lease(database)
        resumed = await client.post(THINGS, content=BODY, headers=KEYED)
    assert resumed.status_code == 201
    assert kept.effects.done == ["first"]


async def test_a9_a_request_slower_than_its_lease_is_fenced(kept: Any, database: Database) -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def hold_the_first() -> None:
        if not begun.is_set():
            begun.set()
            await may_end.wait()

    kept.effects.before = hold_the_first
    async with kept.client() as client:
        slow = asyncio.ensure_future(client.post(THINGS, content=BODY, headers=KEYED))
        async with asyncio.timeout(30):
            await begun.wait()
        await end_lease(database)
        quick = await client.post(THINGS, content=BODY, headers=KEYED)
        may_end.set()
        late = await slow
        again = await client.post(THINGS, content=BODY, headers=KEYED)
    assert quick.status_code == 201
    assert (late.status_code, late.json()["error"]["code"]) == (503, "idempotency_lease_lost")
    assert again.content == quick.content


@pytest.mark.parametrize("status", [302, 404])
async def test_a_response_that_is_no_success_is_not_kept(kept: Any, status: int) -> None:
    kept.effects.fail_with = Response(status_code=status)
    async with kept.client() as client:
        assert (await client.post("/api/v1/raw", headers=KEYED)).status_code == status
        kept.effects.fail_with = None
        assert (await client.post("/api/v1/raw", headers=KEYED)).status_code == 200


async def test_a_response_that_is_a_5xx_leaves_the_key_open(kept: Any) -> None:
    kept.effects.fail_with = Response(status_code=502)
    async with kept.client() as client:
        await client.post("/api/v1/raw", headers=KEYED)
        assert (await client.post("/api/v1/raw", headers=KEYED)).status_code == 409


async def test_a_public_route_keeps_keys_too(kept: Any) -> None:
    async with kept.client() as client:
        client.headers.pop("authorization")
        first = await client.post("/api/v1/raw", headers=KEYED)
        again = await client.post("/api/v1/raw", headers=KEYED)
    assert again.headers["idempotent-replayed"] == "true"
    assert first.content == again.content
    assert kept.effects.done == ["raw"]


@pytest.mark.parametrize("path", ["/api/v1/required", "/api/v1/own-required"])
async def test_a_required_key_is_required(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.post(path, content=BODY, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "idempotency_key_required")
    assert answer.json()["error"]["param"] == "Idempotency-Key"


@pytest.mark.parametrize("path", ["/api/v1/own", "/api/v1/own-required"])
async def test_a_route_that_keeps_its_own_keys_gets_them_checked(
    client: httpx2.AsyncClient, world: Any, path: str
) -> None:
    answer = await client.post(path, content=BODY, headers=KEYED)
    assert answer.json() == {"key": "key-1"}
    long = await client.post(path, content=BODY, headers={**JSON, "idempotency-key": "k" * 256})
    assert (long.status_code, long.json()["error"]["code"]) == (400, "idempotency_key_malformed")


async def test_a_route_that_keeps_its_own_keys_may_do_without(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/api/v1/own", content=BODY, headers=JSON)).json() == {"key": None}


async def test_an_answer_with_secrets_is_never_stored(client: httpx2.AsyncClient) -> None:
    first = await client.post("/api/v1/secret", headers=KEYED)
    second = await client.post("/api/v1/secret", headers=KEYED)
    assert (first.json(), second.json()) == ({"key": None, "number": 1}, {"key": None, "number": 2})
