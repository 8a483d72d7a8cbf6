"""The audit log over HTTP: read only."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from app.audit.models import AuditEntry
from app.audit.service import Audit
from app.kit.clock import Clock
from app.kit.ids import Prefix
from app.web.envelope import Page, Success, Timestamp, ok
from app.web.paging import PageQuery
from app.web.principal import CurrentPrincipal
from app.web.route import Route

router = APIRouter(tags=["Audit log"], route_class=Route)


class AuditQuery(PageQuery):
    """Which page of the log."""

    prefix = Prefix.AUDIT


class AuditRead(BaseModel):
    """One deed. `digest` chains it to the one before."""

    id: str
    sequence: int
    at: Timestamp
    actor_kind: str
    actor_id: str
    action: str
    target: str
    before: dict[str, Any]
    after: dict[str, Any]
    digest: str

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditRead":
        """Show an entry."""
        return cls(
            id=entry.id,
            sequence=entry.sequence,
            at=entry.at,
            actor_kind=entry.actor.kind,
            actor_id=entry.actor.id,
            action=entry.action,
            target=entry.target,
            before=dict(entry.before),
            after=dict(entry.after),
            digest=entry.digest,
        )


class ChainRead(BaseModel):
    """Whether the chain is whole; `broken_at` names the first sequence number that does not fit."""

    is_whole: bool
    broken_at: int | None


async def _audit(request: Request) -> Audit:
    audit: Audit = request.app.state.audit
    return audit


async def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


Service = Annotated[Audit, Depends(_audit)]
Now = Annotated[Clock, Depends(_clock)]


@router.get("/audit-log", summary="List the audit log")
async def audit_list(
    query: Annotated[AuditQuery, Query()], principal: CurrentPrincipal, audit: Service, clock: Now
) -> Success[Page[AuditRead]]:
    """Return who did what, newest first, by cursor."""
    found = await audit.list_entries(principal.tenant, window=query.window())
    return ok(found.read(AuditRead.of), "Audit log.", now=clock.now())


@router.get("/audit-log/chain", summary="Verify the audit log")
async def audit_verify(principal: CurrentPrincipal, audit: Service, clock: Now) -> Success[ChainRead]:
    """Recompute the whole chain and tell whether an entry was altered or removed."""
    broken_at = await audit.find_break(principal.tenant)
    read = ChainRead(is_whole=broken_at is None, broken_at=broken_at)
    return ok(read, "The chain is whole." if read.is_whole else "The chain is broken.", now=clock.now())
