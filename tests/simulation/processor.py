"""The processor as a state machine: orders, payments, refunds, and what it does of its own accord.

It speaks the port's nouns and knows nothing of us. Its books are the truth that the product's are held against. What
changes here is announced to `announce`, as an event with a snapshot of that moment.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.gateways.port import (
    AlreadyCaptured,
    AttemptStatus,
    CaptureMethod,
    DuplicateReceipt,
    GatewayEvent,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    Listed,
    OrderRequest,
    RefundRequest,
    RefundStatus,
    Refused,
    UnknownAtGateway,
)
from app.kit.money import Money
from tests.simulation.bank import Bank
from tests.simulation.settling import Till
from tests.simulation.trail import Trail

_FEE_PER_THOUSAND, _TAX_PER_HUNDRED = 20, 18


@dataclass(frozen=True, slots=True)
class Manners:
    """How this processor behaves where its documentation leaves it open."""

    refuses_twin_orders: bool = True
    refuses_twin_refunds: bool = True
    honours_refund_keys: bool = True
    knows_fees_late: bool = False
    list_lag: timedelta = timedelta(0)
    walk_lag: timedelta = timedelta(0)
    page: int = 100
    refunds_at_once: bool = False
    report_lag: timedelta = timedelta(0)


@dataclass(slots=True)
class Order:
    """What is to be paid."""

    id: str
    request: OrderRequest
    created_at: datetime

    def shown(self) -> GatewayOrder:
        """Return it as an answer."""
        return GatewayOrder(self.id, self.request.receipt, self.request.amount, 0, "created", self.created_at)


@dataclass(slots=True)
class Charge:
    """One try to pay."""

    id: str
    order_id: str | None
    amount: Money
    created_at: datetime
    status: AttemptStatus = AttemptStatus.CREATED
    captured_at: datetime | None = None
    refunded: int = 0
    fee: int | None = None
    tax: int | None = None

    def shown(self) -> GatewayPayment:
        """Return it as an answer."""
        is_back = self.status is AttemptStatus.CAPTURED and self.refunded >= self.amount.minor
        return GatewayPayment(
            id=self.id,
            order_id=self.order_id,
            amount=self.amount,
            status=AttemptStatus.REFUNDED if is_back else self.status,
            method="card",
            created_at=self.created_at,
            captured=self.captured_at is not None,
            amount_refunded=self.refunded,
            fee=self.fee,
            tax=self.tax,
        )


@dataclass(slots=True)
class Repayment:
    """Money on its way back."""

    id: str
    payment_id: str
    amount: Money
    created_at: datetime
    receipt: str | None
    key: str | None
    status: RefundStatus = RefundStatus.PENDING

    @property
    def fee(self) -> int:
        """Return what it costs, of which a sixth is tax: some go at once."""
        return 6 * (int(self.id[-1]) % 3 == 0)

    @property
    def is_ours(self) -> bool:
        """Tell whether the merchant's API asked for it."""
        return self.key is not None

    def shown(self) -> GatewayRefund:
        """Return it as an answer."""
        return GatewayRefund(
            id=self.id,
            payment_id=self.payment_id,
            amount=self.amount,
            status=self.status,
            created_at=self.created_at,
            receipt=self.receipt,
        )


@dataclass(slots=True)
class Processor:
    """Everything it knows, and its verbs. `announce` gets each event; `forgets_keys` is for a mutant's world."""

    now: Callable[[], datetime]
    manners: Manners
    announce: Callable[[GatewayEvent], None]
    orders: dict[str, Order] = field(default_factory=dict)
    charges: dict[str, Charge] = field(default_factory=dict)
    repayments: dict[str, Repayment] = field(default_factory=dict)
    trail: Trail = field(init=False)
    bank: Bank = field(init=False)
    till: Till = field(init=False)
    _by_key: dict[str, tuple[bytes, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.trail = Trail(self.now, self.manners.walk_lag, self.manners.page)
        self.bank = Bank(self.now, self.announce, self.trail)
        self.till = Till(self, self.now, self.announce, self.trail, self.manners.report_lag)

    def create_order(self, request: OrderRequest) -> GatewayOrder:
        """Make an order."""
        twins = [order for order in self.orders.values() if order.request.receipt == request.receipt]
        if twins and self.manners.refuses_twin_orders:
            raise DuplicateReceipt(twins[0].id)
        order = Order(f"order_{len(self.orders) + 1:014}", request, self.now())
        self.orders[order.id] = order
        return order.shown()

    def find_order(self, receipt: str) -> GatewayOrder | None:
        """Return the oldest order with a receipt, as far as the list shows it yet."""
        found = (order for order in self._listed(self.orders.values()) if order.request.receipt == receipt)
        return next((order.shown() for order in found), None)

    def get_order(self, order_id: str) -> GatewayOrder:
        """Return an order."""
        return self._known(self.orders, order_id).shown()

    def list_order_payments(self, order_id: str) -> tuple[GatewayPayment, ...]:
        """Return every try on an order."""
        self._known(self.orders, order_id)
        return tuple(charge.shown() for charge in self.charges.values() if charge.order_id == order_id)

    def get_payment(self, payment_id: str) -> GatewayPayment:
        """Return one try."""
        return self._known(self.charges, payment_id).shown()

    def capture_payment(self, payment_id: str, amount: Money) -> GatewayPayment:
        """Take authorised money."""
        charge = self._known(self.charges, payment_id)
        if charge.captured_at is not None:
            raise AlreadyCaptured("already_captured")
        if charge.status is not AttemptStatus.AUTHORIZED or charge.amount != amount:
            raise Refused("invalid_request")
        self.capture(charge)
        return charge.shown()

    def create_refund(self, payment_id: str, *, body: bytes, key: str) -> GatewayRefund:
        """Give money back, once per key where keys are honoured."""
        charge = self._known(self.charges, payment_id)
        if self.manners.honours_refund_keys and key and key in self._by_key:
            known, refund_id = self._by_key[key]
            if known != body:
                raise Refused("different_request_body")
            return self.repayments[refund_id].shown()
        asked = json.loads(body)
        of_payment = [one for one in self.repayments.values() if one.payment_id == payment_id]
        if self.manners.refuses_twin_refunds and any(one.receipt == asked["receipt"] for one in of_payment):
            raise DuplicateReceipt(None)
        made = self._repay(charge, asked["amount"], receipt=asked["receipt"], key=key)
        self._by_key[key] = (body, made.id)
        return made.shown()

    def get_refund(self, refund_id: str) -> GatewayRefund:
        """Return a refund."""
        return self._known(self.repayments, refund_id).shown()

    def list_payment_refunds(self, payment_id: str) -> tuple[GatewayRefund, ...]:
        """Return the refunds of a payment, as far as the list shows them yet."""
        self._known(self.charges, payment_id)
        rows = self._listed(self.repayments.values())
        return tuple(one.shown() for one in rows if one.payment_id == payment_id)

    def list_payments(self, *, since: datetime, until: datetime, skip: int) -> Listed[GatewayPayment]:
        """Return a page of tries, newest first."""
        return self._span(self.charges.values(), since, until, skip)

    def list_refunds(self, *, since: datetime, until: datetime, skip: int) -> Listed[GatewayRefund]:
        """Return a page of refunds, newest first."""
        return self._span(self.repayments.values(), since, until, skip)

    def authorize(self, charge: Charge) -> None:
        """Let the bank say yes."""
        charge.status = AttemptStatus.AUTHORIZED
        self._announce("payment.authorized", charge)

    def fail(self, charge: Charge) -> None:
        """Let the bank say no, for now."""
        charge.status = AttemptStatus.FAILED
        self._announce("payment.failed", charge)

    def capture(self, charge: Charge) -> None:
        """Take the money; the fee is known now or a little later."""
        charge.status, charge.captured_at = AttemptStatus.CAPTURED, self.now()
        if not self.manners.knows_fees_late:
            self.charge_fee(charge)
        self._announce("payment.captured", charge)

    def charge_fee(self, charge: Charge) -> None:
        """Keep a fee, tax included, as the processor counts it."""
        fee = charge.amount.minor * _FEE_PER_THOUSAND // 1000
        charge.tax = fee * _TAX_PER_HUNDRED // 100
        charge.fee = fee + charge.tax
        self.trail.remember(charge)

    def lapse(self, charge: Charge) -> None:
        """Give back what nobody captured."""
        if charge.status is AttemptStatus.AUTHORIZED:
            charge.status, charge.refunded = AttemptStatus.REFUNDED, charge.amount.minor
            self._announce("payment.refunded", charge)

    def pay(self, order: Order, *, amount: Money | None = None) -> Charge:
        """Begin a try on an order."""
        charge = Charge(f"pay_{len(self.charges) + 1:014}", order.id, amount or order.request.amount, self.now())
        self.charges[charge.id] = charge
        self.trail.remember(charge)
        return charge

    def repay_by_hand(self, charge: Charge, amount: int) -> None:
        """Give money back from the processor's own dashboard, if there is so much."""
        if charge.captured_at is not None and 0 < amount <= charge.amount.minor - charge.refunded:
            self._repay(charge, amount, receipt=None, key=None)

    def settle(self, made: Repayment, *, succeeds: bool) -> None:
        """End a refund; one that fails leaves the money with the merchant, even after it was thought done."""
        charge = self.charges[made.payment_id]
        if made.status is RefundStatus.FAILED or (made.status is RefundStatus.PROCESSED and succeeds):
            return
        made.status = RefundStatus.PROCESSED if succeeds else RefundStatus.FAILED
        if not succeeds:
            charge.refunded -= made.amount.minor
        self._announce(f"refund.{made.status}", charge, made)

    def automatic(self, charge: Charge) -> bool:
        """Tell whether the processor is to capture this by itself."""
        order = self.orders[charge.order_id or ""]
        return order.request.capture_method is CaptureMethod.AUTOMATIC

    def _repay(self, charge: Charge, amount: int, *, receipt: str | None, key: str | None) -> Repayment:
        if charge.captured_at is None or amount > charge.amount.minor - charge.refunded:
            raise Refused("refund_limit_crossed")
        made = Repayment(
            f"rfnd_{len(self.repayments) + 1:014}",
            charge.id,
            Money(amount, charge.amount.currency),
            self.now(),
            receipt,
            key,
        )
        self.repayments[made.id] = made
        charge.refunded += amount
        if self.manners.refunds_at_once:
            made.status = RefundStatus.PROCESSED
        self._announce("refund.created", charge, made)
        return made

    def _announce(self, kind: str, charge: Charge, made: Repayment | None = None) -> None:
        self.trail.remember(charge)
        if made is not None:
            self.trail.remember(made)
        refunds = () if made is None else (made.shown(),)
        self.announce(
            GatewayEvent(type=kind, account_id=None, created_at=self.now(), payments=(charge.shown(),), refunds=refunds)
        )

    def _listed(self, rows: Any) -> Iterator[Any]:
        newest = self.now() - self.manners.list_lag
        return (row for row in rows if row.created_at <= newest)

    def _span(self, rows: Any, since: datetime, until: datetime, skip: int) -> Listed[Any]:
        return self.trail.page((row for row in rows if since <= row.created_at <= until), skip=skip)

    @staticmethod
    def _known(table: dict[str, Any], identity: str) -> Any:
        if identity not in table:
            raise UnknownAtGateway("not_found")
        return table[identity]


def body_of(request: RefundRequest) -> bytes:
    """Return the bytes that ask for a refund."""
    asked = {"amount": request.amount.minor, "receipt": request.receipt, "speed": request.speed.value}
    return json.dumps({**asked, "notes": request.notes}).encode()
