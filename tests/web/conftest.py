"""A small application made of the web room's own parts, and clients to talk to it."""

import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Annotated, Any

import httpx2
import pytest
import structlog
from fastapi import APIRouter, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, EmailStr
from starlette.responses import Response

from app.database import Database
from app.idempotency.service import Idempotency
from app.idempotency.store import COLLECTION, IdempotencyStore
from app.kit.clock import MovableClock, SystemClock
from app.kit.errors import Problem
from app.kit.ids import RandomIds
from app.kit.logs import configure_logs
from app.web.envelope import Success, ok
from app.web.errors import Unauthenticated, install_errors
from app.web.metrics import Metrics
from app.web.middleware import Edge, Middleware
from app.web.paging import PageQuery
from app.web.route import Route


class ThingCreate(BaseModel):
    """What a thing is made of."""

    model_config = ConfigDict(extra="forbid", strict=True)

    amount: int
    name: str = ""
    email: EmailStr | None = None
    metadata: dict[str, str] = {}


class ThingRead(BaseModel):
    """What is shown of a thing."""

    id: str
    amount: int
    body: str


@dataclass
class Guard:
    """Knows callers by a header; notes whom it was asked about."""

    asked: list[str] = field(default_factory=list)

    async def admit(self, request: Request, operation_id: str) -> Any:
        self.asked.append(operation_id)
        who = request.headers.get("authorization")
        if who is None:
            if operation_id.startswith("public_"):
                return None
            raise Unauthenticated
        return SimpleNamespace(tenant=who.removeprefix("Bearer "), mode="test")


@dataclass
class Effects:
    """What the endpoints did, and how they shall fail."""

    done: list[str] = field(default_factory=list)
    fail_with: BaseException | Response | None = None
    before: Callable[[], Any] | None = None


router = APIRouter(route_class=Route, tags=["things"])


async def act(request: Request, body: ThingCreate) -> Success[ThingRead]:
    effects: Effects = request.app.state.effects
    if effects.before is not None:
        await effects.before()
    if isinstance(effects.fail_with, BaseException):
        raise effects.fail_with
    effects.done.append(body.name)
    read = ThingRead(id=f"thing-{len(effects.done)}", amount=body.amount, body=request.state.raw_body.decode())
    return ok(read, "Made.", now=MovableClock().now())


@router.post("/things", status_code=201, responses={409: {"description": "Own words."}})
async def create_thing(request: Request, body: ThingCreate) -> Success[ThingRead]:
    """Make a thing."""
    return await act(request, body)


@router.post("/required", openapi_extra={"x-idempotency": "required"})
async def create_required(request: Request, body: ThingCreate) -> Success[ThingRead]:
    return await act(request, body)


@router.post("/own", openapi_extra={"x-idempotency": "own"})
async def create_own(request: Request, body: ThingCreate) -> dict[str, Any]:
    await act(request, body)
    return {"key": request.state.idempotency_key}


@router.post("/own-required", openapi_extra={"x-idempotency": "own-required"})
async def create_own_required(request: Request) -> dict[str, Any]:
    return {"key": request.state.idempotency_key}


@router.post("/secret", openapi_extra={"x-idempotency": "none"})
async def public_secret(request: Request) -> dict[str, Any]:
    request.app.state.effects.done.append("secret")
    return {"key": request.state.idempotency_key, "number": len(request.app.state.effects.done)}


@router.post("/raw")
async def public_raw(request: Request) -> Any:
    effects: Effects = request.app.state.effects
    if isinstance(effects.fail_with, Response):
        return effects.fail_with
    effects.done.append("raw")
    streamed = b"".join([part async for part in request.stream()])
    attempt = request.state.idempotency_attempt
    return {"length": len(await request.body()), "streamed": len(streamed), "attempt": attempt}


@router.get("/things")
async def list_things(query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    return query.model_dump()


@router.get("/things/{thing_id}")
async def public_thing(request: Request, thing_id: str) -> dict[str, str]:
    if isinstance(request.app.state.effects.fail_with, BaseException):
        raise request.app.state.effects.fail_with
    return {"id": thing_id}


@dataclass
class World:
    """The application with everything that a test looks at."""

    app: FastAPI
    guard: Guard
    effects: Effects
    metrics: Metrics
    log: io.StringIO

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def client(self, **options: Any) -> httpx2.AsyncClient:
        headers = {"authorization": "Bearer mer_1", **options.pop("headers", {})}
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app), base_url="http://testserver", headers=headers, **options
        )


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, as it would be printed."""
    target = io.StringIO()
    root = logging.getLogger()
    handlers, level, before = list(root.handlers), root.level, structlog.get_config()
    configure_logs(level="debug", stream=target)
    # The test's own client logs every address it asks.
    logging.getLogger("httpx2").disabled = True
    yield target
    logging.getLogger("httpx2").disabled = False
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()
    root.handlers = handlers
    root.setLevel(level)


@pytest.fixture
def make_world(log: io.StringIO) -> Callable[..., World]:
    """Make an application behind the edge that a test wants."""

    def make(edge: Edge | None = None, *, idempotency: Idempotency | None = None) -> World:
        return build_world(log, edge, idempotency=idempotency)

    return make


def build_world(log: io.StringIO, edge: Edge | None = None, *, idempotency: Idempotency | None = None) -> World:
    app = FastAPI(title="Things", version="1.0.0", docs_url=None, redoc_url=None)
    effects, guard, metrics, clock = Effects(), Guard(), Metrics.create(), SystemClock()
    failures = install_errors(app, clock=clock)
    app.include_router(router, prefix="/api/v1")
    app.include_router(router, include_in_schema=False)
    app.add_middleware(
        Middleware, edge=edge or Edge(), metrics=metrics, failures=failures, clock=clock, ids=RandomIds(clock)
    )
    app.state.guard = guard
    app.state.effects = effects
    app.state.idempotency = idempotency
    return World(app=app, guard=guard, effects=effects, metrics=metrics, log=log)


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """The application behind an open edge."""
    return make_world()


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in client of `world`."""
    async with world.client() as client:
        yield client


@pytest.fixture(scope="module")
def gated_world() -> World:
    """One application for many generated bodies; it writes no log."""
    return build_world(io.StringIO())


class Teapot(Problem):
    """A problem of the tests."""

    code = "teapot"
    message = "I am a teapot."


@pytest.fixture
async def database(mongodb_url: str, database_name: str) -> AsyncIterator[Database]:
    """A database of these tests' own, with the keeper's collection."""
    database = Database.connect(mongodb_url, name=f"{database_name}-web")
    await database.client.drop_database(database.name)
    await database.ensure([COLLECTION])
    yield database
    await database.client.drop_database(database.name)
    await database.close()


@pytest.fixture
def keeper(database: Database) -> Idempotency:
    """Return a keeper of keys on the real database."""
    return Idempotency(store=IdempotencyStore(database), ids=RandomIds(SystemClock()), lease_seconds=30)
