"""Who uses the product: merchants' programs that repeat until they know, customers who pay, and strangers.

Each is a coroutine outside of our hosts. What they saw is kept, for the invariants that speak of answers.
"""

import json
from collections.abc import Callable
from typing import Any

from app.gateways.port import AttemptStatus, CaptureMethod, RefundStatus
from app.kit.errors import Kind, Problem
from app.kit.money import Money
from app.payments.models import Payment, PaymentStatus
from app.payments.service import NewPayment
from app.refunds.models import Refund
from app.refunds.service import NewRefund
from tests.simulation.house import House
from tests.simulation.processor import Charge, Order
from tests.simulation.world import SCOPE, Reply, World

_AMOUNTS = (100, 50_000, 9_999)
_DAY = 86_400.0
_LAPSE_SECONDS = 5 * _DAY
_TRIES = 400
_PARTS = ((), (100,), (60, 60), (30, 50, 50), (70, 30), (20, 20, 20, 20, 40))
"""What a merchant gives back, in hundredths of the amount; some of it is too much."""
_HONEST_NOS = {
    *("refund_exceeds_captured", "refund_amount_invalid", "payment_not_refundable"),
    "refund_while_disputed",
}


def is_final(error: Exception | None) -> bool:
    """Tell whether repeating the request would be answered the same."""
    if not isinstance(error, Problem):
        return False
    return error.kind not in {Kind.CONFLICT, Kind.UNAVAILABLE} or error.retry_after_seconds is None


async def insist(world: World, what: str, work: Callable[[House], Any]) -> Reply:
    """Repeat a request until its outcome is known."""
    reply = Reply(is_cut=True)
    for _ in range(_TRIES):
        reply = await world.ask(what, work)
        if reply.is_ok or is_final(reply.error):
            return reply
        await world.sleep(world.rng.choice((1, 5, 5, 31)))
    return reply


class Merchant:
    """A merchant's program: asks for one payment, shows its order to a customer, captures, cancels, gives back."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        self.name = f"merchant-{number}"
        self.amount = world.rng.choice(_AMOUNTS)
        self.method = world.rng.choice((CaptureMethod.AUTOMATIC, CaptureMethod.AUTOMATIC, CaptureMethod.MANUAL))
        self.payment_id = ""
        self.has_customer = False

    async def live(self) -> None:
        """Do everything in turn."""
        world = self.world
        if world.rng.random() < 0.1:
            await self.mistake()
        for _ in range(world.rng.choice((0, 0, 1, 2))):
            # A second program, or a nervous finger: the same request at the same time (A6).
            world.start_outside(self.create())
        await self.create()
        if not self.payment_id:
            return
        if world.rng.random() < 0.15:
            await world.sleep(world.rng.choice((0, 5, 60)))
            await insist(world, f"cancel {self.payment_id}", self.cancel)
        await self.follow()

    async def create(self) -> None:
        """Ask for the payment under one key until it is there, and show its order."""
        reply = await insist(
            self.world, f"create {self.name}", lambda house: self._create(house, variant="", amount=self.amount)
        )
        if not reply.is_ok:
            # Nothing here is wrong with the request, so no answer may be a final no.
            self.world.broken_promises.append(f"A11: a sound request of {self.name} was refused: {reply.error!r}")
            return
        said = json.loads(reply.value.body)
        self.world.answers.setdefault(f"create {self.name}", []).append(reply.value.body)
        self.world.shown_orders.setdefault(said["id"], set()).add(said["order_id"])
        self.payment_id = said["id"]
        if not self.has_customer:
            self.has_customer = True
            if self.world.rng.random() < 0.1:
                await self.misuse()
            self.world.start_outside(Customer(self.world, self, said["order_id"]).live())

    async def mistake(self) -> None:
        """Ask for an amount that is too small, and correct it: the key must still be free (A11)."""
        reply = await insist(
            self.world, f"create {self.name} wrongly", lambda house: self._create(house, variant="wrong", amount=1)
        )
        if getattr(reply.error, "code", "") != "amount_refused":
            self.world.broken_promises.append(f"A14: an amount below the least was answered {reply.error!r}")

    async def misuse(self) -> None:
        """Ask for something else under the same key (A7)."""
        reply = await insist(
            self.world,
            f"create {self.name} otherwise",
            lambda house: self._create(house, variant="other", amount=self.amount),
        )
        if getattr(reply.error, "code", "") != "idempotency_key_reused":
            self.world.broken_promises.append(f"A7: another request under a used key was answered {reply!r}")

    async def follow(self) -> None:
        """Look at the payment now and then, and do what its state asks for."""
        world = self.world
        for seconds in (1, 2, 5, 20, 60, 300, 900, 3600, _DAY, 3 * _DAY):
            await world.sleep(seconds)
            reply = await insist(world, f"get {self.payment_id}", self._get)
            payment: Payment = reply.value
            if payment.status is PaymentStatus.AUTHORIZED and self.method is CaptureMethod.MANUAL:
                await insist(world, f"capture {self.payment_id}", self._capture)
            if payment.status is PaymentStatus.COMPLETED:
                await self.give_back()
                return

    async def give_back(self) -> None:
        """Refund nothing, all, or parts of which some must be refused, one after the other or at once (C4)."""
        for number, part in enumerate(
            self.world.rng.choice(((), (100,), (60, 60), (30, 50, 50), (70, 30), (20, 20, 20, 20, 40)))
        ):
            self.world.start_outside(self.refund(number, self.amount * part // 100))
            if self.world.rng.random() < 0.3:
                self.world.start_outside(self.refund(number, self.amount * part // 100))
            await self.world.sleep(self.world.rng.choice((0, 0, 40)))

    async def refund(self, number: int, amount: int) -> None:
        """Give an amount back under one key, until what became of it is known."""
        key = f"{self.name} refund {number}"
        reply = await insist(self.world, f"refund {self.payment_id}", lambda house: self._refund(house, key, amount))
        code = getattr(reply.error, "code", "")
        if reply.is_ok:
            # Its status moves on between two answers; which refund it is does not.
            self.world.answers.setdefault(key, []).append(reply.value.id.encode())
            if self.world.rng.random() < 0.1:
                await insist(self.world, f"cancel {reply.value.id}", lambda house: _cancel(house, reply.value.id))
        elif code == "refund_refused":
            answers = self.world.answers.setdefault(key, [])
            answers.append(reply.error.details["refund_id"].encode())
            if len(answers) == 1:
                # What was refused once may go through by now, but under another key.
                await self.refund(number, amount)
        elif code not in _HONEST_NOS:
            self.world.broken_promises.append(f"C5: a refund of {self.payment_id} was answered {reply.error!r}")

    async def cancel(self, house: House) -> Any:
        """Give the payment up."""
        return await house.payments.cancel_payment(SCOPE, self.payment_id)

    async def _create(self, house: House, *, variant: str = "", amount: int | None = None) -> Any:
        new = NewPayment(money=Money(amount or self.amount, "INR"), capture_method=self.method)
        mark = f"{self.name}{variant}{amount or ''}"
        return await house.payments.create_payment(SCOPE, new, key=self.name, fingerprint=mark, render=rendered)

    async def _refund(self, house: House, key: str, amount: int) -> Refund:
        return await house.refunds.create_refund(
            SCOPE, self.payment_id, NewRefund(amount=amount), key=key, fingerprint=key
        )

    async def _get(self, house: House) -> Payment:
        return await house.payments.get_payment(SCOPE, self.payment_id)

    async def _capture(self, house: House) -> Payment:
        return await house.outcomes.capture_payment(SCOPE, self.payment_id, amount=None)


async def _cancel(house: House, refund_id: str) -> Refund:
    return await house.refunds.cancel_refund(SCOPE, refund_id)


def rendered(payment: Payment) -> bytes:
    """Return an answer; the version makes answers of different moments differ (I13)."""
    said = {"id": payment.id, "order_id": payment.order_id, "status": payment.status, "version": payment.version}
    return json.dumps(said).encode()


class Customer:
    """Someone who was shown an order, and their bank."""

    def __init__(self, world: World, merchant: Merchant, order_id: str) -> None:
        self.world = world
        self.merchant = merchant
        self.order_id = order_id

    async def live(self) -> None:
        """Pay, or try to, in one of the ways in which it goes."""
        world = self.world
        order = world.processor.orders.get(self.order_id)
        if order is None:
            return
        await world.sleep(world.rng.choice((0, 1, 30, 300, 1200)))
        story = world.rng.choices(
            (self.succeed, self.fail, self.succeed_late, self.succeed_twice, self.pay_another_amount, self.leave),
            weights=(50, 8, 16, 14, 4, 8),
        )[0]
        await story(order)

    async def succeed(self, order: Order) -> None:
        """Pay once."""
        await pay(self.world, order, callback=self._call_back)

    async def fail(self, order: Order) -> None:
        """Be refused."""
        self.world.processor.fail(self.world.processor.pay(order))

    async def succeed_late(self, order: Order) -> None:
        """Be refused, and charged all the same up to three days later (B7)."""
        await pay_late(self.world, order)

    async def succeed_twice(self, order: Order) -> None:
        """Pay in two tabs (B20)."""
        self.world.start_outside(pay(self.world, order))
        await self.world.sleep(self.world.rng.choice((0, 0, 40)))
        await pay(self.world, order, callback=self._call_back)

    async def pay_another_amount(self, order: Order) -> None:
        """Pay something else than was asked, which should not be possible (B16)."""
        charge = self.world.processor.pay(order, amount=Money(order.request.amount.minor + 100, "INR"))
        await authorize(self.world, charge)

    async def leave(self, order: Order) -> None:
        """Close the tab."""

    async def _call_back(self, charge: Charge) -> None:
        world = self.world
        signature = f"{self.order_id}|{charge.id}"
        await world.ask(
            f"verify {self.merchant.payment_id}",
            lambda house: house.outcomes.verify_callback(
                SCOPE,
                self.merchant.payment_id,
                order_id=self.order_id,
                gateway_payment_id=charge.id,
                signature=signature,
            ),
        )


async def pay(world: World, order: Order, *, callback: Callable[[Charge], Any] | None = None) -> None:
    """Pay an order; the browser may come back to tell."""
    charge = world.processor.pay(order)
    await world.sleep(world.rng.choice((0, 3)))
    if callback is not None and world.rng.random() < 0.5:
        world.start_outside(_come_back(world, charge, callback))
    await authorize(world, charge)


async def pay_late(world: World, order: Order) -> None:
    """Pay an order, and be charged days after the bank had said no (B7)."""
    charge = world.processor.pay(order)
    world.processor.fail(charge)
    await world.sleep(world.rng.choice((10, 600, _DAY, 2.5 * _DAY)))
    await authorize(world, charge)


async def _come_back(world: World, charge: Charge, callback: Callable[[Charge], Any]) -> None:
    await world.sleep(world.rng.choice((0, 2, 20)))
    await callback(charge)


async def authorize(world: World, charge: Charge) -> None:
    """Let the bank say yes; then the processor captures at once, soon, or forgets to (C1)."""
    processor = world.processor
    processor.authorize(charge)
    if processor.automatic(charge) and world.rng.random() < 0.85:
        await world.sleep(world.rng.choice((0, 0, 1, 100)))
        if charge.status is AttemptStatus.AUTHORIZED:
            processor.capture(charge)
    await world.sleep(world.rng.choice((60, 600)))
    if processor.manners.knows_fees_late and charge.captured_at is not None:
        processor.charge_fee(charge)
    await world.sleep(_LAPSE_SECONDS)
    processor.lapse(charge)


async def settle(world: World, refund_id: str) -> None:
    """Bring a refund to its end, which may not be its last (C9)."""
    made = world.processor.repayments[refund_id]
    await world.sleep(world.rng.choice((0, 5, 600, 2 * _DAY)))
    fails = world.rng.random() < 0.2
    if made.status is RefundStatus.PENDING:
        world.processor.settle(made, succeeds=not fails)
    if world.rng.random() < 0.1:
        await world.sleep(_DAY)
        world.processor.settle(made, succeeds=False)


async def stray(world: World) -> None:
    """Somebody at the processor's dashboard: lets orders be paid that nobody was shown, and gives money back (C10)."""
    seen: set[str] = set()
    # Weeks later no check looks at a payment any more; whoever reads the lists hears of it all the same.
    much_later = (8 * _DAY,) if world.janitor.sweeps and world.rng.random() < 0.2 else ()
    for seconds in (1, 4, 25, 400, 4000, *much_later):
        await world.sleep(world.rng.choice((0, seconds)))
        shown = {order_id for orders in world.shown_orders.values() for order_id in orders}
        for order in list(world.processor.orders.values()):
            # Of an order that is nobody's only an event tells, or the walk through the processor's list of payments.
            if order.id not in shown | seen and world.hears_of_all and world.rng.random() < 0.5:
                seen.add(order.id)
                world.note("stray", "pays", order.id)
                world.start_outside(world.rng.choice((pay, pay, pay_late))(world, order))
        for charge in list(world.processor.charges.values()):
            if charge.captured_at is not None and world.rng.random() < 0.15:
                world.note("stray", "gives back from", charge.id)
                world.processor.repay_by_hand(charge, charge.amount.minor * world.rng.choice((20, 50, 100)) // 100)
