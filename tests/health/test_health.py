"""Health: alive, ready, the database's facts, and metrics for those who may see them (G5, P7)."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from pymongo.errors import AutoReconnect

from app.database import Database
from app.health.router import HealthDoor, router
from app.health.service import Health
from app.kit.clock import MovableClock
from app.web.errors import install_errors
from app.web.metrics import Metrics

TOKEN = "scraper-token"


class Guard:
    """Everybody with a header is signed in."""

    async def admit(self, request: Request, operation_id: str) -> Any:
        if request.headers.get("authorization") is None:
            return None
        return SimpleNamespace(tenant="mer_1", mode="test")


@dataclass
class World:
    """The application with its health."""

    app: FastAPI
    health: Health
    clock: MovableClock
    metrics: Metrics

    def client(self, **headers: str) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(app=self.app)
        return httpx2.AsyncClient(transport=transport, base_url="http://testserver", headers=headers)

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        async with self.client(**headers) as client:
            return await client.get(path)


@pytest.fixture
async def database(mongodb_url: str, database_name: str) -> AsyncIterator[Database]:
    database = Database.connect(mongodb_url, name=f"{database_name}-health")
    await database.client.drop_database(database.name)
    await database.collection("payments").insert_one({"_id": "pmt_1"})
    await database.collection("payments").create_index("status", name="by_status")
    yield database
    await database.client.drop_database(database.name)
    await database.close()


@pytest.fixture
async def unreachable(mongodb_url: str) -> Database:
    """A database whose client is closed: every question to it fails at once."""
    database = Database.connect(mongodb_url, name="nowhere")
    await database.close()
    return database


@pytest.fixture
def make_world() -> Callable[..., World]:
    def make(
        database: Database, *, is_production: bool = False, metrics_token: str = "", samplers: tuple[Any, ...] = ()
    ) -> World:
        app, clock, metrics = FastAPI(), MovableClock(), Metrics.create()
        install_errors(app, clock=clock)
        app.include_router(router)
        health = Health(database=database, clock=clock, samplers=samplers, indexes_verified=True)
        app.state.guard = Guard()
        app.state.health_door = HealthDoor(
            health=health,
            metrics=metrics,
            clock=clock,
            version="1.2.3",
            is_production=is_production,
            metrics_token=metrics_token,
        )
        return World(app=app, health=health, clock=clock, metrics=metrics)

    return make


async def test_basic_health_tells_of_the_service_and_its_database(
    make_world: Any, database: Database, unreachable: Any
) -> None:
    up = (await make_world(database).get("/health")).json()
    assert (up["status"], up["data"]["database"], up["data"]["version"]) == ("success", "connected", "1.2.3")
    down = await make_world(unreachable).get("/health")
    assert (down.status_code, down.json()["data"]["database"]) == (200, "unavailable")


async def test_liveness_asks_nobody(make_world: Any, unreachable: Any) -> None:
    answer = await make_world(unreachable).get("/health/live")
    assert (answer.status_code, answer.json()["data"]) == (200, {"alive": True})


async def test_a_ready_instance_says_so(make_world: Any, database: Database) -> None:
    answer = await make_world(database).get("/health/ready")
    assert answer.json()["data"] == {"database": True, "indexes": True, "accepting": True}


async def test_p7_a_draining_instance_is_not_ready(make_world: Any, database: Database) -> None:
    world = make_world(database)
    world.health.is_draining = True
    answer = await world.get("/health/ready")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "not_ready")
    assert answer.json()["error"]["details"] == {"database": True, "indexes": True, "accepting": False}
    assert answer.headers["retry-after"]


async def test_g11_an_instance_with_unverified_indexes_is_not_ready(make_world: Any, database: Database) -> None:
    world = make_world(database)
    world.health.indexes_verified = False
    assert (await world.get("/health/ready")).status_code == 503


async def test_g5_an_instance_without_database_is_not_ready(make_world: Any, unreachable: Any) -> None:
    answer = await make_world(unreachable).get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["error"]["details"]["database"] is False


@pytest.mark.parametrize(("is_production", "headers"), [(False, {}), (True, {"authorization": "Bearer x"})])
async def test_the_database_s_facts_are_shown(
    make_world: Any, database: Database, is_production: Any, headers: Any
) -> None:
    answer = await make_world(database, is_production=is_production).get("/db-status", **headers)
    data = answer.json()["data"]
    assert data["status"] == "connected"
    stats = data["stats"]
    assert stats["name"] == database.name
    assert stats["version"][0].isdigit()
    assert stats["replica_set"]
    assert "primary" in stats["members"].values()
    (payments,) = stats["collections"]
    assert (payments["name"], payments["documents"]) == ("payments", 1)
    assert payments["indexes"] == ["_id_", "by_status"]
    assert payments["size_bytes"] > 0
    assert payments["index_bytes"] > 0


async def test_in_production_a_stranger_sees_only_the_status(make_world: Any, database: Database) -> None:
    answer = await make_world(database, is_production=True).get("/db-status")
    assert answer.json()["data"] == {"status": "connected", "stats": None}


@pytest.mark.parametrize("is_production", [False, True])
async def test_a_database_that_does_not_answer_is_503(make_world: Any, unreachable: Any, is_production: Any) -> None:
    answer = await make_world(unreachable, is_production=is_production).get("/db-status")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "service_unavailable")
    assert "127.0.0.1" not in answer.text


@pytest.mark.parametrize(
    ("is_production", "token", "given", "status"),
    [
        (False, "", None, 200),
        (False, TOKEN, None, 401),
        (False, TOKEN, f"Bearer {TOKEN}", 200),
        (True, TOKEN, f"Bearer {TOKEN}", 200),
        (True, TOKEN, "Bearer wrong", 401),
        (True, TOKEN, f"bearer {TOKEN}", 401),
        (True, TOKEN, TOKEN, 401),
        (True, "", None, 401),
        (True, "", "Bearer ", 401),
    ],
)
async def test_metrics_are_for_the_scraper(
    make_world: Any, database: Database, is_production: Any, token: Any, given: str, status: int
) -> None:
    world = make_world(database, is_production=is_production, metrics_token=token)
    headers = {} if given is None else {"authorization": given, "x-forwarded-for": "127.0.0.1"}
    answer = await world.get("/metrics", **headers)
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["content-type"].startswith("text/plain")
        assert "http_requests_in_flight" in answer.text


async def test_gauges_are_refreshed_before_a_scrape_but_not_at_each(make_world: Any, database: Database) -> None:
    calls: list[int] = []

    async def count_payments() -> None:
        calls.append(1)
        world.metrics.inbox_depth.set(await database.collection("payments").count_documents({}))

    world = make_world(database, samplers=(count_payments,))
    assert "inbox_waiting 1.0" in (await world.get("/metrics")).text
    await world.get("/metrics")
    assert len(calls) == 1
    world.clock.advance(seconds=6)
    await world.get("/metrics")
    assert len(calls) == 2


@pytest.mark.parametrize("error", [AutoReconnect("x"), TimeoutError()])
async def test_a_sampler_that_fails_costs_only_its_gauges(make_world: Any, database: Database, error: Any) -> None:
    async def fail() -> None:
        raise error

    async def succeed() -> None:
        world.metrics.inbox_depth.set(4)

    world = make_world(database, samplers=(fail, succeed))
    answer = await world.get("/metrics")
    assert answer.status_code == 200
    for line in ("inbox_waiting 4.0", "samplers_failing 1.0", "database_up 1.0"):
        assert line in answer.text


async def test_g5_without_its_database_an_instance_says_so_at_once_and_asks_no_more(
    make_world: Any, unreachable: Database
) -> None:
    calls: list[int] = []

    async def never() -> None:
        calls.append(1)

    answer = await make_world(unreachable, samplers=(never, never)).get("/metrics")
    assert answer.status_code == 200
    assert "database_up 0.0" in answer.text
    assert "samplers_failing 2.0" in answer.text
    assert not calls
