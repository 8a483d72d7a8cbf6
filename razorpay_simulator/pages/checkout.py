"""The checkout page: a person chooses an instrument and what the bank answers."""

import json
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from razorpay_simulator import currencies, wire
from razorpay_simulator.entities import Order, OrderStatus
from razorpay_simulator.errors import ApiError, bad_request
from razorpay_simulator.processing import instruments, payments
from razorpay_simulator.processing.paying import Outcome, Wish, pay
from razorpay_simulator.world import Account, World

_CARDS = (
    (instruments.SUCCESS_CARD, "Visa, success"),
    ("5500670000001002", "MasterCard, success"),
    ("6527658900001005", "RuPay, success"),
    ("4012888888881881", "Visa, international"),
    ("4100280000080001", "insufficient funds"),
    ("4100280000060003", "declined"),
    ("4100280000090000", "timed out"),
    ("4100280000070002", "cancelled by the customer"),
    ("4100280000020007", "technical error at the gateway"),
    ("4100280000000009", "authentication failed"),
)
_BANKS = ("HDFC", "ICIC", "SBIN", "UTIB", "KKBK")
_WALLETS = ("payzapp", "olamoney", "jiomoney", "airtelmoney")
_KEPT = ("key_id", "callback_url", "cancel_url", "parent_origin", "name")
_LONGEST_WAIT_SECONDS = 3 * 86_400
_FILES = {"checkout.css": "text/css", "page.js": "text/javascript", "checkout.js": "text/javascript"}
_LATE = "late"


class Checkout:
    """The page and what is behind its button.

    Args:
        world: the state.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._templates = Environment(
            loader=PackageLoader("razorpay_simulator.pages"), autoescape=select_autoescape(default=True)
        )
        static = files("razorpay_simulator.pages") / "static"
        self._files = {name: (static / name).read_bytes() for name in _FILES}

    async def show(self, request: Request) -> Response:
        """Show the page for an order."""
        return self._page(str(request.path_params["order_id"]), dict(request.query_params))

    async def show_embedded(self, request: Request) -> Response:
        """Show the page for a form that the merchant's site posted."""
        try:
            fields = wire.parse_form(await request.body())
        except ApiError as refusal:
            return self._problem(refusal)
        given = {name: value for name, value in fields.items() if isinstance(value, str)}
        return self._page(given.get("order_id", ""), given)

    async def pay(self, request: Request) -> Response:
        """Let the person's choice happen and hand the result on."""
        order_id = str(request.path_params["order_id"])
        try:
            fields = wire.parse_form(await request.body())
            given = {name: value for name, value in fields.items() if isinstance(value, str)}
            account, order = self._payable(order_id, given)
            result = pay(self._world, account, order, _wish(given))
        except ApiError as refusal:
            return self._problem(refusal)
        return self._result(order, given, result)

    async def file(self, request: Request) -> Response:
        """Return the style sheet or a script."""
        name = request.path_params.get("name", "checkout.js")
        if name not in _FILES:
            return Response(status_code=404)
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
        return Response(self._files[name], media_type=_FILES[name], headers=headers)

    def _page(self, order_id: str, given: dict[str, str]) -> Response:
        try:
            account, order = self._payable(order_id, given)
        except ApiError as refusal:
            return self._problem(refusal)
        kept = {name: given[name] for name in _KEPT if given.get(name)} | {"key_id": account.key_id}
        return self._render(
            "checkout.html",
            given,
            order=order,
            kept=kept,
            merchant=given.get("name"),
            shown_amount=_money(order.amount_due, order.currency),
            cards=_CARDS,
            banks=_BANKS,
            wallets=_WALLETS,
            success_vpa=instruments.SUCCESS_VPA,
            failure_vpa=instruments.FAILURE_VPA,
            cancel_url=given.get("cancel_url"),
        )

    def _payable(self, order_id: str, given: dict[str, str]) -> tuple[Account, Order]:
        """Return the order and its account. Raises ApiError when there is nothing to pay."""
        for name in ("callback_url", "cancel_url", "parent_origin"):
            if given.get(name) and not _is_web_address(given[name]):
                raise bad_request(f"The {name} is not a web address.", field=name)
        found = self._world.find_order(order_id)
        if found is None:
            raise bad_request("There is no such order.")
        account, order = found
        if given.get("key_id", account.key_id) != account.key_id:
            raise bad_request("The key and the order belong to different accounts.")
        if order.status is OrderStatus.PAID:
            raise payments.order_already_paid()
        return account, order

    def _result(self, order: Order, given: dict[str, str], result: dict[str, Any]) -> Response:
        is_paid = "razorpay_signature" in result
        kept = urlencode({name: given[name] for name in _KEPT if given.get(name)})
        return self._render(
            "result.html",
            given,
            is_paid=is_paid,
            heading="Paid" if is_paid else "Not paid",
            fields=_callback_fields(result),
            callback_url=given.get("callback_url"),
            parent_origin=given.get("parent_origin"),
            again=f"/checkout/{order.id}?{kept}",
        )

    def _problem(self, refusal: ApiError) -> Response:
        return self._render("problem.html", {}, 400, sentence=refusal.body["error"]["description"])

    def _render(self, template: str, given: dict[str, str], status: int = 200, **values: Any) -> Response:
        text = self._templates.get_template(template).render(values)
        return Response(text, status, media_type="text/html", headers=_headers(given))


def checkout_routes(world: World) -> list[Route]:
    """Return the routes of the checkout."""
    checkout = Checkout(world)
    return [
        Route("/checkout/static/{name}", checkout.file, methods=["GET"]),
        Route("/checkout/{order_id}", checkout.show, methods=["GET"]),
        Route("/checkout/{order_id}/pay", checkout.pay, methods=["POST"]),
        Route("/v1/checkout.js", checkout.file, methods=["GET"]),
        Route("/v1/checkout/embedded", checkout.show_embedded, methods=["POST"]),
    ]


def _wish(given: dict[str, str]) -> Wish:
    chosen = given.get("outcome", "")
    if chosen not in {"", _LATE, *Outcome}:
        raise bad_request("There is no such outcome.", field="outcome")
    is_late = chosen == _LATE
    outcome = Outcome.FAILURE if is_late else Outcome(chosen) if chosen else None
    return Wish(
        method=given.get("method", "card"),
        outcome=outcome,
        card_number=given.get("card_number"),
        vpa=given.get("vpa"),
        bank=given.get("bank"),
        wallet=given.get("wallet"),
        late_seconds=_seconds(given.get("late_seconds", "20")) if is_late else None,
    )


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= _LONGEST_WAIT_SECONDS):
        raise bad_request("The bank answers within three days.", field="late_seconds")
    return int(text)


def _callback_fields(result: dict[str, Any]) -> dict[str, str]:
    """Return the form fields that a merchant's callback gets."""
    if "error" not in result:
        return {name: value for name, value in result.items() if name.startswith("razorpay_")}
    error = dict(result["error"])
    error["metadata"] = json.dumps(error["metadata"])
    return {f"error[{name}]": value for name, value in error.items()}


def _headers(given: dict[str, str]) -> dict[str, str]:
    """Return headers that let the page do only what it is for: its own files, and the merchant's addresses."""
    onward = _origin(given.get("callback_url"))
    parent = _origin(given.get("parent_origin")) or "'none'"
    policy = (
        f"default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; "
        f"form-action 'self' {onward}; frame-ancestors {parent}"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    # The origin is repeated in a header, where a semicolon or a space would end the directive.
    is_plain = host.isascii() and all(letter.isalnum() or letter in ".-:" for letter in host)
    return parts.scheme in {"http", "https"} and bool(host) and is_plain


def _origin(address: str | None) -> str:
    if not address:
        return ""
    parts = urlsplit(address)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}"


def _money(amount: int, currency: str) -> str:
    digits = currencies.exponent(currency) or 0
    whole, rest = divmod(amount, 10**digits)
    return f"{currency} {whole:,}.{rest:0{digits}}" if digits else f"{currency} {whole:,}"
