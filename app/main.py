"""The HTTP door: `create_app()` joins what wiring built with the web's layers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.telemetry import TelemetryConfig

from app import __version__
from app.api import RAISED_BELOW, include_routers, processor_webhooks
from app.auth.access import check_routes, is_public
from app.auth.dependencies import AuthDoor
from app.config import Settings
from app.health.router import HealthDoor
from app.kit.logs import configure_logs
from app.observability import start_error_tracking, telemetry_of
from app.web.docs import docs_router
from app.web.errors import install_errors
from app.web.middleware import Edge, Middleware
from app.web.openapi import install_openapi
from app.wiring import Wiring, wire

_TITLE = "Payment Gateway API"
_DESCRIPTION = (
    "Take payments through Razorpay: orders, hosted checkout, verified webhooks. Amounts are integers in minor units "
    "(paise). A 5xx or a cut connection means *unknown*: repeat the request with the same `Idempotency-Key`."
)


def create_app(settings: Settings | None = None, *, wiring: Wiring | None = None) -> FastAPI:
    """Return the application.

    Args:
        settings: of the deployment; from the environment when left out.
        wiring: what to serve with; built from the settings when left out. Whoever passes it starts and closes it.

    Raises:
        RuntimeError: a route has no entry in the permission table (deny by default, S14).
    """
    settings = settings or Settings()
    built = wiring or wire(settings)
    owns_wiring = wiring is None

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if owns_wiring:
            configure_logs(level=settings.effective_log_level)
            start_error_tracking(settings)
            await built.start()
        built.health.indexes_verified = True
        try:
            yield
        finally:
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
    state.guard = built.guard
    state.idempotency = built.idempotency
    state.payments = built.payments
    state.outcomes = built.outcomes
    state.inbox = built.inbox
    state.merchants = built.merchants
    state.audit = built.audit
    state.auth_door = AuthDoor(accounts=built.accounts, sessions=built.sessions, keys=built.api_keys, clock=built.clock)
    state.health_door = HealthDoor(
        health=built.health,
        metrics=built.metrics,
        clock=built.clock,
        version=__version__,
        is_production=settings.is_production,
        metrics_token=settings.metrics_token.get_secret_value(),
    )


def _install_layers(app: FastAPI, settings: Settings, built: Wiring) -> None:
    failures = install_errors(app, clock=built.clock)
    edge = Edge(
        allowed_hosts=settings.allowed_hosts,
        max_body_bytes=settings.max_body_bytes,
        body_limits={
            "/api/v1/webhooks/": settings.max_webhook_bytes,
            "/webhooks/": settings.max_webhook_bytes,
        },
        is_https=settings.public_url.startswith("https://"),
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
            expose_headers=["X-Request-Id", "Idempotent-Replayed", "Retry-After"],
        )
