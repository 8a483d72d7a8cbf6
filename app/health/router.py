"""HTTP of health. All but the statistics and the metrics is public, and says nothing that helps an attacker."""

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from pymongo.errors import PyMongoError
from starlette.responses import Response

from app.health.exposition import CONTENT_TYPE, Scraper, exposition_of
from app.health.schemas import DatabaseStatsRead, DatabaseStatusRead, HealthRead, LiveRead, ReadyRead
from app.health.service import Health, NotReady
from app.kit.clock import Clock
from app.web.envelope import Success, ok
from app.web.errors import ServiceUnavailable, Unauthenticated
from app.web.metrics import Metrics
from app.web.route import Route

_GUARDED: dict[int | str, dict[str, Any]] = {401: {}}
_TEXT: dict[int | str, dict[str, Any]] = {
    **_GUARDED,
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text."},
}


@dataclass(frozen=True, slots=True)
class HealthDoor:
    """What the routes need; wiring puts it into `app.state.health_door`.

    Attributes:
        health: the service's health.
        metrics: what `/metrics` shows.
        clock: for the envelope.
        version: of the product.
        is_production: whether statistics and metrics need credentials.
        metrics_token: bearer token of the scraper; when empty, production shows no metrics to anybody.
    """

    health: Health
    metrics: Metrics
    clock: Clock
    version: str
    is_production: bool
    metrics_token: str

    @property
    def scraper(self) -> Scraper:
        """Return who may read the metrics."""
        return Scraper(token=self.metrics_token, is_production=self.is_production)


router = APIRouter(route_class=Route, tags=["Health"])


@router.get("/health", summary="Basic health")
async def get_health(request: Request) -> Success[HealthRead]:
    """Return whether the service and its database answer; always 200 while the process lives."""
    door = _door(request)
    is_up = await door.health.is_database_up()
    read = HealthRead(
        service="Payment Gateway API", version=door.version, database="connected" if is_up else "unavailable"
    )
    return ok(read, "The service is up.", now=door.clock.now())


@router.get("/health/live", summary="Liveness")
async def get_liveness(request: Request) -> Success[LiveRead]:
    """Return that the process answers: a restart is needed only when this fails."""
    return ok(LiveRead(alive=True), "The process is alive.", now=_door(request).clock.now())


@router.get("/health/ready", summary="Readiness")
async def get_readiness(request: Request) -> Success[ReadyRead]:
    """Return that requests are welcome. Raises NotReady while starting, draining, or without database."""
    door = _door(request)
    readiness = await door.health.check_readiness()
    read = ReadyRead.of(readiness)
    if not readiness.is_ready:
        raise NotReady(details=read.model_dump())
    return ok(read, "The service is ready.", now=door.clock.now())


@router.get("/db-status", summary="Database status", responses=_GUARDED)
async def get_db_status(request: Request) -> Success[DatabaseStatusRead]:
    """Return whether the database answers, and its statistics: in production only to those who are signed in."""
    door = _door(request)
    is_shown = not door.is_production or request.state.principal is not None
    try:
        facts = await door.health.read_database_facts() if is_shown else None
        if facts is None:
            await door.health.database.ping()
    except (PyMongoError, TimeoutError):
        raise ServiceUnavailable("The database does not answer.") from None
    stats = DatabaseStatsRead.of(facts) if facts is not None else None
    return ok(DatabaseStatusRead(status="connected", stats=stats), "The database answers.", now=door.clock.now())


@router.get("/metrics", summary="Metrics", response_class=Response, responses=_TEXT)
async def get_metrics(request: Request) -> Response:
    """Return the metrics as Prometheus reads them. Raises Unauthenticated without the scraper's token."""
    door = _door(request)
    if not door.scraper.may_read(request.headers.get("authorization")):
        raise Unauthenticated("Metrics need the scraper's token (METRICS_TOKEN).")
    return Response(await exposition_of(door.health, door.metrics), media_type=CONTENT_TYPE)


def _door(request: Request) -> HealthDoor:
    door: Any = request.app.state.health_door
    return door  # type: ignore[no-any-return]  # app.state is untyped
