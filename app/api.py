"""Every room's router under `/api/v1`, and the seed's unversioned paths as aliases.

The first version's paths had no prefix; they stay, so that a client written against them keeps working. Only the
versioned ones are documented.
"""

from fastapi import APIRouter, FastAPI

from app.audit.router import router as audit_router
from app.auth.router import routers as auth_routers
from app.health.router import router as health_router
from app.inbox.router import router as inbox_router
from app.payments.router import router as payments_router
from app.tenants.router import router as tenants_router

PREFIX = "/api/v1"


def versioned() -> tuple[APIRouter, ...]:
    """Return the routers that stand under the version's prefix."""
    # Routes are tried in this order, so the busiest come first.
    return (payments_router, inbox_router, *auth_routers, tenants_router, audit_router)


def include_routers(app: FastAPI) -> None:
    """Put every route in its place."""
    for router in versioned():
        app.include_router(router, prefix=PREFIX)
    app.include_router(health_router)
    for router in versioned():
        app.include_router(router, include_in_schema=False)
