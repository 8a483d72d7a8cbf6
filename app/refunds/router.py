"""Refunds over HTTP: translate, call one verb, translate back."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request

from app.idempotency.service import fingerprint_of
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.refunds.schemas import PaymentRefundsQuery, RefundCreate, RefundDetail, RefundQuery, RefundRead
from app.refunds.service import NewRefund, Refunds
from app.web.envelope import Page, Success, ok
from app.web.principal import current_principal
from app.web.route import Route

router = APIRouter(tags=["Refunds"], route_class=Route)


@dataclass(frozen=True, slots=True)
class Desk:
    """Whose refunds they are, and the service that answers."""

    scope: Scope
    refunds: Refunds
    clock: Clock


def _desk(request: Request) -> Desk:
    state = request.app.state
    return Desk(current_principal(request).scope, state.refunds, state.clock)


@router.post(
    "/payments/{payment_id}/refunds",
    status_code=201,
    openapi_extra={"x-idempotency": "required"},
    summary="Refund a payment",
)
async def refunds_create(payment_id: str, request: Request, body: RefundCreate | None = None) -> Success[RefundRead]:
    """Give money of a completed payment back, in part or all that is left, once per `Idempotency-Key`.

    `requested` in the answer means that the processor has not said yet: the amount is reserved, and the worker goes on.
    """
    desk, state = _desk(request), request.state
    refund = await desk.refunds.create_refund(
        desk.scope,
        payment_id,
        body.to_new() if body is not None else NewRefund(),
        key=state.idempotency_key,
        fingerprint=fingerprint_of("POST", f"/payments/{payment_id}/refunds", state.raw_body),
    )
    return ok(RefundRead.of(refund), "Refund created.", now=desk.clock.now())


@router.get("/payments/{payment_id}/refunds", summary="List a payment's refunds")
async def payments_refunds_list(
    payment_id: str, query: Annotated[PaymentRefundsQuery, Query()], request: Request
) -> Success[Page[RefundRead]]:
    """Return the refunds of a payment, those made at the processor too, newest first."""
    desk = _desk(request)
    found = await desk.refunds.list_payment_refunds(desk.scope, payment_id, window=query.window())
    return ok(found.read(RefundRead.of), "Refunds.", now=desk.clock.now())


@router.get("/refunds", summary="List refunds")
async def refunds_list(query: Annotated[RefundQuery, Query()], request: Request) -> Success[Page[RefundRead]]:
    """Return refunds, newest first, by cursor."""
    desk = _desk(request)
    found = await desk.refunds.list_refunds(desk.scope, where=query.to_filter(), window=query.window())
    return ok(found.read(RefundRead.of), "Refunds.", now=desk.clock.now())


@router.get("/refunds/{refund_id}", summary="Fetch a refund")
async def refunds_get(refund_id: str, request: Request) -> Success[RefundDetail]:
    """Return a refund with its history."""
    desk = _desk(request)
    refund = await desk.refunds.get_refund(desk.scope, refund_id)
    return ok(RefundDetail.of(refund), "Refund.", now=desk.clock.now())


@router.post("/refunds/{refund_id}/cancel", summary="Cancel a refund")
async def refunds_cancel(refund_id: str, request: Request) -> Success[RefundDetail]:
    """Give up a refund that has not been sent to the processor; its amount may be refunded again."""
    desk = _desk(request)
    refund = await desk.refunds.cancel_refund(desk.scope, refund_id)
    return ok(RefundDetail.of(refund), "Refund cancelled.", now=desk.clock.now())
