"""The pages of one payment over HTTP. Its address is the only credential: no cookie is needed or read here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from app.checkout.screens import CHANGING, ENDS, PAYABLE, Screen
from app.checkout.service import Checkout
from app.pages.forms import parse_form
from app.pages.live import Streams
from app.pages.render import pages_of, see_other
from app.pages.route import PageRoute
from app.pages.security import ContentPolicy
from app.payments.addresses import CHECKOUT_PATH
from app.payments.models import Payment, PaymentStatus

CAME_BACK = "back"
"""In the query after the processor's page, when the outcome could not be had at once."""

_LEFT = "left"
_PAGE = f"{CHECKOUT_PATH}/{{token}}"

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class CheckoutDoor:
    """What the pages of payments ask of the application."""

    checkout: Checkout
    streams: Streams


def _door(request: Request) -> CheckoutDoor:
    door: CheckoutDoor = request.app.state.checkout_door
    return door


@router.get(_PAGE, response_model=None)
async def checkout_page(token: str, request: Request) -> Response:
    """Show where a payment stands, and the button while it may be paid."""
    checkout, pages = _door(request).checkout, pages_of(request)
    payment = await checkout.get_payment(token)
    came_back = CAME_BACK in request.query_params
    screen = checkout.screen(payment, came_back=came_back)
    back = None if screen is Screen.CHECKING else await checkout.way_back(payment)
    return pages.answer(
        request,
        "checkout/pay.html",
        **await _facts(checkout, payment, token),
        screen=screen.value,
        is_changing=screen in CHANGING,
        is_payable=screen in PAYABLE,
        follows=screen in ENDS,
        came_back=came_back,
        has_left=_LEFT in request.query_params,
        way_back=back,
    )


@router.post(_PAGE, response_model=None)
async def checkout_go(token: str, request: Request) -> Response:
    """Bring the customer to the processor, unless there is nothing to pay any more: then look again."""
    checkout, pages = _door(request).checkout, pages_of(request)
    await pages.read_form(request, needs_token=False)
    payment = await checkout.get_payment(token)
    form = await checkout.form_to_processor(payment)
    if form is None:
        return see_other(checkout.payments.addresses.path_of(payment.id))
    return pages.answer(
        request,
        "checkout/going.html",
        policy=ContentPolicy(forms=(form.origin,)),
        **await _facts(checkout, payment, token),
        form=form,
    )


@router.post(f"{_PAGE}/return", response_model=None)
async def checkout_return(token: str, request: Request) -> Response:
    """Take what a browser brings from the processor's page. It comes from there, so nothing but a signature counts."""
    checkout = _door(request).checkout
    payment = await checkout.get_payment(token)
    raw, content_type = await request.body(), request.headers.get("content-type")
    fields = parse_form(raw, content_type=content_type, allow_cards=True)
    is_known = await checkout.record_return(payment, fields)
    path = checkout.payments.addresses.path_of(payment.id)
    return see_other(path) if is_known else see_other(path, **{CAME_BACK: "1"})


@router.api_route(f"{_PAGE}/back", methods=["GET", "POST"], response_model=None)
async def checkout_back(token: str, request: Request) -> Response:
    """Take a customer who left the processor's page without paying back to the payment's own."""
    checkout = _door(request).checkout
    payment = await checkout.get_payment(token)
    return see_other(checkout.payments.addresses.path_of(payment.id), **{_LEFT: "1"})


@router.get(f"{_PAGE}/state", response_model=None)
async def checkout_state(token: str, request: Request) -> Response:
    """Return what the page would show now, as JSON, for a page whose stream does not come through."""
    return JSONResponse(await _look(request, token))


@router.get(f"{_PAGE}/events", response_model=None)
async def checkout_events(token: str, request: Request) -> Response:
    """Tell an open page what it would show now, whenever that changes."""
    door = _door(request)
    await door.checkout.get_payment(token)

    async def poll() -> Mapping[str, object]:
        return await _look(request, token)

    return door.streams.answer(poll)


@router.get(f"{_PAGE}/receipt", response_model=None)
async def checkout_receipt(token: str, request: Request) -> Response:
    """Show the receipt once the money was captured; before that, the payment's page."""
    checkout, pages = _door(request).checkout, pages_of(request)
    payment = await checkout.get_payment(token)
    if not payment.amount_captured:
        return see_other(checkout.payments.addresses.path_of(payment.id))
    paid_at = next((entry.at for entry in payment.history if entry.status is PaymentStatus.COMPLETED), None)
    return pages.answer(
        request,
        "checkout/receipt.html",
        **await _facts(checkout, payment, token),
        paid_at=paid_at or payment.updated_at,
        refunds=await checkout.list_refunds(payment),
    )


async def _look(request: Request, token: str) -> Mapping[str, object]:
    screen = await _door(request).checkout.watch(token, came_back=CAME_BACK in request.query_params)
    return {"screen": screen.value, "changing": screen in CHANGING}


async def _facts(checkout: Checkout, payment: Payment, token: str) -> Mapping[str, Any]:
    return {
        "payment": payment,
        "merchant": await checkout.name_of(payment),
        "here": f"{CHECKOUT_PATH}/{token}",
        "is_test": not payment.scope.livemode,
    }
