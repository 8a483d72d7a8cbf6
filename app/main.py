"""The HTTP door: `create_app()` joins what wiring built with the web's layers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict, cast

import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.telemetry import TelemetryConfig
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app import __version__
from app.api import RAISED_BELOW, include_routers, processor_webhooks
from app.auth.access import check_routes, is_public
from app.auth.dependencies import AuthDoor
from app.checkout.router import CheckoutDoor
from app.config import Settings
from app.dashboard.door import DashboardDoor
from app.disputes.files import FORM_BYTES as DOCUMENT_FORM_BYTES
from app.disputes.schemas import BODY_BYTES as DOCUMENT_BODY_BYTES
from app.health.loopwatch import LoopWatch
from app.health.router import HealthDoor
from app.kit.logs import configure_logs
from app.ledger.router import LedgerDoor
from app.observability import start_error_tracking, telemetry_of
from app.pages.live import Streams
from app.ratelimits.service import LimitedGuard
from app.web.docs import docs_router
from app.web.errors import install_errors
from app.web.middleware import Edge, Middleware
from app.web.openapi import install_openapi
from app.web.serving import DrainingServer
from app.web.shedding import Room
from app.wiring import Wiring, wire

_TITLE = "Payment Gateway API"
_DESCRIPTION = (
    "Take payments through Razorpay: orders, hosted checkout, verified webhooks. Amounts are integers in minor units "
    "(paise). A 5xx or a cut connection means *unknown*: repeat the request with the same `Idempotency-Key`."
)


_GRACE_SECONDS = 20
_NOT_STARTED = 3
_BACKLOG = 2048
_DATABASE_SECONDS = 3.5


class _Options(TypedDict):
    host: str
    port: int
    log_config: None
    access_log: bool
    proxy_headers: bool
    server_header: bool
    date_header: bool
    backlog: int
    timeout_graceful_shutdown: int


def server_options(settings: Settings) -> _Options:
    """Return how the server is told to serve."""
    return _Options(
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        # It would believe everything on this machine. `_install_layers` believes the proxies that are named, or nobody.
        proxy_headers=False,
        server_header=False,
        date_header=True,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def serve(settings: Settings, *, reload: bool = False) -> None:
    """Serve the API until told to stop; with `reload` start anew whenever the code changes."""
    options = server_options(settings)
    if reload:
        # A changed program has to be loaded again, so it is named, not passed.
        uvicorn.run("app.main:create_app", factory=True, reload=True, reload_dirs=["app"], **options)
        return
    app = create_app(settings)

    def say_not_ready() -> None:
        # Streams look at this too: else each would keep the process for its whole grace.
        app.state.health_door.health.is_draining = True

    server = DrainingServer(uvicorn.Config(app, **options), drain_seconds=settings.drain_seconds, on_end=say_not_ready)
    server.run()
    if not server.started:
        raise SystemExit(_NOT_STARTED)


def create_app(settings: Settings | None = None, *, wiring: Wiring | None = None) -> FastAPI:
    """Return the application.

    Args:
        settings: of the deployment; from the environment when left out.
        wiring: what to serve with; built from the settings when left out. Whoever passes it starts and closes it.

    Raises:
        RuntimeError: a route has no entry in the permission table (deny by default, S14).
    """
    settings = settings or Settings()
    built = wiring or wire(settings, operation_seconds=_DATABASE_SECONDS)
    owns_wiring = wiring is None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loop_watch = LoopWatch(built.metrics.process.loop_lag)
        if owns_wiring:
            configure_logs(level=settings.effective_log_level)
            start_error_tracking(settings)
            await built.start()
        built.health.indexes_verified = True
        loop_watch.start()
        try:
            yield
        finally:
            loop_watch.stop()
            built.health.is_draining = True
            if owns_wiring:
                await built.close()

    app = FastAPI(
        title=_TITLE,
        version=__version__,
        description=_DESCRIPTION,
        debug=False,
        openapi_url="/openapi.json" if settings.docs_enabled else None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        telemetry=cast("TelemetryConfig", telemetry_of(settings)),
    )
    _give(app, settings, built)
    include_routers(app)
    app.include_router(docs_router(is_interactive=settings.docs_enabled))
    check_routes(app)
    install_openapi(
        app,
        is_public=is_public,
        webhooks=processor_webhooks(),
        raised_below=RAISED_BELOW,
        servers=[settings.public_address],
    )
    _install_layers(app, settings, built)
    return app


def _give(app: FastAPI, settings: Settings, built: Wiring) -> None:
    """Put into `app.state` what the routers ask for."""
    state = app.state
    state.clock = built.clock
    state.guard = LimitedGuard(built.guard, built.limits)
    state.pages = built.pages
    state.idempotency = built.idempotency
    state.payments = built.payments
    state.outcomes = built.outcomes
    state.refunds = built.refunds.refunds
    state.recovery = built.recovery.recovery
    state.disputes = built.disputes.disputes
    state.settlements = built.settlements.settlements
    state.links = built.links.links
    state.customers = built.customers.customers
    state.erasing = built.customers.erasing
    state.notices = built.notices.notices
    state.link_door = built.links.door
    state.suspense = built.suspense
    state.ledger_door = LedgerDoor(ledger=built.ledger, checks=built.book_checks, clock=built.clock)
    state.inbox = built.inbox
    state.outbox = built.outbox
    state.webhooks = built.webhooks
    state.merchants = built.merchants
    state.returns = built.returns
    state.audit = built.audit
    state.auth_door = AuthDoor(accounts=built.accounts, sessions=built.sessions, keys=built.api_keys, clock=built.clock)
    streams = Streams(lambda: built.health.is_draining)
    state.dashboard = _dashboard_door(built, streams)
    state.checkout_door = CheckoutDoor(built.checkout, streams)
    state.health_door = HealthDoor(
        health=built.health,
        metrics=built.metrics,
        clock=built.clock,
        version=__version__,
        is_production=settings.is_production,
        metrics_token=settings.metrics_token.get_secret_value(),
    )


def _dashboard_door(built: Wiring, streams: Streams) -> DashboardDoor:
    return DashboardDoor(
        pages=built.pages,
        browsers=built.browsers,
        limits=built.limits,
        accounts=built.accounts,
        sessions=built.sessions,
        keys=built.api_keys,
        merchants=built.merchants,
        payments=built.payments,
        outcomes=built.outcomes,
        links=built.links.links,
        customers=built.customers.customers,
        erasing=built.customers.erasing,
        refunds=built.refunds.refunds,
        disputes=built.disputes.disputes,
        settlements=built.settlements.settlements,
        suspense=built.suspense,
        ledger=built.ledger,
        book_checks=built.book_checks,
        inbox=built.inbox,
        outbox=built.outbox,
        endpoints=built.webhooks.endpoints,
        deliveries=built.webhooks.deliveries,
        notices=built.notices.notices,
        recovery=built.recovery.recovery,
        analytics=built.analytics.analytics,
        health=built.health,
        heartbeats=built.heartbeats,
        streams=streams,
        clock=built.clock,
        version=__version__,
    )


def _install_layers(app: FastAPI, settings: Settings, built: Wiring) -> None:
    failures = install_errors(app, clock=built.clock, pages=built.pages)
    edge = Edge(
        allowed_hosts=settings.allowed_hosts,
        max_body_bytes=settings.max_body_bytes,
        body_limits={
            "/api/v1/webhooks/": settings.max_webhook_bytes,
            "/webhooks/": settings.max_webhook_bytes,
            # Documents that prove something to a bank come in base64.
            "/api/v1/disputes/": DOCUMENT_BODY_BYTES,
            "/disputes/": DOCUMENT_BODY_BYTES,
            # In a form they come as they are; one that is a little too large is told so on its page.
            "/dashboard/disputes/": DOCUMENT_FORM_BYTES,
        },
        room=Room(settings.max_concurrent_requests, settings.max_waiting_requests, settings.max_wait_seconds),
        is_https=settings.public_url.startswith("https://"),
        is_draining=lambda: built.health.is_draining,
    )
    app.add_middleware(
        Middleware, edge=edge, metrics=built.metrics, failures=failures, clock=built.clock, ids=built.ids
    )
    if settings.cors_origins:
        # Outermost, because the layer within answers by itself too: a page must be able to read refusals and defects.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Mode", "X-Request-Id"],
            expose_headers=["X-Request-Id", "Idempotent-Replayed", "Retry-After", "RateLimit", "RateLimit-Policy"],
        )
    if settings.trusted_proxies:
        # Around everything, so that whatever asks for the client gets the one that the last of the proxies saw: the
        # rightmost address that is no proxy's. What stands further left was sent by the client, who may write anything.
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
