"""Payments over HTTP: translate, call one verb, translate back."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.idempotency.service import fingerprint_of
from app.kit.clock import Clock
from app.kit.scope import Scope
from app.payments.models import Payment
from app.payments.outcomes import Outcomes
from app.payments.schemas import (
    PaymentCapture,
    PaymentCreate,
    PaymentDetail,
    PaymentQuery,
    PaymentRead,
    PaymentVerify,
)
from app.payments.service import NewPayment, Payments
from app.web.envelope import Page, Success, ok
from app.web.principal import Principal, current_principal
from app.web.route import REPLAYED_HEADER, Route

router = APIRouter(tags=["Payments"], route_class=Route)


@dataclass(frozen=True, slots=True)
class Desk:
    """Who asks, and the services that answer."""

    principal: Principal
    payments: Payments
    outcomes: Outcomes
    clock: Clock

    @property
    def scope(self) -> Scope:
        """Return whose payments they are."""
        return self.principal.scope

    def show(self, payment: Payment) -> PaymentRead:
        """Return a payment as the API shows it."""
        return PaymentRead.of(payment, self.payments.addresses)

    def show_whole(self, payment: Payment) -> PaymentDetail:
        """Return a payment with its attempts and its history."""
        return PaymentDetail.of(payment, self.payments.addresses)


def _desk(request: Request) -> Desk:
    # Called and not declared: a dependency costs a twentieth of what a read costs in all.
    state = request.app.state
    return Desk(current_principal(request), state.payments, state.outcomes, state.clock)


@router.post(
    "/payments",
    status_code=201,
    response_model=Success[PaymentRead],
    openapi_extra={"x-idempotency": "own-required"},
    summary="Create a payment",
)
async def payments_create(request: Request, body: PaymentCreate) -> Any:
    """Create a payment and its order at the processor, once per `Idempotency-Key`.

    A 503 means that the outcome is unknown: repeat the request with the same key and you get the truth.
    """
    desk = _desk(request)

    def render(payment: Payment) -> bytes:
        answer = ok(desk.show(payment), "Payment created.", now=desk.clock.now())
        return answer.model_dump_json(warnings=False).encode()

    state = request.state
    new = NewPayment(
        money=body.to_money(),
        capture_method=body.capture_method,
        user_id=desk.principal.user_id,
        description=body.description,
        reference=body.reference,
        metadata=body.metadata,
        return_url=body.return_url,
    )
    created = await desk.payments.create_payment(
        desk.scope,
        new,
        key=state.idempotency_key,
        fingerprint=fingerprint_of("POST", "/payments", state.raw_body),
        render=render,
    )
    headers = {REPLAYED_HEADER: "true"} if created.replayed else None
    return Response(created.body, status_code=201, media_type="application/json", headers=headers)


@router.get("/payments", summary="List payments")
async def payments_list(query: Annotated[PaymentQuery, Query()], request: Request) -> Success[Page[PaymentRead]]:
    """Return payments, newest first, by cursor."""
    desk = _desk(request)
    found = await desk.payments.list_payments(desk.scope, where=query.to_filter(), window=query.window())
    return ok(found.read(desk.show), "Payments.", now=desk.clock.now())


@router.get("/payments/{payment_id}", summary="Fetch a payment")
async def payments_get(payment_id: str, request: Request) -> Success[PaymentDetail]:
    """Return a payment with its attempts and its history."""
    desk = _desk(request)
    payment = await desk.payments.get_payment(desk.scope, payment_id)
    return ok(desk.show_whole(payment), "Payment.", now=desk.clock.now())


@router.post("/payments/{payment_id}/verify", summary="Verify the checkout's callback")
async def payments_verify(payment_id: str, body: PaymentVerify, request: Request) -> Success[PaymentDetail]:
    """Check the signature that the customer's browser brought back, and learn the true outcome."""
    desk = _desk(request)
    payment = await desk.outcomes.verify_callback(
        desk.scope,
        payment_id,
        order_id=body.razorpay_order_id,
        gateway_payment_id=body.razorpay_payment_id,
        signature=body.razorpay_signature,
    )
    return ok(desk.show_whole(payment), "The callback is genuine.", now=desk.clock.now())


@router.post(
    "/payments/{payment_id}/capture",
    openapi_extra={"x-idempotency": "required"},
    summary="Capture an authorised payment",
)
async def payments_capture(
    payment_id: str,
    request: Request,
    body: PaymentCapture | None = None,
) -> Success[PaymentDetail]:
    """Capture the whole authorised amount."""
    desk = _desk(request)
    known = await desk.payments.get_payment(desk.scope, payment_id)
    amount = body.to_money(default_currency=known.money.currency) if body else None
    payment = await desk.outcomes.capture_payment(desk.scope, payment_id, amount=amount)
    return ok(desk.show_whole(payment), "Payment captured.", now=desk.clock.now())


@router.post("/payments/{payment_id}/cancel", summary="Cancel a payment")
async def payments_cancel(payment_id: str, request: Request) -> Success[PaymentDetail]:
    """Cancel a payment that nobody has paid; money that arrives later is kept apart in suspense."""
    desk = _desk(request)
    payment = await desk.payments.cancel_payment(desk.scope, payment_id)
    return ok(desk.show_whole(payment), "Payment cancelled.", now=desk.clock.now())


@router.post("/payments/{payment_id}/recheck", summary="Ask the processor again")
async def payments_recheck(payment_id: str, request: Request) -> Success[PaymentDetail]:
    """Fetch every attempt from the processor now, instead of waiting for a webhook."""
    desk = _desk(request)
    payment = await desk.outcomes.check_payment(desk.scope, payment_id)
    return ok(desk.show_whole(payment), "Checked with the processor.", now=desk.clock.now())
