"""The checkout: a person chooses an instrument, goes to the bank's page, and comes back with a result.

Every step is a form that is answered with a redirection, so it works without scripts and a reload repeats nothing.
"""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from razorpay_simulator.entities import Order, OrderStatus, Payment, PaymentStatus
from razorpay_simulator.errors import ApiError, bad_request
from razorpay_simulator.pages.frame import Frame, callback_fields, check_addresses, kept, money, read_form, with_kept
from razorpay_simulator.processing import instruments, payments, steps
from razorpay_simulator.processing.paying import Outcome, Wish, pay, result
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
_LONGEST_WAIT_SECONDS = 3 * 86_400
_LATE = "late"
_ASK = "ask"
_TRIES = 3
_SHORTEST_OTP, _LONGEST_OTP = 4, 10
_DECIDED = {
    PaymentStatus.AUTHORIZED: "Paid",
    PaymentStatus.CAPTURED: "Paid",
    PaymentStatus.REFUNDED: "Paid, and sent back",
    PaymentStatus.FAILED: "Not paid",
}


class Checkout:
    """The pages and what is behind their buttons.

    Args:
        world: the state.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._frame = Frame()
        self._reasons: dict[str, str] = {}
        self._wrong: dict[str, int] = {}

    async def show(self, request: Request) -> Response:
        """Show the page for an order."""
        return self._page(str(request.path_params["order_id"]), dict(request.query_params))

    async def show_embedded(self, request: Request) -> Response:
        """Show the page for a form that the merchant's site posted."""
        try:
            given = read_form(await request.body())
        except ApiError as refusal:
            return self._frame.problem(refusal)
        return self._page(given.get("order_id", ""), given)

    async def pay(self, request: Request) -> Response:
        """Let the person's choice happen, or send them to their bank, and go to the page that says what came of it."""
        try:
            given = read_form(await request.body())
            account, order = self._payable(str(request.path_params["order_id"]), given)
            if given.get("outcome") == _ASK:
                wish = _instrument(given)
                payment = steps.begin(self._world, account, order, wish)
                if (reason := steps.reason_of(payment, wish.card_number)) is not None:
                    self._reasons[payment.id] = reason
                return _see_other(order, payment, given)
            answered = pay(self._world, account, order, _wish(given))
        except ApiError as refusal:
            return self._frame.problem(refusal)
        return self._result(order, given, account.payments[answered["payment"]["id"]], account)

    async def bank(self, request: Request) -> Response:
        """Show the bank's page of a payment that waits, or what came of it."""
        given = dict(request.query_params)
        try:
            account, order, payment = self._waiting(request, given)
        except ApiError as refusal:
            return self._frame.problem(refusal)
        if payment.status is not PaymentStatus.CREATED:
            return self._result(order, given, payment, account)
        return self._bank(order, payment, given, is_waiting="waiting" in given)

    async def answer(self, request: Request) -> Response:
        """Let the bank hear what the person did."""
        try:
            given = read_form(await request.body())
            account, order, payment = self._waiting(request, given)
            chosen = steps.Answer(given.get("answer", ""))
            seconds = _seconds(given.get("seconds", "20"))
        except ValueError:
            return self._frame.problem(bad_request("There is no such answer.", field="answer"))
        except ApiError as refusal:
            return self._frame.problem(refusal)
        needs_otp = payment.method == "card" and chosen in {steps.Answer.APPROVE, steps.Answer.SLOW}
        if needs_otp and payment.status is PaymentStatus.CREATED and not _is_otp(given.get("otp", "")):
            return self._wrong_otp(account, order, payment, given)
        steps.answer(self._world, account, payment, chosen, seconds=seconds, reason=self._reasons.pop(payment.id, None))
        return _see_other(order, payment, given, is_waiting=payment.status is PaymentStatus.CREATED)

    async def state(self, request: Request) -> Response:
        """Say whether a payment is decided, for the script that waits."""
        try:
            _, _, payment = self._waiting(request, dict(request.query_params))
        except ApiError:
            return Response(status_code=404)
        return Response(payment.status.value, media_type="text/plain", headers={"Cache-Control": "no-store"})

    async def file(self, request: Request) -> Response:
        """Return the style sheet or a script."""
        return self._frame.file(request.path_params.get("name", "checkout.js"))

    def _page(self, order_id: str, given: dict[str, str]) -> Response:
        try:
            account, order = self._payable(order_id, given)
        except ApiError as refusal:
            return self._frame.problem(refusal)
        return self._frame.render(
            "checkout.html",
            given,
            order=order,
            kept=kept(given) | {"key_id": account.key_id},
            merchant=given.get("name"),
            shown_amount=money(order.amount_due, order.currency),
            cards=_CARDS,
            banks=_BANKS,
            wallets=_WALLETS,
            success_vpa=instruments.SUCCESS_VPA,
            failure_vpa=instruments.FAILURE_VPA,
            cancel_url=given.get("cancel_url"),
        )

    def _bank(
        self, order: Order, payment: Payment, given: dict[str, str], *, error: str = "", is_waiting: bool = False
    ) -> Response:
        return self._frame.render(
            "bank.html",
            given,
            422 if error else 200,
            order=order,
            payment=payment,
            kept=kept(given),
            merchant=given.get("name"),
            shown_amount=money(payment.amount, payment.currency),
            is_waiting=is_waiting,
            error=error,
            refused_code=steps.REFUSED_CODE,
            again=with_kept(f"{_path(order, payment)}", given),
        )

    def _wrong_otp(self, account: Account, order: Order, payment: Payment, given: dict[str, str]) -> Response:
        """Let the person try again, and give up after the third wrong password as a bank does."""
        tries = self._wrong[payment.id] = self._wrong.get(payment.id, 0) + 1
        if tries < _TRIES:
            left = _TRIES - tries
            return self._bank(order, payment, given, error=f"This password is wrong. You may try {left} more.")
        del self._wrong[payment.id]
        steps.answer(self._world, account, payment, steps.Answer.APPROVE, seconds=0, reason="incorrect_otp")
        return _see_other(order, payment, given)

    def _payable(self, order_id: str, given: dict[str, str]) -> tuple[Account, Order]:
        """Return the order and its account. Raises ApiError when there is nothing to pay."""
        account, order = self._order(order_id, given)
        if order.status is OrderStatus.PAID:
            raise payments.order_already_paid()
        return account, order

    def _order(self, order_id: str, given: dict[str, str]) -> tuple[Account, Order]:
        check_addresses(given)
        found = self._world.find_order(order_id)
        if found is None:
            raise bad_request("There is no such order.")
        account, order = found
        if given.get("key_id", account.key_id) != account.key_id:
            raise bad_request("The key and the order belong to different accounts.")
        return account, order

    def _waiting(self, request: Request, given: dict[str, str]) -> tuple[Account, Order, Payment]:
        account, order = self._order(str(request.path_params["order_id"]), given)
        payment = account.payments.get(str(request.path_params["payment_id"]))
        if payment is None or payment.order_id != order.id:
            raise bad_request("There is no such payment on this order.")
        return account, order, payment

    def _result(self, order: Order, given: dict[str, str], payment: Payment, account: Account) -> Response:
        fields = callback_fields(result(account, payment))
        return self._frame.render(
            "result.html",
            given,
            is_paid="razorpay_signature" in fields,
            heading=_DECIDED.get(payment.status, "Not decided yet"),
            fields=fields,
            callback_url=given.get("callback_url"),
            parent_origin=given.get("parent_origin"),
            again=with_kept(f"/checkout/{order.id}", given),
        )


def checkout_routes(world: World) -> list[Route]:
    """Return the routes of the checkout."""
    checkout = Checkout(world)
    step = "/checkout/{order_id}/bank/{payment_id}"
    return [
        Route("/checkout/static/{name}", checkout.file, methods=["GET"]),
        Route("/checkout/{order_id}", checkout.show, methods=["GET"]),
        Route("/checkout/{order_id}/pay", checkout.pay, methods=["POST"]),
        Route(step, checkout.bank, methods=["GET"]),
        Route(step, checkout.answer, methods=["POST"]),
        Route(f"{step}/state", checkout.state, methods=["GET"]),
        Route("/v1/checkout.js", checkout.file, methods=["GET"]),
        Route("/v1/checkout/embedded", checkout.show_embedded, methods=["POST"]),
    ]


def _path(order: Order, payment: Payment) -> str:
    return f"/checkout/{order.id}/bank/{payment.id}"


def _see_other(order: Order, payment: Payment, given: dict[str, str], *, is_waiting: bool = False) -> Response:
    """Return the way to the page of a payment, so that a reload of it repeats nothing."""
    address = with_kept(_path(order, payment), given)
    if is_waiting:
        address += ("&" if "?" in address else "?") + "waiting=yes"
    return RedirectResponse(address, status_code=303)


def _wish(given: dict[str, str]) -> Wish:
    chosen = given.get("outcome", "")
    if chosen not in {"", _LATE, *Outcome}:
        raise bad_request("There is no such outcome.", field="outcome")
    is_late = chosen == _LATE
    outcome = Outcome.FAILURE if is_late else Outcome(chosen) if chosen else None
    seconds = _seconds(given.get("late_seconds", "20")) if is_late else None
    return _instrument(given, outcome=outcome, late_seconds=seconds)


def _instrument(given: dict[str, str], *, outcome: Outcome | None = None, late_seconds: int | None = None) -> Wish:
    return Wish(
        method=given.get("method", "card"),
        outcome=outcome,
        card_number=given.get("card_number"),
        vpa=given.get("vpa"),
        bank=given.get("bank"),
        wallet=given.get("wallet"),
        late_seconds=late_seconds,
    )


def _is_otp(text: str) -> bool:
    is_number = text.isascii() and text.isdigit() and _SHORTEST_OTP <= len(text) <= _LONGEST_OTP
    return is_number and text != steps.REFUSED_CODE


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= _LONGEST_WAIT_SECONDS):
        raise bad_request("The bank answers within three days.", field="late_seconds")
    return int(text)
