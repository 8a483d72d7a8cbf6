"""Entities to look at from the first minute, the same for the same seed number (razorpay.md section 13.7)."""

import random
from typing import Any

from razorpay_simulator.entities import CaptureRule, Customer, Downtime, Order
from razorpay_simulator.ids import Ids
from razorpay_simulator.processing import paying
from razorpay_simulator.processing.disputes import Claim, open_dispute
from razorpay_simulator.processing.paying import Outcome, Wish
from razorpay_simulator.processing.refunds import RefundRequest, refund
from razorpay_simulator.world import Account, World

_PEOPLE = (("Asha Rao", "asha.rao@example.com"), ("Vikram Nair", "vikram.nair@example.com"))
_WISHES = (
    Wish(method="card", outcome=Outcome.AUTHORIZE_ONLY),
    Wish(method="card", outcome=Outcome.SUCCESS),
    Wish(method="upi", outcome=Outcome.SUCCESS),
    Wish(method="netbanking", outcome=Outcome.SUCCESS),
    Wish(method="wallet", outcome=Outcome.FAILURE),
)


def plant(world: World, account: Account, number: int) -> dict[str, Any]:
    """Plant orders with payments, refunds, customers, an open dispute and a downtime, and return their ids."""
    lived = world.ids
    # Seeded entities have the same ids in every run with the same number; what comes later has fresh ones.
    world.ids = Ids(f"seed {number}")
    try:
        return _plant(world, account, random.Random(number))  # noqa: S311  reproducible amounts
    finally:
        world.ids = lived


def _plant(world: World, account: Account, dice: random.Random) -> dict[str, Any]:
    now, born = world.clock.seconds(), world.clock.now()
    for position, (name, email) in enumerate(_PEOPLE):
        customer_id = world.ids.new("cust")
        account.customers[customer_id] = Customer(
            id=customer_id,
            name=name,
            email=email,
            contact=f"+9190000{position:05}",
            gstin=None,
            created_at=now,
            born=born,
        )
    made = [_paid_order(world, account, wish, dice.randrange(100, 5000) * 100) for wish in _WISHES]
    captured = account.payments[made[1]]
    back = refund(world, account, captured, RefundRequest(amount=captured.amount // 2))
    down_id = world.ids.new("down")
    world.downtimes[down_id] = Downtime(
        id=down_id,
        method="netbanking",
        begin=now,
        created_at=now,
        updated_at=now,
        born=born,
        instrument={"bank": "COSB"},
    )
    disputed = account.payments[made[2]]
    dispute = open_dispute(world, account, disputed, Claim(amount=disputed.amount))
    return {
        "orders": [account.payments[payment_id].order_id for payment_id in made],
        "payments": made,
        "refunds": [back.id],
        "disputes": [dispute.id],
        "customers": list(account.customers),
        "downtimes": [down_id],
    }


def _paid_order(world: World, account: Account, wish: Wish, amount: int) -> str:
    is_automatic = wish.outcome is not Outcome.AUTHORIZE_ONLY
    order = Order(
        id=world.ids.new("order"),
        amount=amount,
        currency="INR",
        created_at=world.clock.seconds(),
        born=world.clock.now(),
        receipt=f"seed-{len(account.orders) + 1}",
        capture=CaptureRule(is_automatic=is_automatic),
    )
    account.orders[order.id] = order
    account.orders_by_receipt.setdefault(str(order.receipt), []).append(order)
    paying.pay(world, account, order, wish)
    return order.payment_ids[0]
