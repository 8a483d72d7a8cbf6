"""What may be done with a payment: capture it, give money back, cancel it, ask the processor again."""

import hashlib
import json

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.dashboard.confirming import ONCE, Question, ask, carry_out
from app.dashboard.door import HOME, Desk, desk_of
from app.dashboard.route import DashboardRoute
from app.kit.errors import Problem
from app.kit.money import Money
from app.pages.money import decimal_of, format_money, read_amount
from app.payments.models import Payment
from app.refunds.models import RefundStatus
from app.refunds.problems import RefundRefused
from app.refunds.service import NewRefund

router = APIRouter(route_class=DashboardRoute, include_in_schema=False, prefix=f"{HOME}/payments/{{payment_id}}")

_REASON_LENGTH = 255
_KEY_LENGTH = 64
_REFUSED = "The processor refused this refund; nothing was given back. The button tries again."


@router.get("/capture")
async def dashboard_payment_capture_page(payment_id: str, request: Request) -> Response:
    """Ask whether to capture."""
    desk = desk_of(request)
    payment = await desk.door.payments.get_payment(desk.scope, payment_id)
    question = Question(
        title="Capture this payment?",
        says=[f"{format_money(payment.money)} is taken from the customer's account, all of it."],
        button=f"Capture {format_money(payment.money)}",
        back=_page(payment.id),
        facts=_facts(payment),
    )
    return await ask(desk, question)


@router.post("/capture")
async def dashboard_payment_capture(payment_id: str, request: Request) -> Response:
    """Capture the whole authorised amount."""
    desk = desk_of(request)
    known = await desk.door.payments.get_payment(desk.scope, payment_id)

    async def deed() -> object:
        return await desk.door.outcomes.capture_payment(desk.scope, known.id, amount=None)

    return await carry_out(desk, deed, back=_page(known.id), notice="captured")


@router.get("/cancel")
async def dashboard_payment_cancel_page(payment_id: str, request: Request) -> Response:
    """Ask whether to cancel."""
    desk = desk_of(request)
    payment = await desk.door.payments.get_payment(desk.scope, payment_id)
    question = Question(
        title="Cancel this payment?",
        says=["It can't be paid any more, and this can't be taken back.", "Money that arrives later is kept apart."],
        button="Cancel the payment",
        back=_page(payment.id),
        tone="danger",
        facts=_facts(payment),
    )
    return await ask(desk, question)


@router.post("/cancel")
async def dashboard_payment_cancel(payment_id: str, request: Request) -> Response:
    """Cancel a payment that nobody has paid."""
    desk = desk_of(request)
    known = await desk.door.payments.get_payment(desk.scope, payment_id)

    async def deed() -> object:
        return await desk.door.payments.cancel_payment(desk.scope, known.id)

    return await carry_out(desk, deed, back=_page(known.id), notice="cancelled")


@router.post("/recheck")
async def dashboard_payment_recheck(payment_id: str, request: Request) -> Response:
    """Ask the processor now."""
    desk = desk_of(request)
    known = await desk.door.payments.get_payment(desk.scope, payment_id)

    async def deed() -> object:
        return await desk.door.outcomes.check_payment(desk.scope, known.id)

    return await carry_out(desk, deed, back=_page(known.id), notice="rechecked")


@router.get("/refund")
async def dashboard_payment_refund_page(payment_id: str, request: Request) -> Response:
    """Ask how much goes back."""
    desk = desk_of(request)
    payment = await desk.door.payments.get_payment(desk.scope, payment_id)
    return await _ask_refund(desk, payment, amount=decimal_of(_left(payment)))


@router.post("/refund")
async def dashboard_payment_refund(payment_id: str, request: Request) -> Response:
    """Give money back, once for each time that the page was opened."""
    desk = desk_of(request)
    payment = await desk.door.payments.get_payment(desk.scope, payment_id)
    form = desk.form
    written, reason = form.get("amount", ""), form.get("reason", "").strip()[:_REASON_LENGTH]
    amount = read_amount(written, payment.money.currency)
    if amount is None or not amount.minor:
        return await _ask_refund(desk, payment, amount=written, reason=reason, error="Write an amount such as 250.00.")
    new = NewRefund(amount=amount.minor, currency=amount.currency, reason=reason or None)
    try:
        refund = await desk.door.refunds.create_refund(
            desk.scope, payment.id, new, key=_key(form), fingerprint=_fingerprint(new)
        )
    except Problem as problem:
        # A refund that was refused is an end: the form's next try is a refund of its own.
        is_spent = isinstance(problem, RefundRefused)
        error = f"{_REFUSED} ({problem.details['reason']})" if is_spent else problem.message
        return await _ask_refund(desk, payment, amount=written, reason=reason, error=error, is_spent=is_spent)
    notice = "refund_requested" if refund.status is RefundStatus.REQUESTED else "refunded"
    return desk.done(_page(payment.id), notice)


async def _ask_refund(
    desk: Desk, payment: Payment, *, amount: str, reason: str = "", error: str = "", is_spent: bool = False
) -> Response:
    question = Question(
        title="Refund this payment?",
        says=["The money goes back to the customer by the way it came. A refund can't be called back."],
        button="Refund",
        back=_page(payment.id),
        facts=[*_facts(payment), ("May be refunded", format_money(_left(payment)))],
        fields=("amount", "reason"),
        values={"amount": amount, "reason": reason, "currency": payment.money.currency},
        errors={"amount": error} if error else {},
    )
    return await ask(desk, question, status=422 if error else 200, is_spent=is_spent)


def _left(payment: Payment) -> Money:
    return Money(payment.amount_refundable, payment.money.currency)


def _key(form: dict[str, str]) -> str:
    """Return the key under which the page's refund is made: a second press of its button makes no second one."""
    once = form.get(ONCE, "")
    return f"dashboard-{hashlib.sha256(once.encode()).hexdigest()[:_KEY_LENGTH]}"


def _fingerprint(new: NewRefund) -> str:
    return hashlib.sha256(json.dumps([new.amount, new.currency, new.reason]).encode()).hexdigest()


def _facts(payment: Payment) -> list[tuple[str, str]]:
    facts = [("Payment", payment.id), ("Amount", format_money(payment.money))]
    return [*facts, ("Reference", payment.reference)] if payment.reference else facts


def _page(payment_id: str) -> str:
    return f"{HOME}/payments/{payment_id}"
