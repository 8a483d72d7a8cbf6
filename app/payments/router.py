"""Payments over HTTP: translate, call one verb, translate back."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from app.idempotency.service import fingerprint_of
from app.kit.clock import Clock
from app.payments.models import Payment
from app.payments.outcomes import Outcomes
from app.payments.schemas import (
    PaymentCapture,
    PaymentCreate,
    PaymentDetail,
    PaymentQuery,
    PaymentRead,
    PaymentVerify,
    SuspenseRead,
)
from app.payments.service import NewPayment, Payments
from app.web.envelope import Page, Success, ok
from app.web.paging import PageQuery
from app.web.principal import CurrentPrincipal
from app.web.route import REPLAYED_HEADER, Route

router = APIRouter(tags=["Payments"], route_class=Route)


async def _payments(request: Request) -> Payments:
    service: Payments = request.app.state.payments
    return service


async def _outcomes(request: Request) -> Outcomes:
    service: Outcomes = request.app.state.outcomes
    return service


async def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


Service = Annotated[Payments, Depends(_payments)]
Results = Annotated[Outcomes, Depends(_outcomes)]
Now = Annotated[Clock, Depends(_clock)]


@router.post(
    "/payments",
    status_code=201,
    response_model=Success[PaymentRead],
    openapi_extra={"x-idempotency": "own-required"},
    summary="Create a payment",
)
async def payments_create(
    request: Request, body: PaymentCreate, principal: CurrentPrincipal, payments: Service, clock: Now
) -> Any:
    """Create a payment and its order at the processor, once per `Idempotency-Key`.

    A 503 means that the outcome is unknown: repeat the request with the same key and you get the truth.
    """

    def render(payment: Payment) -> bytes:
        answer = ok(PaymentRead.of(payment), "Payment created.", now=clock.now())
        return answer.model_dump_json(warnings=False).encode()

    state = request.state
    new = NewPayment(
        money=body.to_money(),
        capture_method=body.capture_method,
        user_id=principal.user_id,
        description=body.description,
        reference=body.reference,
        metadata=body.metadata,
    )
    created = await payments.create_payment(
        principal.scope,
        new,
        key=state.idempotency_key,
        fingerprint=fingerprint_of("POST", "/payments", state.raw_body),
        render=render,
    )
    headers = {REPLAYED_HEADER: "true"} if created.replayed else None
    return Response(created.body, status_code=201, media_type="application/json", headers=headers)


@router.get("/payments", summary="List payments")
async def payments_list(
    query: Annotated[PaymentQuery, Query()], principal: CurrentPrincipal, payments: Service, clock: Now
) -> Success[Page[PaymentRead]]:
    """Return payments, newest first, by cursor."""
    found = await payments.list_payments(principal.scope, where=query.to_filter(), window=query.window())
    return ok(found.read(PaymentRead.of), "Payments.", now=clock.now())


@router.get("/payments/{payment_id}", summary="Fetch a payment")
async def payments_get(
    payment_id: str, principal: CurrentPrincipal, payments: Service, clock: Now
) -> Success[PaymentDetail]:
    """Return a payment with its attempts and its history."""
    payment = await payments.get_payment(principal.scope, payment_id)
    return ok(PaymentDetail.of(payment), "Payment.", now=clock.now())


@router.post("/payments/{payment_id}/verify", summary="Verify the checkout's callback")
async def payments_verify(
    payment_id: str, body: PaymentVerify, principal: CurrentPrincipal, outcomes: Results, clock: Now
) -> Success[PaymentDetail]:
    """Check the signature that the customer's browser brought back, and learn the true outcome."""
    payment = await outcomes.verify_callback(
        principal.scope,
        payment_id,
        order_id=body.razorpay_order_id,
        gateway_payment_id=body.razorpay_payment_id,
        signature=body.razorpay_signature,
    )
    return ok(PaymentDetail.of(payment), "The callback is genuine.", now=clock.now())


@router.post(
    "/payments/{payment_id}/capture",
    openapi_extra={"x-idempotency": "required"},
    summary="Capture an authorised payment",
)
async def payments_capture(
    payment_id: str,
    principal: CurrentPrincipal,
    payments: Service,
    outcomes: Results,
    clock: Now,
    body: PaymentCapture | None = None,
) -> Success[PaymentDetail]:
    """Capture the whole authorised amount."""
    known = await payments.get_payment(principal.scope, payment_id)
    amount = body.to_money(default_currency=known.money.currency) if body else None
    payment = await outcomes.capture_payment(principal.scope, payment_id, amount=amount)
    return ok(PaymentDetail.of(payment), "Payment captured.", now=clock.now())


@router.post("/payments/{payment_id}/cancel", summary="Cancel a payment")
async def payments_cancel(
    payment_id: str, principal: CurrentPrincipal, payments: Service, clock: Now
) -> Success[PaymentDetail]:
    """Cancel a payment that nobody has paid; money that arrives later is kept apart in suspense."""
    payment = await payments.cancel_payment(principal.scope, payment_id)
    return ok(PaymentDetail.of(payment), "Payment cancelled.", now=clock.now())


@router.post("/payments/{payment_id}/recheck", summary="Ask the processor again")
async def payments_recheck(
    payment_id: str, principal: CurrentPrincipal, outcomes: Results, clock: Now
) -> Success[PaymentDetail]:
    """Fetch every attempt from the processor now, instead of waiting for a webhook."""
    payment = await outcomes.check_payment(principal.scope, payment_id)
    return ok(PaymentDetail.of(payment), "Checked with the processor.", now=clock.now())


@router.get("/suspense", summary="List money in suspense")
async def suspense_list(
    query: Annotated[PageQuery, Query()], principal: CurrentPrincipal, payments: Service, clock: Now
) -> Success[Page[SuspenseRead]]:
    """Return captured money that is no payment's, newest first."""
    found = await payments.list_suspense(principal.scope, window=query.window())
    return ok(found.read(SuspenseRead.of), "Suspense.", now=clock.now())
