"""Disputes over HTTP: translate, call one verb, translate back."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.disputes.schemas import (
    DisputeContest,
    DisputeDetail,
    DisputeQuery,
    DisputeRead,
    DocumentCreate,
    DocumentRead,
    UrgentDisputes,
    UrgentQuery,
)
from app.disputes.service import Disputes
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.web.envelope import Page, Success, ok
from app.web.principal import current_principal
from app.web.route import Route

router = APIRouter(tags=["Disputes"], route_class=Route)


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose disputes they are, and the service that answers."""

    scope: Scope
    disputes: Disputes
    clock: Clock


def _desk(request: Request) -> Desk:
    state = request.app.state
    return Desk(current_principal(request).scope, state.disputes, state.clock)


@router.get("/disputes", summary="List disputes")
async def disputes_list(query: Annotated[DisputeQuery, Query()], request: Request) -> Success[Page[DisputeRead]]:
    """Return disputes, newest first, by cursor."""
    desk = _desk(request)
    found = await desk.disputes.list_disputes(desk.scope, where=query.to_filter(), window=query.window())
    return ok(found.read(DisputeRead.of), "Disputes.", now=desk.clock.now())


@router.get("/disputes/urgent", summary="List what is to be answered soonest")
async def disputes_urgent(query: Annotated[UrgentQuery, Query()], request: Request) -> Success[UrgentDisputes]:
    """Return the open disputes, those with the nearest last day first."""
    desk = _desk(request)
    found = await desk.disputes.list_urgent(desk.scope, limit=query.limit)
    return ok(UrgentDisputes.of(found), "Open disputes by urgency.", now=desk.clock.now())


@router.get("/disputes/{dispute_id}", summary="Fetch a dispute")
async def disputes_get(dispute_id: str, request: Request) -> Success[DisputeDetail]:
    """Return a dispute with its history."""
    desk = _desk(request)
    dispute = await desk.disputes.get_dispute(desk.scope, dispute_id)
    return ok(DisputeDetail.of(dispute), "Dispute.", now=desk.clock.now())


@router.post("/disputes/{dispute_id}/accept", openapi_extra={"x-idempotency": "required"}, summary="Give a dispute up")
async def disputes_accept(dispute_id: str, request: Request) -> Success[DisputeDetail]:
    """Let the customer keep the money. It can't be taken back."""
    desk = _desk(request)
    dispute = await desk.disputes.accept_dispute(desk.scope, dispute_id)
    return ok(DisputeDetail.of(dispute), "Dispute accepted.", now=desk.clock.now())


@router.post("/disputes/{dispute_id}/contest", openapi_extra={"x-idempotency": "required"}, summary="Contest a dispute")
async def disputes_contest(dispute_id: str, body: DisputeContest, request: Request) -> Success[DisputeDetail]:
    """Answer with evidence: as a draft, or with `submit` for good, once, before its last day."""
    desk = _desk(request)
    known = await desk.disputes.get_dispute(desk.scope, dispute_id)
    contest = body.to_contest(default_currency=known.money.currency)
    dispute = await desk.disputes.contest_dispute(desk.scope, dispute_id, contest)
    said = "Evidence submitted." if contest.is_final else "Evidence kept as a draft."
    return ok(DisputeDetail.of(dispute), said, now=desk.clock.now())


@router.post("/disputes/{dispute_id}/documents", status_code=201, summary="Add a document")
async def disputes_documents_create(dispute_id: str, body: DocumentCreate, request: Request) -> Success[DocumentRead]:
    """Hand a document to the processor; its id then stands in a contest."""
    desk = _desk(request)
    document = await desk.disputes.add_document(
        desk.scope, dispute_id, content=body.to_bytes(), name=body.name, mime=body.content_type, kind=body.kind
    )
    return ok(DocumentRead.of(document), "Document added.", now=desk.clock.now())
